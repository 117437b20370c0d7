"""Run reports to show in the browser: recordings judged once, under as many names as wanted."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.recording import load
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm
from backup_preflight.verdict import Judge, Result, Rules, read, unreachable
from selftests.recordings import real_recordings

ROOT = Path(__file__).parents[3]
REAL = ROOT / "selftests/real"
STARTED = datetime(2026, 5, 28, 20, 26, tzinfo=timezone.utc)


@functools.cache
def judged(path: Path) -> tuple[Result, ...]:
    """Every result of one recording, that of reading it first."""
    facts = LinuxFacts(load(path))
    judge = Judge("", facts, Rules(Edition.CURRENT), {})
    first = read("", facts.description, "linux", "")
    return (first, *(judge.result(check) for check in catalogue().values() if not check.of_fleet))


def vm(name: str, path: Path) -> Vm:
    """A VM with the results of a recording."""
    found = Vm(name)
    for result in judged(path):
        found.add(replace(result, target=name))
    return found


def dead(name: str) -> Vm:
    """A VM that could not be read."""
    problem = ConnectionProblem(Problem.TIMEOUT, "no answer on port 22 within 10 s", "Check the name, the port and the firewall.")
    return Vm(name, results=[unreachable(name, problem)])


def run_report(*vms: Vm) -> RunReport:
    """The run over these VMs."""
    return RunReport(vms, Edition.CURRENT, 1, STARTED, 61.0)


def fleet(count: int) -> RunReport:
    """Many VMs: one in six healthy, one in fifty out of reach, the others with the lab's faults."""
    recordings = real_recordings()
    names = [f"vm-{number:04}" for number in range(count)]
    return run_report(*(_one(number, name, recordings) for number, name in enumerate(names)))


def _one(number: int, name: str, recordings: list[Path]) -> Vm:
    if number % 50 == 49:
        return dead(name)
    healthy = REAL / "healthy.recording"
    return vm(name, healthy if number % 6 == 0 else recordings[number % len(recordings)])
