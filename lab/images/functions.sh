#!/bin/sh
# For the setup.sh of all images: what runs in the image while it is built.

build() { # the packages of a layer, then each part of the recipe
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # no package may start a service
  chmod +x /usr/sbin/policy-rc.d
  if [ "$BELOW" ]; then
    mirror -qq update
    # shellcheck disable=SC2046,SC2086 # names; with a minus behind it a package is removed
    mirror -y --purge install $PACKAGES $(for package in $REMOVE; do echo "$package-"; done)
  fi
  umount /etc/resolv.conf # the machine's
  for part in $RECIPE; do
    (cd "/mnt/$part" && if [ -d root ]; then cp -r root/. /; fi)
    # shellcheck source=/dev/null
    . "/mnt/$part/setup.sh"
  done
  rm /usr/sbin/policy-rc.d
  finish
}

mirror() { # COMMAND...: apt-get with Debian's mirror, which guests do not have
  apt-get -o Dir::Etc::SourceList=/srv/debian.list -o Dir::Etc::SourceParts=/dev/null -o Dir::Cache::archives=/media/archives \
    -o Dir::State::lists=/media/lists "$@"
}

offer() { # PACKAGE...: puts the packages, as they are installed, into the image's own repository
  mkdir -p /srv/apt
  for package; do
    # shellcheck disable=SC2016 # for dpkg-query
    cp "/media/archives/$(dpkg-query -W -f '${Package}_${Version}_${Architecture}.deb' "$package" | sed 's/:/%3a/')" /srv/apt/
  done
}

index() { # makes the repository known to apt
  for file in /srv/apt/*.deb; do
    dpkg-deb --field "$file"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"
  done >/srv/apt/Packages
  printf 'deb [trusted=yes] file:/srv/apt ./\n' >/etc/apt/sources.list.d/local.list
  apt-get -qq update
}

networkd() { # systemd's way to configure network and DNS
  systemctl enable systemd-networkd systemd-resolved
  ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
}

finish() { # an image has been set up, and has no identity, no documentation and no leftovers of its building
  touch /var/lib/waagent/provisioned # cloud-init's task, for which the agent would wait
  rm -f /etc/ssh/ssh_host_* /var/cache/apt/*.bin /var/lib/dbus/machine-id
  : >/etc/machine-id
  find /usr/share/doc /usr/share/info /usr/share/locale /usr/share/man -mindepth 1 -delete
  find /var/log /var/cache/debconf -type f -delete
}
