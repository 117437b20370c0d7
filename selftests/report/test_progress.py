"""The progress while VMs are read: on a terminal only, in one line, and gone before results are written."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from backup_preflight.collect.gather import Progress
from backup_preflight.report.progress import words
from selftests.command import PYTEST
from selftests.report.runs import PIPELINES, ROOT


@pytest.mark.parametrize(
    ("progress", "seconds", "width", "said"),
    [
        (Progress(40, 8, 12, 1), 10.0, 100, "reading VMs: 12 of 40 read, 1 could not be read, 8 being read, 19 waiting, about 21 s left"),
        (Progress(40, 40, 0, 0), 10.0, 100, "reading VMs: 0 of 40 read, 40 being read"),
        (Progress(1000, 50, 300, 0), 300.0, 100, "reading VMs: 300 of 1000 read, 50 being read, 650 waiting, about 12 min left"),
        (Progress(40, 8, 12, 1), 10.0, 59, "13 of 40 VMs, about 21 s left"),
        (Progress(40, 8, 12, 1), 10.0, 20, "13 of 40 VMs, about "),
    ],
)
def test_words(progress: Progress, seconds: float, width: int, said: str) -> None:
    assert words(progress, seconds, width) == said
    assert len(said) <= width


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the suite writes to a real terminal of 100 columns."""
    ours, theirs = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "PY_COLORS", "PYTEST_ADDOPTS", *PIPELINES}}
    process = subprocess.Popen(
        [*PYTEST, *arguments],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", **environment},
    )
    os.close(theirs)
    said = bytearray()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            said += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    process.kill()
    process.wait()
    os.close(ours)
    return said.decode()


PROGRESS = "reading VMs: "


@pytest.mark.parametrize(
    ("options", "environment", "shown"),
    [
        ([], {}, True),
        (["--color=no"], {}, True),
        (["-q"], {}, False),
        ([], {"TERM": "dumb"}, False),
        (["-n1"], {}, False),
    ],
    ids=["terminal", "no colour", "quiet", "dumb", "xdist"],
)
def test_on_a_terminal(options: list[str], environment: dict[str, str], shown: bool, silent_server: int) -> None:
    hosts = f"--hosts=paramiko://127.0.0.1:{silent_server}?timeout=2,recorded://examples/bad-vm.recording"
    said = on_a_terminal(hosts, "-k", "connection or agent", *options, **environment)
    assert "could not be read" in said
    assert (PROGRESS in said) == shown, said
    if "--color=no" in options:
        assert "\x1b" not in said
    for line in re.sub(r"\x1b\[[0-9;]*m", "", said).replace("\r\n", "\n").split("\n"):
        before = line.split("\r")
        # Whatever stands in a line at last has replaced all of the progress.
        assert PROGRESS not in before[-1]
        assert all(len(piece) <= 99 for piece in before if PROGRESS in piece)


def test_in_a_pipe_there_is_none(silent_server: int) -> None:
    command = [*PYTEST, f"--hosts=paramiko://127.0.0.1:{silent_server}?timeout=2"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert "could not be read" in done.stdout
    assert PROGRESS not in done.stdout
    assert "\r" not in done.stdout
