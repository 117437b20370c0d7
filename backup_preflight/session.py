"""One run: its targets, its rules, and the verdicts as they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight.checks import Check
from backup_preflight.collect.gather import Gathering
from backup_preflight.errors import ConnectionProblem
from backup_preflight.facts.vm import Facts, facts_of
from backup_preflight.fleet import Deployment, Fleet
from backup_preflight.shard import Shard
from backup_preflight.targets import Target
from backup_preflight.verdict import Judge, Result, Rules, Verdict, judge, read, unreachable

FLEET = "all VMs"
"""Stands for the target in results that concern several VMs."""


class Session:
    """What the fixtures, the checks and the reports of one pytest run share."""

    def __init__(
        self, targets: list[Target], notes: list[str], rules: Rules, forks: int, record: Path | None, shard: Shard | None = None
    ) -> None:
        self.every = len(targets)
        targets = shard.of(targets) if shard else targets
        self.targets = {target.id: target for target in targets}
        self.notes = notes
        self.rules = rules
        self.shard = shard
        self._deployments: dict[str, Deployment] = {}
        self._gathering = Gathering(targets, forks, record)
        self._judges: dict[str, Judge] = {}

    def start(self, ids: list[str]) -> None:
        """Begin to read these VMs, in this order."""
        self._gathering.start(ids)

    def close(self) -> None:
        """Stop reading."""
        self._gathering.close()

    def is_readable(self, id_: str) -> bool:
        """Whether the VM could be read; waits for it."""
        return not isinstance(self._gathering.outcome(id_), ConnectionProblem)

    def connection(self, id_: str) -> Result:
        """The result of reading the VM itself."""
        outcome = self._gathering.outcome(id_)
        if isinstance(outcome, ConnectionProblem):
            return unreachable(id_, outcome)
        return read(id_, self.facts(id_).description, outcome.system)

    def facts(self, id_: str) -> Facts:
        """What is known of a VM that could be read."""
        return self._judge(id_).facts

    def deployment(self, id_: str) -> Deployment:
        """What a VM that could be read adds to the fleet."""
        if id_ not in self._deployments:
            self._deployments[id_] = Deployment.of(self.facts(id_))
        return self._deployments[id_]

    def fleet(self) -> Fleet:
        """All VMs that could be read; waits for the slowest."""
        return Fleet({id_: self.deployment(id_) for id_ in self.targets if self.is_readable(id_)})

    def result(self, check: Check, id_: str | None) -> Result:
        """The verdict of a check on a VM; without a VM, on all of them together."""
        return self.fleet_result(check, self.fleet()) if id_ is None else self._judge(id_).result(check)

    def fleet_result(self, check: Check, fleet: Fleet) -> Result:
        """The verdict of a check on all VMs together. A part of them can break its rule, but not prove that it is kept."""
        result = judge(FLEET, check, self.rules, {"fleet": fleet}, None)
        if result.verdict == Verdict.PASS.value and self.shard and self.shard.count > 1:
            reason = f"shard {self.shard} saw {len(fleet)} of {self.every} VMs; one run over the recordings of all shards tells"
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
