"""One run with a VM for every fault among healthy ones: what each is reported as, after how long, and what became of the others.

``python -m selftests.reliability.faults FILE`` within a machine of its own (machine.py) writes what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.collect.gather import Gathering, Outcome
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import Recording
from backup_preflight.report.message import render
from backup_preflight.targets import Options, Target, expand, register_backends
from backup_preflight.targets.secret import Secret
from backup_preflight.verdict import Judge, Rules, read, unreachable
from selftests.reliability import guest, login, machine, network, windows
from selftests.reliability.lab import HEALTHY, Fault, Lab
from selftests.reliability.server import name_server
from selftests.winrm.helpers import ACCOUNT

FORKS = 200
TRANSPORTS = ("paramiko", "ssh", "winrm")


@dataclass
class Timed:
    """A target that tells how long its reading took."""

    target: Target
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return self.target.id

    @property
    def scheme(self) -> str:
        return self.target.scheme

    def read(self) -> Recording:
        started = time.monotonic()
        try:
            return self.target.read()
        finally:
            self.seconds = time.monotonic() - started


@dataclass(frozen=True)
class Row:
    """What became of one fault. ``shown``: the first lines of the result; ``expected`` and ``kind``: the problem's words, "read" for none."""

    transport: str
    fault: str
    how: str
    expected: list[str]
    kind: str
    shown: list[str]
    seconds: float
    affected: list[str]


def run() -> list[Row]:
    """All transports at once, in this process."""
    register_backends()
    lab = Lab()
    try:
        with name_server(machine.RESOLVER):
            return _run(lab)
    finally:
        lab.close()


def _run(lab: Lab) -> list[Row]:
    lab.healthy()
    lab.healthy("first")
    lab.healthy("last")
    over_ssh = [*network.faults(lab), *login.faults(lab), *guest.faults(lab), *network.middle(lab, _length(lab))]
    over_winrm = list(windows.faults(lab))
    neighbour = windows.healthy(lab)
    options = Options(ssh_config=str(lab.config), password=Secret(ACCOUNT.password))
    rows: dict[str, list[Row]] = {}

    def transport(scheme: str, faults: list[Fault], neighbours: list[str]) -> None:
        rows[scheme] = _transport(scheme, faults, neighbours, options)

    threads = [
        threading.Thread(target=transport, args=(scheme, over_ssh, [f"{scheme}://first", f"{scheme}://{HEALTHY}", f"{scheme}://last"]))
        for scheme in ("paramiko", "ssh")
    ]
    threads.append(threading.Thread(target=transport, args=("winrm", over_winrm, [neighbour])))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [row for scheme in TRANSPORTS for row in rows[scheme]]


def _length(lab: Lab) -> int:
    """How many bytes a healthy VM sends for a whole reading."""
    server = lab.sshd(forced=lab.recorded())
    counted: list[int] = []
    lab.counted("counted", server, counted)
    _gather(["paramiko://counted"], Options(ssh_config=str(lab.config)))
    return sum(counted)


def _transport(scheme: str, faults: list[Fault], neighbours: list[str], options: Options) -> list[Row]:
    alone, _ = _gather(neighbours, options)
    healthy = {id_: _verdicts(id_, outcome) for id_, outcome in alone.items()}
    entries = [fault.entry or f"{scheme}://{fault.name}{'?sudo=true' if fault.sudo else ''}" for fault in faults]
    half = len(neighbours) // 2
    outcomes, seconds = _gather([*neighbours[:half], *entries, *neighbours[half:]], options)
    affected = [id_ for id_, verdicts in healthy.items() if _verdicts(id_, outcomes[id_]) != verdicts]
    return [_row(scheme, fault, outcomes[fault.name], seconds[fault.name], affected) for fault in faults]


def _gather(entries: Iterable[str], options: Options) -> tuple[dict[str, Outcome], dict[str, float]]:
    targets, _ = expand(Options(**{**vars(options), "hosts": ",".join(entries)}))
    timed = [Timed(target) for target in targets]
    gathering = Gathering(timed, FORKS, record=None)
    gathering.start([target.id for target in timed])
    outcomes = {target.id: gathering.outcome(target.id) for target in timed}
    gathering.close()
    return outcomes, {target.id: target.seconds for target in timed}


def _verdicts(id_: str, outcome: Outcome) -> Mapping[str, str]:
    if isinstance(outcome, ConnectionProblem):
        return {"CONNECTION": render(unreachable(id_, outcome))}
    judge = Judge(id_, facts_of(outcome), Rules(Edition.CURRENT), {})
    return {check.id: judge.result(check).verdict for check in catalogue().values() if not check.of_fleet}


def _row(scheme: str, fault: Fault, outcome: Outcome, seconds: float, affected: list[str]) -> Row:
    kinds = fault.kind if isinstance(fault.kind, tuple) else (fault.kind,)
    expected = [kind.value if isinstance(kind, Problem) else "read" for kind in kinds]
    if isinstance(outcome, ConnectionProblem):
        kind, result = outcome.problem.value, unreachable(fault.name, outcome)
        shown = [line for line in render(result).splitlines() if not line.startswith(("  Wanted", "  Remedy"))]
    else:
        result = read(fault.name, facts_of(outcome).description, outcome.system)
        kind, shown = "read", [f"{fault.name}  {result.found}"]
    return Row(scheme, fault.name, fault.how, expected, kind, shown, round(seconds, 1), affected)


def rows_of(data: list[dict[str, Any]]) -> list[Row]:
    """The opposite of what ``main`` writes."""
    return [Row(**each) for each in data]


if __name__ == "__main__":
    machine.prepare()
    Path(sys.argv[1]).write_text(json.dumps([asdict(row) for row in run()], indent=1), encoding="utf-8")
