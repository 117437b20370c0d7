#!/bin/sh
# A stub of VMSnapshotLinux. As in the real one, only "enable" and "daemon" run Python: the first of these names with which
# handle.py succeeds.
command=$1
cd "$(dirname "$0")/.." || exit 1
log=$(sed -n 's/.*"logFolder": *"\([^"]*\)".*/\1/p' HandlerEnvironment.json)
say() { echo "$(date -u)- $1" >>"${log:-.}/shell.log"; }

case $command in
  enable | daemon) ;;
  install | disable | update | uninstall) say "$command: nothing to do" && exit 0 ;;
  *) say "unknown command: $command" && exit 1 ;;
esac

status=3
for directory in /usr/bin /usr/local/bin; do
  for name in python3.8 python3.7 python3.6 python3.5 python3.4 python3.3 python3 python2.7 python2.6 python2 python; do
    python=$directory/$name
    [ -x "$python" ] || continue
    "$python" -B main/handle.py "$command" 2>>"${log:-.}/shell.log"
    status=$?
    say "$python: $command ended with $status"
    [ "$status" -ne 0 ] || exit 0
  done
done
[ "$status" -ne 3 ] || say "python version unknown"
exit "$status"
