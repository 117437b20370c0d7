"""A lab leaves nothing behind, however it ends, and several run side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lab.client import RunningLab, find, start, sweep

_START = """
from lab.client import start
process, lab = start(["debian-12"])
lab.lab.start("victim")
print(lab.directory, process.pid, flush=True)
input()
"""


def _mounts() -> set[str]:
    """Where something is mounted, but for what other selftests mount meanwhile in folders of their own."""
    points = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    return {point for point in points if "/pytest-of-" not in point}


def _of(lab: str) -> list[str]:
    """Processes, control groups and the folder of a lab."""
    processes = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if lab.encode() in _read(path)]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/backup-preflight-lab/{lab.rpartition('-')[2]}")]
    return processes + groups + ([lab] if Path(lab).exists() else [])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _until_nothing_is_left(lab: str) -> list[str]:
    end = time.monotonic() + 20
    while _of(lab) and time.monotonic() < end:
        time.sleep(0.1)
        sweep()  # what the next lab does when it starts
    return _of(lab)


def test_nothing_is_left_after_a_kill(lab: RunningLab) -> None:
    """The program that uses the lab is killed: the kernel ends the lab with it. Another lab runs meanwhile and goes on."""
    before = _mounts()
    program = subprocess.Popen([sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout
    directory = program.stdout.readline().split()[0]
    assert _of(directory)
    program.kill()
    program.wait()
    assert _until_nothing_is_left(directory) == []
    assert _mounts() == before
    assert lab.lab.names() is not None


def test_nothing_is_left_after_the_first_process_is_killed(lab: RunningLab) -> None:
    del lab  # for its images
    process, other = start(["debian-12"])
    other.lab.start("victim")
    os.kill(other.pid, signal.SIGKILL)
    process.wait()
    assert _until_nothing_is_left(str(other.directory)) == []


def test_a_lab_that_stays_is_found_and_ended(lab: RunningLab) -> None:
    """What ``make lab-shell`` and ``make lab-down`` rely on; they must not take a lab of somebody else's."""
    process, other = start(["debian-12"], detached=True)
    try:
        assert find().directory == other.directory != lab.directory
    finally:
        other.close()
        process.wait()
    assert _of(str(other.directory)) == []
    assert Path("/dev/null").stat().st_mode & 0o777 == 0o666
