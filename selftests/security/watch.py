"""Everything that a program and its children are started with: each argv and each environment, as the kernel sees them.

strace records every execve; looking into /proc would miss what lives for a millisecond.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from selftests.sshd import missing

_STRACE = ("strace", "-f", "-v", "-s", "1000000", "-e", "trace=execve", "-e", "signal=none")


def watched(log: Path, command: Sequence[str]) -> list[str]:
    """The command line that runs a program and writes what its children are started with to ``log``."""
    needs_strace()
    return [*_STRACE, "-o", str(log), *command]


def children(log: Path) -> list[str]:
    """One line for each program that was started, but the first: what that one is given is the caller's choice."""
    return [line for line in log.read_text(errors="replace").splitlines() if "execve(" in line][1:]


@contextmanager
def watching(pid: int, log: Path) -> Iterator[None]:
    """The same for a process that runs already, such as a server."""
    needs_strace()
    process = subprocess.Popen([*_STRACE, "-o", str(log), "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()  # "Process … attached"
    try:
        yield
    finally:
        process.terminate()
        process.communicate()


def needs_strace() -> None:
    if shutil.which("strace") is None:
        missing("strace is missing: apt-get install strace")
