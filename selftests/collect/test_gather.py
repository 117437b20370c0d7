"""Reading many VMs: none waits for another, no more than --forks at a time, and nothing is kept that is not needed."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.collect import forks as limits
from backup_preflight.collect.gather import Gathering
from backup_preflight.errors import ConnectionProblem, Problem, UsageError
from backup_preflight.recording import Recording, load
from backup_preflight.session import Session
from backup_preflight.targets import RecordedTarget, Target
from backup_preflight.verdict import Rules
from backup_preflight.waivers import Waivers
from selftests.sshd import Sshd
from selftests.targets.helpers import listener, of, target

ROOT = Path(__file__).parents[2]
HEALTHY = ROOT / "selftests" / "real" / "healthy.recording"


@dataclass
class Gate:
    """A target that is read when the test says so."""

    id: str
    open: threading.Event = field(default_factory=threading.Event)
    under_way: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    scheme: str = "paramiko"
    system: str = ""

    def read(self) -> Recording:
        self.under_way["now"] += 1
        self.most["now"] = max(self.most["now"], self.under_way["now"])
        assert self.open.wait(60)
        self.under_way["now"] -= 1
        return replace(load(HEALTHY), target=self.id)


def test_vms_come_in_the_order_in_which_they_are_read() -> None:
    gates = [Gate(f"vm{number}") for number in range(3)]
    gathering = Gathering(list(gates), 3, None)
    arriving = gathering.finished([gate.id for gate in gates])
    for number in (2, 0, 1):
        gates[number].open.set()
        assert next(arriving) == f"vm{number}"
    assert next(arriving, None) is None


def test_a_vm_that_does_not_answer_holds_up_nobody(sshd: Sshd) -> None:
    """The dead one is first in the list, and says nothing until the test is over."""
    with listener(None) as port:
        silent = target(f"paramiko://127.0.0.1:{port}", of(sshd, connect_timeout=60.0))
        alive = replace(target(f"paramiko://{sshd.address}", of(sshd)), id="alive")
        gathering = Gathering([silent, alive], 2, None)
        arriving = gathering.finished([silent.id, alive.id])
        assert next(arriving) == "alive"
        assert isinstance(gathering.outcome("alive"), Recording)
    assert next(arriving) == silent.id
    assert isinstance(gathering.outcome(silent.id), ConnectionProblem)


def test_no_more_than_forks_at_a_time() -> None:
    opened, under_way, most = threading.Event(), Counter[str](), Counter[str]()
    gates = [Gate(f"vm{number}", opened, under_way, most) for number in range(9)]
    gathering = Gathering(list(gates), 3, None)
    gathering.start([gate.id for gate in gates])
    opened.set()
    assert sorted(gathering.finished([gate.id for gate in gates])) == [gate.id for gate in gates]
    assert 1 <= most["now"] <= 3


def test_each_vm_has_its_own_deadline(sshd: Sshd) -> None:
    """One hangs in its collector; the other one's time begins when its own turn comes, and is enough."""
    hangs = replace(target(f"paramiko://{sshd.address}", of(sshd), collector="exec sleep 300"), id="hangs", seconds=2.0)
    alive = replace(target(f"paramiko://{sshd.address}", of(sshd)), id="alive")
    gathering = Gathering([hangs, alive], 1, None)
    assert list(gathering.finished(["hangs", "alive"])) == ["hangs", "alive"]
    outcome = gathering.outcome("hangs")
    assert isinstance(outcome, ConnectionProblem)
    assert outcome.problem is Problem.TIMEOUT
    assert isinstance(gathering.outcome("alive"), Recording)


def test_closing_ends_the_connections(sshd: Sshd) -> None:
    hangs = target(f"paramiko://{sshd.address}", of(sshd), collector="echo begun >&2; exec sleep 300")
    gathering = Gathering([hangs], 1, None)
    logins = sshd.log_text().count("Starting session")
    gathering.start([hangs.id])
    while sshd.log_text().count("Starting session") == logins:
        threading.Event().wait(0.02)
    gathering.close()
    outcome = gathering.outcome(hangs.id)
    assert isinstance(outcome, ConnectionProblem)
    assert outcome.problem is Problem.DROPPED  # and not its deadline, a minute later


def test_nothing_is_kept_of_a_vm_that_is_judged() -> None:
    found: list[Target] = [RecordedTarget("vm7", HEALTHY, "linux")]
    session = Session(found, [], Rules(Edition.CURRENT), 1, None, Waivers())
    session.start(["vm7"])
    facts = session.facts("vm7")
    kept = [weakref.ref(facts), weakref.ref(facts.recording)]
    assert session.result(catalogue()["LIN-01"], "vm7").verdict == "pass"
    del facts
    session.release("vm7")
    gc.collect()
    assert [reference() for reference in kept] == [None, None]
    assert session.is_readable("vm7")
    assert len(session.fleet()) == 1


def test_the_limit_of_open_files_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (256, 4096))
    number, notes = limits.forks(None)
    assert 1 <= number < limits.FORKS
    assert "ulimit -n 256" in notes[0]
    assert limits.forks(2) == (2, [])
    with pytest.raises(UsageError, match="--forks=0"):
        limits.forks(0)
