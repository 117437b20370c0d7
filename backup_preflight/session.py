"""One run: its targets, its rules, and the verdicts as they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_preflight.checks import Check
from backup_preflight.collect.gather import Gathering
from backup_preflight.errors import ConnectionProblem
from backup_preflight.facts.vm import Facts, facts_of
from backup_preflight.fleet import Fleet
from backup_preflight.targets import Target
from backup_preflight.verdict import Judge, Result, Rules, judge, read, unreachable
from backup_preflight.waivers import Waivers

FLEET = "all VMs"
"""Stands for the target in results that concern several VMs."""


class Session:
    """What the fixtures, the checks and the reports of one pytest run share."""

    def __init__(self, targets: list[Target], notes: list[str], rules: Rules, forks: int, record: Path | None, waivers: Waivers) -> None:
        self.targets = {target.id: target for target in targets}
        self.notes = notes
        self.rules = rules
        self.waivers = waivers
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
        facts = self.facts(id_)
        note = ", by another version of the collector" if facts.collector.is_another else ""
        return read(id_, facts.description + note, outcome.system, str(facts.collector))

    def facts(self, id_: str) -> Facts:
        """What is known of a VM that could be read."""
        return self._judge(id_).facts

    def fleet(self) -> Fleet:
        """All VMs that could be read; waits for the slowest."""
        return Fleet({id_: self.facts(id_) for id_ in self.targets if self.is_readable(id_)})

    def result(self, check: Check, id_: str | None) -> Result:
        """The verdict of a check on a VM; without a VM, on all of them together."""
        return self.waivers.apply(self._fleet_result(check) if id_ is None else self._judge(id_).result(check))

    def _fleet_result(self, check: Check) -> Result:
        return judge(FLEET, check, self.rules, {"fleet": self.fleet()}, None)

    def _judge(self, id_: str) -> Judge:
        if id_ not in self._judges:
            outcome = self._gathering.outcome(id_)
            if isinstance(outcome, ConnectionProblem):
                raise outcome
            self._judges[id_] = Judge(id_, facts_of(outcome), self.rules, {})
        return self._judges[id_]


SESSION = pytest.StashKey[Session]()
