#!/bin/sh
# Names, rpm database and systemd-networkd of Azure Linux 3.

make_rpms WALinuxAgent kernel
ln -s dnf /usr/bin/tdnf # stands in for tdnf, which Debian does not have; these commands are alike
ln -s dnf /usr/bin/yum  # as Azure Linux links yum to tdnf
rm /etc/network/interfaces
networkd
