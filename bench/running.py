"""Running commands and turning their times into rows."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 3


@dataclass(frozen=True)
class Ran:
    """One command: seconds by the clock, seconds of processor (its own and its children's), peak memory in MiB."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Row:
    """One line of the table: samples of a ratio or a number, and the bound that the median must keep."""

    name: str
    samples: Sequence[float]
    bound: float
    at_least: bool = False
    remark: str = ""

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool:
        """Whether the median keeps the bound."""
        return self.median >= self.bound if self.at_least else self.median <= self.bound

    def __str__(self) -> str:
        spread = f"{min(self.samples):.2f}-{max(self.samples):.2f}" if len(self.samples) > 1 else ""
        bound = f"{'>=' if self.at_least else '<='} {self.bound:g}"
        return f"{self.name:<58} {self.median:>7.2f}  {spread:<13} {bound:<7} {'' if self.is_met else 'OVER':<5}{self.remark}".rstrip()


def run(
    command: Sequence[str | Path], *, stdin: bytes = b"", status: Sequence[int] = (0,), environment: Mapping[str, str] | None = None
) -> Ran:
    """Run to its end. Raises SystemExit with its output when it ends otherwise than expected."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output:  # not pipes: ansible leaves processes
        given.write(stdin)
        given.seek(0)
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**variables, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
        _, code, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode not in status:
            output.seek(0)
            said = output.read().decode(errors="replace")[-4000:]
            raise SystemExit(f"bench: {' '.join(map(str, command))} ended with {process.returncode}:\n{said}")
    return Ran(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def alternating(*commands: Callable[[], Ran], rounds: int = ROUNDS) -> list[list[Ran]]:
    """Each command in turn, that many times: what loads the machine meanwhile loads them all."""
    results: list[list[Ran]] = [[] for _ in commands]
    for _ in range(rounds):
        for place, command in enumerate(commands):
            results[place].append(command())
            print(".", end="", flush=True)
    return results


def pytest(*arguments: str | Path) -> list[str | Path]:
    """pytest as users have it: without the plugins that only developers of the suite install."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]


def plain_pytest(*arguments: str | Path) -> list[str | Path]:
    """pytest and nothing else. To be run with PYTEST_DISABLE_PLUGIN_AUTOLOAD=1."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={ROOT}/bench/peers", *arguments]


def reports(directory: Path) -> list[str]:
    """The options for every report."""
    return [
        f"--json={directory}/run.json",
        f"--junitxml={directory}/run.xml",
        f"--html={directory}/run.html",
        "--self-contained-html",
    ]
