#!/bin/sh
# /tmp/agent: the files of Debian's agent, with the unit and the settings of the other distributions, for them to pack.

version=$(dpkg-deb --field /srv/apt/waagent_*.deb Version)
version=${version%-*}
dpkg-deb --extract /srv/apt/waagent_*.deb /tmp/agent
rm -r /tmp/agent/etc/init.d /tmp/agent/etc/logrotate.d /tmp/agent/usr/share /tmp/agent/lib
sed -i -e 's/^AutoUpdate.Enabled=n$/AutoUpdate.Enabled=y/' -e 's/^OS.EnableFirewall=n$/OS.EnableFirewall=y/' \
  -e 's/^Provisioning.Agent=.*/Provisioning.Agent=auto/' /tmp/agent/etc/waagent.conf
install -d -m 700 /tmp/agent/var/lib/waagent
units=/etc/systemd/system
rm "$units/walinuxagent.service.d/container.conf" "$units/walinuxagent.service.d/restart.conf" # the other unit needs neither
