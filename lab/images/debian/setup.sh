#!/bin/sh
# A healthy Debian VM, as far as Azure Backup is concerned, that may run in a container. Also run by lab/Dockerfile.

ln -s /dev/null /etc/systemd/system/console-getty.service # a getty would take the console, which is a file of the machine's
ln -s /dev/null /etc/systemd/system/getty@.service
ln -s /dev/null /etc/systemd/system/apt-daily.timer # would hold apt's lock when a fix wants it
ln -s /dev/null /etc/systemd/system/apt-daily-upgrade.timer
useradd --uid 1000 --create-home --shell /bin/bash azureuser
useradd --uid 1001 --create-home --shell /bin/bash plain
sed -i 's/^AutoUpdate.Enabled=n$/AutoUpdate.Enabled=y/' /etc/waagent.conf
