#!/bin/sh
# A machine of its own, not a container.

rm /etc/systemd/system/walinuxagent.service.d/container.conf # here Debian's own condition is met
ln -s /dev/null /etc/systemd/system/serial-getty@.service    # the console is for messages
