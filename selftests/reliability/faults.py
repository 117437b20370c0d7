"""One run with a VM for every fault among healthy ones: what each is reported as, after how long, and what became of the others.

``python -m selftests.reliability.faults FILE [PATTERN]`` within a machine of its own (machine.py) writes what it saw as JSON.
"""

from __future__ import annotations

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from backup_preflight.errors import Problem
from selftests.reliability import guest, login, machine, network, windows
from selftests.reliability.controller import READ, Account, Order, Vm, read_all
from selftests.reliability.lab import HEALTHY, Fault, Lab
from selftests.reliability.server import name_server
from selftests.winrm.helpers import ACCOUNT

TRANSPORTS = ("paramiko", "ssh", "winrm")
_NEIGHBOURS = ("first", HEALTHY, "last")


@dataclass(frozen=True)
class Row:
    """What became of one fault. ``shown``: the first lines of the result; ``expected`` and ``kind``: the problem's words, "read" for none.

    ``affected``: healthy VMs that fared otherwise; ``left``: what the process of the run still held at its end; ``peak``: its memory, MiB.
    """

    transport: str
    fault: str
    how: str
    expected: list[str]
    kind: str
    shown: list[str]
    seconds: float
    affected: list[str]
    left: list[str]
    peak: int


def run(pattern: str = "") -> list[Row]:
    """All transports at once, in this process. ``pattern``: only faults whose name it matches."""
    lab = Lab()
    try:
        with name_server(machine.RESOLVER):
            return _run(lab, pattern)
    finally:
        lab.close()


def _run(lab: Lab, pattern: str) -> list[Row]:
    for name in _NEIGHBOURS:
        lab.healthy(name)
    middle = list(network.middle(lab, _length(lab)))
    over_ssh = [*network.faults(lab), *login.faults(lab), *guest.faults(lab), *middle]
    over_winrm = list(windows.faults(lab))
    neighbours = {
        "paramiko": [f"paramiko://{name}" for name in _NEIGHBOURS],
        "ssh": [f"ssh://{name}" for name in _NEIGHBOURS],
        "winrm": [windows.healthy(lab)],
    }
    some = [
        fault for fault in over_ssh if fault not in middle or middle.index(fault) % 4 == 0 or not fault.name.startswith("cut-")
    ]  # the other places are the same to a program of its own
    faults = {"paramiko": over_ssh, "ssh": some, "winrm": over_winrm}
    chosen = {scheme: [fault for fault in found if re.search(pattern, fault.name)] for scheme, found in faults.items()}
    config = str(lab.config)
    alone = {scheme: _read(entries, config) for scheme, entries in neighbours.items()}
    with ThreadPoolExecutor(2) as pool:  # the third one afterwards: its servers run in this very process
        everything = list(pool.map(lambda scheme: _read(_mixed(scheme, chosen[scheme], neighbours[scheme]), config), TRANSPORTS))
    return [
        _row(scheme, fault, account.vms[fault.name], _affected(alone[scheme], account), account)
        for scheme, account in zip(TRANSPORTS, everything, strict=True)
        for fault in chosen[scheme]
    ]


def _length(lab: Lab) -> int:
    """How many bytes a healthy VM sends for a whole reading."""
    counted: list[int] = []
    lab.counted("counted", lab.sshd(forced=lab.recorded()), counted)
    _read(["paramiko://counted"], str(lab.config))
    return sum(counted)


def _read(entries: list[str], config: str) -> Account:
    return read_all(Order(entries, config, ACCOUNT.password))


def _mixed(scheme: str, faults: list[Fault], neighbours: list[str]) -> list[str]:
    """The sick among the healthy: first, in between, last."""
    entries = [fault.entry or f"{scheme}://{fault.name}{'?sudo=true' if fault.sudo else ''}" for fault in faults]
    middle, half = len(entries) // 2, len(neighbours) // 2
    return [*neighbours[:half], *entries[:middle], neighbours[half], *entries[middle:], *neighbours[half + 1 :]]


def _affected(alone: Account, together: Account) -> list[str]:
    """Healthy VMs that are judged otherwise when there are sick ones beside them, or were not read at all."""
    return [
        id_
        for id_, vm in alone.vms.items()
        if vm.kind != READ or (together.vms[id_].kind, together.vms[id_].verdicts) != (READ, vm.verdicts)
    ]


def _row(scheme: str, fault: Fault, vm: Vm, affected: list[str], account: Account) -> Row:
    kinds = fault.kind if isinstance(fault.kind, tuple) else (fault.kind,)
    expected = [kind.value if isinstance(kind, Problem) else READ for kind in kinds]
    left = [*account.threads, *account.files, *account.children, *account.temporary]
    return Row(scheme, fault.name, fault.how, expected, vm.kind, vm.shown.splitlines(), vm.seconds, affected, left, account.peak)


if __name__ == "__main__":
    machine.prepare()
    Path(sys.argv[1]).write_text(json.dumps([asdict(row) for row in run(*sys.argv[2:])], indent=1), encoding="utf-8")
