#!/bin/sh
# Names, rpm database, zypper and ifcfg files of SLES 15.

make_rpms python-azure-agent kernel-default
rm /etc/network/interfaces
mkdir -p /var/lib/dhclient
systemctl enable network.service
