"""500 VMs, a third of them sick in ways that a seed chooses, several times: nothing of a healthy one may change, nothing may be left.

``python -m selftests.reliability.load FILE TARGETS SEEDS`` within a machine of its own (machine.py) writes what it saw as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from backup_preflight.errors import Problem
from selftests.reliability import machine
from selftests.reliability.controller import READ, Account, Order, Vm, read_all
from selftests.reliability.lab import Lab
from selftests.reliability.server import flood, name_server, relay, say, silent, trickle
from selftests.sshd import Sshd, generate_key

TARGETS, SEEDS = 500, 10
GUESTS = ("healthy", "agent-removed", "unit-stopped", "fabric-dropped-outside", "unprivileged", "too-many-disks")
"""What the healthy servers answer: real guests, not all of them ready for backup."""
ADDRESSES = 16
"""sshd listens on no more."""
_Host = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One reading of all VMs. ``wrong``: VMs that were not reported as they should; ``left``: what remained; ``peak``: MiB."""

    seed: int
    targets: int
    sick: int
    seconds: float
    wrong: list[str]
    left: list[str]
    peak: int


@dataclass(frozen=True)
class _Sickness:
    kinds: tuple[Problem, ...]
    host: _Host


class _Fleet:
    """All servers, made once; each run says anew which VM is which."""

    def __init__(self, lab: Lab, targets: int) -> None:
        self.lab = lab
        self.names = [f"vm{number:03}" for number in range(targets)]
        per_guest = -(-targets // len(GUESTS))
        self.guests = {guest: self._addresses(lab.recorded(guest), per_guest) for guest in GUESTS}
        self.sicknesses = self._sicknesses()

    def _addresses(self, forced: str, count: int) -> list[tuple[Sshd, str]]:
        found = []
        while len(found) < count:
            size = min(ADDRESSES, count - len(found))
            server = self.lab.sshd(forced=forced, addresses=size)
            found += [(server, address) for address in self.lab.addresses[server.host]]
        return found

    def healthy(self, index: int) -> None:
        """Let VM number ``index`` be what it always is."""
        places = self.guests[GUESTS[index % len(GUESTS)]]
        server, address = places[index // len(GUESTS)]
        self.lab.vm(self.names[index], server, host=address)

    def _port(self, handler: object) -> _Host:
        address = self.lab.address()
        self.lab.server.listen((address, 22), handler)  # type: ignore[arg-type]
        return lambda name: self.lab.vm(name, host=address) and None

    def _forced(self, text: str) -> _Host:
        server = self.lab.sshd(forced=self.lab.script(f"load-{self.lab.address()}", text))
        return lambda name: self.lab.vm(name, server) and None

    def _relayed(self, then: str, after: int) -> _Host:
        server = self.lab.sshd(forced=self.lab.recorded())
        address = self.lab.address()
        self.lab.server.listen((address, 22), partial(relay, to=(server.host, 22), after=after, then=then))
        return lambda name: self.lab.vm(name, server, host=address) and None

    def _sicknesses(self) -> list[_Sickness]:
        lab, good = self.lab, self.lab.recorded()
        stranger = lab.sshd(forced=good)
        stranger.known_hosts.write_text("* " + generate_key(lab.directory / "load-another").with_suffix(".pub").read_text())
        locked = lab.sshd("AuthorizedKeysFile none", forced=good)
        nobody = lab.address()
        huge = b"SSH-2.0-OpenSSH_9.2\r\n" + (0x7FFFFFF4).to_bytes(4, "big") + bytes(4)
        lost = (Problem.DROPPED, Problem.AUTHENTICATION)
        held = (Problem.TIMEOUT, Problem.DROPPED)
        return [
            _Sickness((Problem.REFUSED,), lambda name: lab.vm(name, host=nobody) and None),
            _Sickness((Problem.NO_ROUTE,), lambda name: lab.vm(name, host="198.51.100.7") and None),
            _Sickness((Problem.TIMEOUT,), lambda name: lab.vm(name, host=machine.VANISHES) and None),
            _Sickness((Problem.DNS,), lambda name: lab.vm(name, host="vm7.nowhere.example") and None),
            _Sickness((Problem.HOST_KEY,), lambda name: lab.vm(name, stranger) and None),
            _Sickness((Problem.AUTHENTICATION,), lambda name: lab.vm(name, locked) and None),
            _Sickness((Problem.TIMEOUT,), self._port(silent)),
            _Sickness((Problem.TIMEOUT,), self._port(trickle)),
            _Sickness((Problem.NOT_SSH,), self._port(flood)),
            _Sickness((Problem.DROPPED,), self._port(say)),
            _Sickness((Problem.NOT_SSH,), self._port(partial(say, text=b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
            _Sickness((Problem.TRANSPORT, Problem.DROPPED), self._port(partial(flood, begin=huge))),
            *(_Sickness(lost, self._relayed("cut", after)) for after in (700, 2000, 3000, 9000, 20000)),
            *(_Sickness(held, self._relayed("stall", after)) for after in (1000, 12000)),
            _Sickness((Problem.DROPPED, Problem.TRANSPORT), self._relayed("corrupt", 9000)),
            _Sickness((Problem.ENDED,), self._forced(f"{good} | head -c 5000\n")),
            _Sickness((Problem.DROPPED,), self._forced(f"{good} | {{ head -c 3000; kill -9 $PPID; }}\n")),
            _Sickness(held, self._forced(f"{good} | {{ head -c 3000; kill -STOP $PPID; }}\n")),
            _Sickness((Problem.TIMEOUT,), self._forced(f"{good} | {{ head -c 3000; exec sleep 100; }}\n")),
            _Sickness((Problem.OUTPUT,), self._forced("exec yes spam\n")),
            _Sickness((Problem.OUTPUT,), self._forced("exec yes spam >&2\n")),
            _Sickness((Problem.NOT_LINUX,), self._forced("echo 'This account is currently not available.'; exit 1\n")),
        ]


def run(targets: int, seeds: int) -> list[Run]:
    """Read the fleet once in good health, then with every seed."""
    lab = Lab()
    try:
        with name_server(machine.RESOLVER):
            fleet = _Fleet(lab, targets)
            for index in range(targets):
                fleet.healthy(index)
            alone = _read(fleet)
            assert {vm.kind for vm in alone.vms.values()} == {READ}, [vm.shown for vm in alone.vms.values() if vm.kind != READ][:5]
            return [_run(fleet, seed, alone) for seed in range(1, seeds + 1)]
    finally:
        lab.close()


def _run(fleet: _Fleet, seed: int, alone: Account) -> Run:
    chance = random.Random(seed)
    fleet.lab.forget()
    sick: dict[str, _Sickness] = {}
    for index, name in enumerate(fleet.names):
        if chance.random() < 1 / 3:
            sick[name] = chance.choice(fleet.sicknesses)
            sick[name].host(name)
        else:
            fleet.healthy(index)
    account = _read(fleet, chance)
    wrong = [f"{name}: {vm.shown}" for name, vm in account.vms.items() if not _right(vm, alone.vms[name], sick.get(name))]
    left = [*account.threads, *account.files, *account.children, *account.temporary, *_sessions()]
    return Run(seed, len(fleet.names), len(sick), account.seconds, wrong, left, account.peak)


def _right(vm: Vm, alone: Vm, sickness: _Sickness | None) -> bool:
    if sickness:
        return vm.kind in {kind.value for kind in sickness.kinds}
    return (vm.kind, vm.verdicts) == (READ, alone.verdicts)


def _read(fleet: _Fleet, chance: random.Random | None = None) -> Account:
    names = list(fleet.names)
    if chance:
        chance.shuffle(names)
    return read_all(Order(names, str(fleet.lab.config)))


def _sessions() -> list[str]:
    """Processes of sessions on the VMs that do not end though their connection is gone; those that were frozen cannot."""
    for _ in range(100):
        if not (found := _running()):
            break
        time.sleep(0.2)
    return found


def _running() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if line.startswith("sshd:") and "[listener]" not in line and state not in "TZ":
                found.append(line)
    return found


def table(runs: list[Run]) -> str:
    """For docs/reliability.md."""
    lines = ["| seed | VMs | of these sick | seconds | wrong results | left behind | memory, MiB |", "|---|---|---|---|---|---|---|"]
    for each in runs:
        counts = f"{len(each.wrong) or 'none'} | {len(each.left) or 'nothing'}"
        lines.append(f"| {each.seed} | {each.targets} | {each.sick} | {each.seconds:.0f} | {counts} | {each.peak} |")
    return "\n".join(lines)


if __name__ == "__main__":
    machine.prepare()
    found = run(int(sys.argv[2]), int(sys.argv[3]))
    Path(sys.argv[1]).write_text(json.dumps([asdict(each) for each in found], indent=1), encoding="utf-8")
