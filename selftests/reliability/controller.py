"""The suite's side of a run, in a process of its own: reads all VMs side by side, judges them, and tells what it has left behind.

``python -m selftests.reliability.controller`` takes an Order from standard input and gives an Account, both as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.collect.gather import Gathering
from backup_preflight.errors import ConnectionProblem
from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import Recording
from backup_preflight.report.message import render
from backup_preflight.targets import Options, Target, expand, register_backends
from backup_preflight.targets.secret import Secret
from backup_preflight.verdict import Judge, Rules, unreachable
from selftests.reliability.machine import ROOT

READ = "read"


@dataclass(frozen=True)
class Order:
    """What to read. ``forks``: VMs at a time; ``password`` is for WinRM."""

    hosts: list[str]
    ssh_config: str
    password: str = ""
    forks: int = 50


@dataclass(frozen=True)
class Vm:
    """What became of a VM. ``kind``: the problem's words, or READ; ``shown``: the result's lines; ``seconds``: how long it took."""

    kind: str
    shown: str
    seconds: float
    verdicts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """All VMs, and what the process holds at the end: threads, sockets and pipes, children, temporary files, its peak of memory in MiB."""

    vms: dict[str, Vm]
    seconds: float
    threads: list[str]
    files: list[str]
    children: list[str]
    temporary: list[str]
    peak: int


def read_all(order: Order) -> Account:
    """Let a process of its own do it."""
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(command, input=json.dumps(asdict(order)), stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    data = json.loads(done.stdout)
    return Account(**{**data, "vms": {id_: Vm(**vm) for id_, vm in data["vms"].items()}})


@dataclass
class _Timed:
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


def _work(order: Order) -> Account:
    register_backends()
    password = Secret(order.password) if order.password else None
    targets, _ = expand(Options(hosts=",".join(order.hosts), ssh_config=order.ssh_config, password=password))
    timed = [_Timed(target) for target in targets]
    before = set(Path(os.environ["TMPDIR"]).iterdir())
    started = time.monotonic()
    gathering = Gathering(timed, order.forks, record=None)
    gathering.start([target.id for target in timed])
    vms = {target.id: _judged(target, gathering) for target in timed}
    gathering.close()
    seconds = time.monotonic() - started
    gc.collect()
    return Account(
        vms,
        round(seconds, 1),
        threads=_settled(),
        files=[link for link in _links() if link.startswith(("socket:", "pipe:"))],
        children=Path(f"/proc/self/task/{os.getpid()}/children").read_text().split(),
        temporary=sorted(path.name for path in set(Path(os.environ["TMPDIR"]).iterdir()) - before),
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def _judged(target: _Timed, gathering: Gathering) -> Vm:
    outcome = gathering.outcome(target.id)
    seconds = round(target.seconds, 1)
    if isinstance(outcome, ConnectionProblem):
        return Vm(outcome.problem.value, render(unreachable(target.id, outcome)), seconds)
    judge = Judge(target.id, facts_of(outcome), Rules(Edition.CURRENT), {})
    verdicts = {check.id: judge.result(check).verdict for check in catalogue().values() if not check.of_fleet}
    return Vm(READ, f"{target.id}  {facts_of(outcome).description}", seconds, verdicts)


def _settled() -> list[str]:
    """Threads that do not end: a pool's need a moment, a leaked one never ends."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(10)
    return [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]


def _links() -> list[str]:
    """What the descriptors beyond the standard ones stand for."""
    return [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if int(entry.name) > 2 and entry.is_symlink()]


if __name__ == "__main__":
    json.dump(asdict(_work(Order(**json.load(sys.stdin)))), sys.stdout)
