"""All VMs of one run together, for what no VM can tell alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.vm import Facts


@dataclass(frozen=True)
class Fleet:
    """The VMs that could be read, by id."""

    facts: Mapping[str, Facts]

    def __len__(self) -> int:
        return len(self.facts)

    def by_deployment(self) -> dict[str, list[str]]:
        """Deployment name → ids. A VM that does not tell counts for none; if no VM tells, that is raised (NotObserved)."""
        found: dict[str, list[str]] = {}
        reason: NotObserved | None = None
        for target, facts in self.facts.items():
            try:
                deployment = facts.deployment
            except NotObserved as error:
                reason = error
                continue
            if deployment:
                found.setdefault(deployment, []).append(target)
        if reason and not found:
            raise reason
        return found
