#!/bin/sh
# The image's own repository instead of Debian's mirror, whose address stays in /srv/debian.list.

mv /etc/apt/sources.list /srv/debian.list
# shellcheck disable=SC2086 # names
offer $OFFERED
cp /tmp/waagent_*.deb /srv/apt/ 2>/dev/null || true
index
