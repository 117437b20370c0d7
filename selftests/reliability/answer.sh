#!/bin/sh
# A VM that answers at once what a real guest of the lab has answered: a forced command of a real sshd.
# Argument: the recording. From standard input it takes only the nonce, which it puts into the frame.
IFS='=' read -r _ nonce
cat >/dev/null
old=$(sed -n '2s/ .*//p' "$1")
sed -e 1d -e "s/^$old /$nonce /" "$1"
