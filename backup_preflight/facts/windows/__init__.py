"""What is known of a Windows VM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts.collector import Collector, collector
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows.agent import Agent
from backup_preflight.facts.windows.disks import Disks
from backup_preflight.facts.windows.extension import Extension
from backup_preflight.facts.windows.network import Network
from backup_preflight.facts.windows.services import Services
from backup_preflight.facts.windows.snapshot import Snapshot
from backup_preflight.facts.windows.system import System
from backup_preflight.recording import Recording, Status


@dataclass(frozen=True)
class WindowsFacts:
    """Everything the checks may ask of one Windows VM, by subject."""

    recording: Recording

    @cached_property
    def system(self) -> System:
        """The guest as a system."""
        return System(self.recording)

    @cached_property
    def services(self) -> Services:
        """The services that matter to backups."""
        return Services(self.recording)

    @cached_property
    def agent(self) -> Agent:
        """The Azure VM agent."""
        return Agent(self.recording, self.system, self.services)

    @cached_property
    def extension(self) -> Extension:
        """The backup extension."""
        return Extension(self.recording)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What a snapshot depends on."""
        return Snapshot(self.recording, self.system)

    @cached_property
    def network(self) -> Network:
        """Addresses, routes, firewall, endpoints, proxy."""
        return Network(self.recording, self.system)

    @cached_property
    def disks(self) -> Disks:
        """The disks."""
        return Disks(self.recording)

    @property
    def description(self) -> str:
        """The VM in one phrase, for the head of its results."""
        words = [self.system.name]
        try:
            words.append(f"agent {'.'.join(map(str, self.agent.version))}")
        except NotObserved as reason:
            words.append("no agent" if reason.status is Status.ABSENT else "agent version unknown")
        try:
            words.append("read as administrator" if self.system.is_admin else "read without an administrator's rights")
        except NotObserved:
            words.append("read with unknown rights")
        return ", ".join([*words, *self._language_mode])

    @property
    def _language_mode(self) -> list[str]:
        """Said only when it keeps the collector from something."""
        try:
            mode = self.system.language_mode
        except NotObserved:
            return []
        return [] if mode == "FullLanguage" else [f"PowerShell in {mode} mode"]

    @property
    def collector(self) -> Collector:
        """What read this VM."""
        return collector("windows", *self.system.collector, self.recording.collector)

    @property
    def deployment(self) -> str | None:
        """None: a VM whose metadata has a compute part belongs to no cloud service. Raises NotObserved otherwise."""
        if self.network.metadata.ok:
            return None
        raise NotObserved(Status.NOT_COLLECTED, "the Windows collector does not read the deployment")
