#!/bin/sh
# A VM that answers at once what a real guest of the lab has answered: a forced command of a real sshd.
# Argument: the recording as lab.py has prepared it. Of standard input it takes the nonce and what became of sudo.
nonce='' sudo=no
for _ in 1 2 3 4 5; do # the parameters, in any order
  IFS='=' read -r key value
  case $key in nonce) nonce=$value ;; sudo) sudo=$value ;; esac
done
cat >/dev/null
exec sed -e "s/^@NONCE@ /$nonce /" -e "s/^sudo=.*/sudo=$sudo/" "$1"
