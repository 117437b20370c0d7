"""The suite's own process is killed: what it had read stays whole, and can be judged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_preflight import files
from backup_preflight.recording import load
from selftests.command import PYTEST
from selftests.reliability.lab import REAL, Lab
from selftests.reliability.machine import ROOT
from selftests.reliability.server import silent
from selftests.sshd import missing

_WRITER = """
import itertools, sys
from dataclasses import replace
from pathlib import Path
from backup_preflight.recording import load, save
found = load(Path(sys.argv[1]))
print(flush=True)
for number in itertools.count():
    save(replace(found, target=str(number)), Path(sys.argv[2]), f"vm{number % 3}")
"""


@pytest.fixture
def lab(isolated_network: None) -> Iterator[Lab]:  # noqa: ARG001  (asked for, not used)
    made = Lab()
    yield made
    made.close()


def suite(*arguments: str) -> list[str]:
    return [*PYTEST, "-q", *arguments]


def environment() -> dict[str, str]:
    return {**{key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}, "PYTHONPATH": str(ROOT)}


def test_what_was_read_is_judged_after_the_controller_was_killed(lab: Lab, tmp_path: Path) -> None:
    names = ["vm1", "vm2", "vm3"]
    for name in names:
        lab.healthy(name)
    lab.misbehaving("slow", silent)
    kept = tmp_path / "kept"
    hosts = f"--hosts={','.join(['slow', *names])}"
    with subprocess.Popen(
        suite(hosts, f"--ssh-config={lab.config}", f"--record={kept}"), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL
    ) as process:
        while len(list(kept.glob("*.recording"))) < len(names):
            assert process.poll() is None, "it ended before the slow VM did"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    (kept / ".0123456789abcdef.partial").write_bytes(b"half of a recor")
    (kept / ".vm4.recording").write_bytes(b"of another program")
    done = subprocess.run(
        suite(f"--hosts=recorded://{kept}"), cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "All 3 VMs ready for Azure Backup" in done.stdout


def test_no_moment_shows_half_of_a_recording(tmp_path: Path) -> None:
    """Killed in the middle of writing, again and again."""
    for _ in range(10):
        command = [sys.executable, "-c", _WRITER, str(REAL / "healthy.recording"), str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            while not list(tmp_path.glob("vm*.recording")):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        for path in tmp_path.glob("*.recording"):
            assert load(path).system == "linux"


def test_leftovers_go_when_they_are_old(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in (".old.partial", ".new.partial", "vm.recording"))
    for path in (old, new, other):
        path.write_bytes(b"x")
        if path != new:
            os.utime(path, (0, 0))
    files.remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == [new, other]


def test_a_file_is_replaced_and_a_device_is_not(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    files.write_atomically(path, [b"n", b"ew"])
    assert path.read_text() == "new"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    files.write_atomically(fifo, [b"through"])
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert fifo.is_fifo()
    assert sorted(tmp_path.iterdir()) == [fifo, path]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    link = tmp_path / "vm.recording"
    link.symlink_to(outside)
    files.write_atomically(link, [b"new"], private=True)
    assert outside.read_text() == "precious"
    assert link.read_bytes() == b"new"
    assert link.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_here_is_said_once_for_each_vm(lab: Lab, tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tmp_path], check=False).returncode:
        missing("needs the right to mount")
    try:
        lab.healthy("vm1")
        done = subprocess.run(
            suite("--hosts=vm1", f"--ssh-config={lab.config}", f"--record={tmp_path}"),
            cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert "vm1: was read, but its recording could not be written" in done.stdout
        assert "No space left on device" in done.stdout
        assert done.returncode == 10
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)
