"""Faults of the guest while, or before, the collector runs. What comes without the real collector is a real guest's answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from backup_preflight.errors import Problem
from selftests.reliability.lab import Fault, Lab

_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
_FULL = """exec unshare --mount --propagation private sh -c '
for each in /tmp /var/tmp /run /var/log /dev/shm "$HOME"; do
  mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs "$each"
  head -c 10000 /dev/zero >"$each/full" 2>/dev/null
done
exec sh -s'
"""


def faults(lab: Lab) -> Iterator[Fault]:
    """Each a server of its own, whose forced command runs the collector and does the harm."""
    yield from _dies(lab)
    yield from _lacks(lab)
    yield from _talks(lab)
    yield from _lies(lab)


def _forced(lab: Lab, name: str, text: str) -> None:
    lab.vm(name, lab.sshd(forced=lab.script(name, text)))


def _dies(lab: Lab) -> Iterator[Fault]:
    _forced(lab, "connection-killed", f"{lab.recorded()} | {{ head -c 3000; kill -9 $PPID; }}\n")
    yield Fault("connection-killed", "the session's sshd is killed in the middle of the collector", Problem.DROPPED)
    # Only once both transports have come, or 30 seconds later: whoever comes after it finds a closed port, which is another fault.
    both = "for _ in $(seq 150); do if [ $(wc -l </run/rebooting.sessions) -ge 2 ]; then break; fi; sleep 0.2; done"
    killed = f"echo >>/run/rebooting.sessions; {both}; kill -9 $(cat /run/rebooting.pid) $PPID"
    text = f"{lab.recorded()} | {{ head -c 3000; {killed}; }}\n"
    server = lab.sshd("PidFile /run/rebooting.pid", forced=lab.script("rebooting", text))
    lab.vm("guest-reboots", server)
    yield Fault("guest-reboots", "sshd and all its sessions are killed in the middle of the collector", Problem.DROPPED)
    _forced(lab, "guest-freezes", f"{lab.recorded()} | {{ head -c 3000; kill -STOP $PPID; }}\n")
    yield Fault("guest-freezes", "SIGSTOP of the session's sshd in the middle of the collector", (Problem.TIMEOUT, Problem.DROPPED))
    server = lab.sshd(forced=lab.recorded())
    lab.vm("guest-frozen", server)
    os.kill(server.pid, signal.SIGSTOP)
    lab.stack.callback(os.kill, server.pid, signal.SIGCONT)
    yield Fault("guest-frozen", "SIGSTOP of sshd before the run: the kernel still takes connections", Problem.TIMEOUT)
    _forced(lab, "collector-killed", f"{lab.recorded()} | {{ head -c 3000; kill -9 $$; }}\n")
    yield Fault("collector-killed", "SIGKILL of the collector's shell, as by the kernel when memory is short", Problem.ENDED)
    _forced(lab, "collector-ends", f"{lab.recorded()} | head -c 3000\n")
    yield Fault("collector-ends", "the output ends in the middle, with status 0", Problem.ENDED)
    _forced(lab, "collector-hangs", f"{lab.recorded()} | {{ head -c 3000; exec sleep 1000; }}\n")
    yield Fault("collector-hangs", "the collector never ends", Problem.TIMEOUT)


def _lacks(lab: Lab) -> Iterator[Fault]:
    _forced(lab, "disk-full", _FULL)
    yield Fault("disk-full", "no byte and no inode free in /tmp, /var/tmp, /run, /var/log, the home directory", None)
    for name, most in (("forks-exhausted", 0), ("forks-scarce", 8)):
        shell = lab.directory / name
        shell.write_text(f'#!/bin/bash\nulimit -u {most}\nexec /bin/sh "$@"\n')
        shell.chmod(0o755)
        lab.vm(name, lab.sshd(), user=lab.account(name, shell=str(shell)))
        yield Fault(name, f"ulimit -u {most}: the account may have no more processes", Problem.ENDED)


def _talks(lab: Lab) -> Iterator[Fault]:
    _forced(lab, "output-endless", "exec yes spam\n")
    yield Fault("output-endless", "`yes` instead of the collector", Problem.OUTPUT)
    _forced(lab, "output-1-gb", "head -c 1073741824 /dev/zero | tr '\\0' x\n")
    yield Fault("output-1-gb", "1 GB in one line", Problem.OUTPUT)
    _forced(lab, "output-1-gb-framed", f"{lab.recorded()} | {{ head -c 3000; head -c 1073741824 /dev/zero; }}\n")
    yield Fault("output-1-gb-framed", "1 GB of NUL bytes within a section", Problem.OUTPUT)
    _forced(lab, "errors-endless", "exec yes spam >&2\n")
    yield Fault("errors-endless", "`yes` on standard error", Problem.OUTPUT)
    noise = f"head -c 100000 /dev/urandom; head -c 1000 /dev/zero; printf '\\377\\376\\n'; exec {lab.recorded()}\n"
    _forced(lab, "noise-before", noise)
    yield Fault("noise-before", "100 KB of random bytes, NULs and invalid UTF-8 before the collector's output", None)
    within = f"{lab.recorded()} | sed -e 's/^release=.*/release=\\x00\\xff\\xfe\\x1b[2J/' -e 's/^WALinuxAgent/\\x00\\xc3(&/'\n"
    _forced(lab, "noise-within", within)
    yield Fault("noise-within", "NULs, invalid UTF-8 and escape sequences within sections", None)


def _lies(lab: Lab) -> Iterator[Fault]:
    # The clock advances an hour each time that somebody looks at it.
    server = lab.sshd(f'SetEnv LD_PRELOAD={_FAKETIME} "FAKETIME=@2026-01-01 00:00:00 i3600" DONT_FAKE_MONOTONIC=1', forced="sh -s")
    lab.vm("clock-jumps", server)
    yield Fault("clock-jumps", "libfaketime: each look at the clock is an hour after the last one", None)
    user = lab.account("hijacked", shell="/bin/bash")
    home = lab.directory / f"home-{user}"
    planted = home / "bin"
    planted.mkdir()
    names = ("grep", "sed", "awk", "cat", "head", "tail", "date", "id", "tr", "stat", "ls", "env", "timeout", "printf")
    for name in names:
        (planted / name).write_text("#!/bin/sh\necho hijacked; exit 1\n")
        (planted / name).chmod(0o755)
    functions = "".join(f"{name}() {{ echo hijacked; return 1; }}; export -f {name}; alias {name}='echo hijacked'\n" for name in names)
    (home / ".bashrc").write_text(f"{functions}cd() {{ echo hijacked; }}; export -f cd\nexport PATH={planted}:$PATH ENV={home}/.bashrc\n")
    environment = "GREP_OPTIONS=-v POSIXLY_CORRECT=1 CDPATH=/tmp IFS=e TZ=Asia/Seoul LANG=ko_KR.UTF-8 LC_ALL=de_DE.UTF-8"
    lab.vm("environment-hijacked", lab.sshd(f"SetEnv BASH_ENV={home}/.bashrc {environment}"), user=user)
    how = "programs planted in PATH, exported functions, aliases, ENV, BASH_ENV, CDPATH, IFS, locale"
    yield Fault("environment-hijacked", how, None)
