#!/bin/sh
# A real rpm database and a repository, both with rpms made here.

# As the time of installing, as otherwise it would be after the machine's, and so the guest's, last boot.
export SOURCE_DATE_EPOCH=1735689600

rm -r /srv/apt /etc/apt/sources.list.d/local.list

make_rpm() { # SPEC OPTION...
  spec=/mnt/rpm/$1 && shift
  rpmbuild -bb --quiet --define '_topdir /tmp/rpm' --define '_rpmdir /srv/rpm' --define '_rpmfilename %%{NAME}-%%{VERSION}.rpm' \
    --define '_binary_payload w1.gzdio' "$@" "$spec"
}

rpm_of() { # NAME [DEBIAN-PACKAGE...]: with their files, or with none, where only the database is asked for it
  name=$1 listed='' && shift
  : >/tmp/files
  # shellcheck disable=SC2016 # for dpkg-query
  rpm_version=$(dpkg-query -W -f '${Version}' "${1:-libc6}" | tr -c '0-9.' _)
  if [ $# -gt 0 ]; then
    listed='listed -f /tmp/files'
    dpkg -L "$@" | sed -E 's#^/(bin|sbin|lib)/#/usr/\1/#' | while read -r path; do
      if [ ! -d "$path" ] && [ -e "$path" ]; then echo "$path"; fi
    done | sort -u >/tmp/files
  fi
  make_rpm files.spec --define "package $name" --define "package_version $rpm_version" ${listed:+--define "$listed"}
}

make_rpms() { # AGENT KERNEL: names of these packages
  # shellcheck disable=SC2154 # agent/setup.sh sets it
  make_rpm agent.spec --define "agent $1" --define "agent_version $version"
  for name in bash coreutils openssl; do rpm_of "$name" "$name"; done
  rpm_of util-linux util-linux mount
  for name in "$2" glibc systemd; do rpm_of "$name"; done
  rpm --initdb
  rpm --force-debian -U --replacefiles /srv/rpm/*.rpm
  createrepo_c --quiet /srv/rpm
}
