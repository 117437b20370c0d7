#!/bin/sh
# shellcheck disable=SC2154 # $version comes from agent/setup.sh
# Names, netplan and systemd-networkd of Ubuntu 22.04, and the agent in a package of Ubuntu's name.

install -D -m 644 /mnt/agent/waagent.service /tmp/agent/lib/systemd/system/walinuxagent.service
mkdir /tmp/agent/DEBIAN
cat >/tmp/agent/DEBIAN/control <<EOF
Package: walinuxagent
Version: $version-0ubuntu1
Architecture: all
Maintainer: The lab
Depends: python3-distro, python3-pkg-resources, python3:any, ca-certificates, openssl
Conflicts: waagent
Description: Azure Linux agent
 Debian's Azure Linux agent for the lab.
EOF
echo /etc/waagent.conf >/tmp/agent/DEBIAN/conffiles
cat >/tmp/agent/DEBIAN/postinst <<'EOF'
#!/bin/sh
set -e
deb-systemd-helper unmask walinuxagent.service >/dev/null || true
if deb-systemd-helper --quiet was-enabled walinuxagent.service; then deb-systemd-helper enable walinuxagent.service >/dev/null; fi
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload
  deb-systemd-invoke restart walinuxagent.service
fi
EOF
cat >/tmp/agent/DEBIAN/prerm <<'EOF'
#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then deb-systemd-invoke stop walinuxagent.service; fi
EOF
chmod 755 /tmp/agent/DEBIAN/postinst /tmp/agent/DEBIAN/prerm
rm /srv/apt/waagent_*.deb
dpkg-deb --root-owner-group --build /tmp/agent "/srv/apt/walinuxagent_$version-0ubuntu1_all.deb"
index
apt-get -y install walinuxagent
rm /etc/network/interfaces
chmod 600 /etc/netplan/*
networkd
