"""All VMs of one run together, for what no VM can tell alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.vm import Facts
from backup_preflight.recording import Status


@dataclass(frozen=True)
class Deployment:
    """The cloud service that a VM belongs to: its name, None for none, or why it is not known.

    Plain data, because it is kept when the facts of a VM are gone, and goes from process to process.
    """

    name: str | None = None
    unknown: tuple[str, str, str] | None = None
    """Status, detail and remedy of a NotObserved."""

    @classmethod
    def of(cls, facts: Facts) -> Deployment:
        """What a VM tells."""
        try:
            return cls(facts.deployment)
        except NotObserved as error:
            return cls(unknown=(error.status.value, error.detail, error.remedy))


@dataclass(frozen=True)
class Fleet:
    """The VMs that could be read, by id."""

    deployments: Mapping[str, Deployment]

    def __len__(self) -> int:
        return len(self.deployments)

    def by_deployment(self) -> dict[str, list[str]]:
        """Deployment name → ids. A VM that does not tell counts for none; if no VM tells, that is raised (NotObserved)."""
        found: dict[str, list[str]] = {}
        for target, deployment in self.deployments.items():
            if deployment.name:
                found.setdefault(deployment.name, []).append(target)
        unknown = [deployment.unknown for deployment in self.deployments.values() if deployment.unknown]
        if unknown and not found:
            status, detail, remedy = unknown[-1]
            raise NotObserved(Status(status), detail, remedy)
        return found
