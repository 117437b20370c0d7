"""One run: its targets, its rules, and the verdicts as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight.checks import Check
from backup_preflight.collect.gather import Gathering, Progress
from backup_preflight.errors import ConnectionProblem
from backup_preflight.facts.vm import Facts, facts_of
from backup_preflight.fleet import Deployment, Fleet
from backup_preflight.lang import tr
from backup_preflight.shard import Shard
from backup_preflight.targets import Target
from backup_preflight.verdict import Judge, Result, Rules, Verdict, judge, read, unreachable
from backup_preflight.waivers import Waivers

FLEET = "all VMs"
"""Stands for the target in results that concern several VMs."""


class Session:
    """What the fixtures, the checks and the reports of one pytest run share."""

    def __init__(
        self,
        targets: list[Target],
        notes: list[str],
        rules: Rules,
        forks: int,
        record: Path | None,
        waivers: Waivers,
        shard: Shard | None = None,
    ) -> None:
        self.every = len(targets)
        targets = shard.of(targets) if shard else targets
        self.targets = {target.id: target for target in targets}
        self.shard = shard
        self.notes = notes
        self.rules = rules
        self.forks = forks
        self.waivers = waivers
        self._gathering = Gathering(targets, forks, record)
        self._judges: dict[str, Judge] = {}
        self._deployments: dict[str, Deployment | None] = {}
        """What is kept of a VM that was read, for the fleet; None when it could not be read."""

    def start(self, ids: Iterable[str]) -> None:
        """Begin to read these VMs, in this order."""
        self._gathering.start(ids)

    def finished(self, ids: Iterable[str]) -> Iterator[str]:
        """These VMs, each as soon as it is read or it is known that it cannot be."""
        return self._gathering.finished(ids)

    def on_wait(self, show: Callable[[Progress], None]) -> None:
        """Have the progress shown again and again while somebody waits for a VM."""
        self._gathering.on_wait = show

    def release(self, id_: str) -> None:
        """Let go of a VM's facts, when all its checks are judged: a thousand of them would fill the memory."""
        self.deployment(id_)
        self._judges.pop(id_, None)
        self._gathering.release(id_)

    def close(self) -> None:
        """Stop reading."""
        self._gathering.close()

    def is_readable(self, id_: str) -> bool:
        """Whether the VM could be read; waits for it."""
        if id_ in self._judges:
            return True
        if id_ in self._deployments:
            return self._deployments[id_] is not None
        return not isinstance(self._gathering.outcome(id_), ConnectionProblem)

    def system(self, id_: str) -> str:
        """``linux`` or ``windows``; empty when the VM cannot be read, and so nobody knows."""
        return self.facts(id_).recording.system if self.is_readable(id_) else ""

    def connection(self, id_: str) -> Result:
        """The result of reading the VM itself."""
        outcome = self._gathering.outcome(id_)
        if isinstance(outcome, ConnectionProblem):
            return unreachable(id_, outcome)
        facts = self.facts(id_)
        note = ", by another version of the collector" if facts.collector.is_another else ""
        return read(id_, facts.description + note, outcome.system, str(facts.collector))

    def facts(self, id_: str) -> Facts:
        """What is known of a VM that could be read."""
        return self._judge(id_).facts

    def deployment(self, id_: str) -> Deployment | None:
        """What a VM adds to the fleet; None when it could not be read."""
        if id_ not in self._deployments:
            self._deployments[id_] = Deployment.of(self.facts(id_)) if self.is_readable(id_) else None
        return self._deployments[id_]

    def fleet(self) -> Fleet:
        """All VMs that could be read; waits for the slowest."""
        return Fleet({id_: found for id_ in self.targets if (found := self.deployment(id_))})

    def result(self, check: Check, id_: str | None) -> Result:
        """The verdict of a check on a VM; without a VM, on all of them together."""
        return self.fleet_result(check, self.fleet()) if id_ is None else self.waivers.apply(self._judge(id_).result(check))

    def fleet_result(self, check: Check, fleet: Fleet) -> Result:
        """The verdict of a check on all VMs together. A part of them can break its rule, but not prove that it is kept."""
        result = self.waivers.apply(judge(FLEET, check, self.rules, {"fleet": fleet}, None))
        if result.verdict == Verdict.PASS.value and self.shard and self.shard.count > 1:
            reason = tr(
                "shard {shard} saw {number} of {all} VMs; one run over the recordings of all shards tells",
                shard=self.shard,
                number=len(fleet),
                all=self.every,
            )
            return replace(result, verdict=Verdict.NOT_APPLICABLE.value, reason=reason)
        return result

    def _judge(self, id_: str) -> Judge:
        if id_ not in self._judges:
            outcome = self._gathering.outcome(id_)
            if isinstance(outcome, ConnectionProblem):
                raise outcome
            self._judges[id_] = Judge(id_, facts_of(outcome), self.rules, {})
        return self._judges[id_]


SESSION = pytest.StashKey[Session]()
