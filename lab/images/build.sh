#!/bin/sh
# Builds one image for build.py, which gives everything in the environment. Runs in a mount and a PID namespace of its own.
set -eu
umask 022

debian() { # with mmdebstrap; what it downloads goes to $DOWNLOADS
  # shellcheck disable=SC2016 # $1 and $DOWNLOADS are for the hooks' shell
  mmdebstrap --mode=root --variant=apt --dpkgopt=force-unsafe-io \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --skip=essential/unlink,download/empty,cleanup \
    --setup-hook='mkdir -p "$1/var/cache/apt/archives" "$1/var/lib/apt/lists"' \
    --setup-hook='mount --bind "$DOWNLOADS/archives" "$1/var/cache/apt/archives"' \
    --setup-hook='mount --bind "$DOWNLOADS/lists" "$1/var/lib/apt/lists"' \
    --include="$PACKAGES" "$SUITE" "$DRAFT/tree"
  umount "$DRAFT/tree/var/cache/apt/archives" "$DRAFT/tree/var/lib/apt/lists"
  root=$DRAFT/tree
}

layer() { # over $BELOW
  root=$DRAFT/root
  mkdir "$root" "$DRAFT/work"
  mount -t overlay overlay -o "lowerdir=$BELOW,upperdir=$DRAFT/tree,workdir=$DRAFT/work" "$root"
}

mount_all() { # what programs in the image need, and in /mnt and /media what setup.sh does
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom; do cp -a "/dev/$device" "$root/dev/"; done
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
  mount --bind "$IMAGES" "$root/mnt"
  mount --bind "$DOWNLOADS" "$root/media"
}

if [ "$BELOW" ]; then layer; else debian; fi
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
: >"$root/etc/resolv.conf"
mount_all
if [ "$NEWER_AGENT" ]; then cp "$NEWER_AGENT"/srv/apt/waagent_*.deb "$root/tmp/"; fi
# shellcheck disable=SC2016 # for the image's shell
chroot "$root" sh -euxc '. /mnt/functions.sh; build'
umount -R "$root/proc" "$root/dev" "$root/run" "$root/tmp" "$root/mnt" "$root/media"
if [ "$BELOW" ]; then umount "$root"; fi
