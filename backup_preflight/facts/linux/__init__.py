"""What is known of a Linux VM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts.collector import Collector, collector
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.disks import Disks
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.facts.linux.network import Network
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import NotObserved, key_values
from backup_preflight.recording import Recording


@dataclass(frozen=True)
class LinuxFacts:
    """Everything the checks may ask of one Linux VM, by subject."""

    recording: Recording

    @cached_property
    def system(self) -> System:
        """The guest as a system."""
        return System(self.recording)

    @cached_property
    def agent(self) -> Agent:
        """The Azure Linux agent."""
        return Agent(self.recording, self.system)

    @cached_property
    def extension(self) -> Extension:
        """The backup extension and its neighbours."""
        return Extension(self.recording, self.system)

    @cached_property
    def network(self) -> Network:
        """Addresses, routes, firewall, endpoints, proxy."""
        return Network(self.recording, self.system)

    @cached_property
    def disks(self) -> Disks:
        """Disks, mounts, file systems."""
        return Disks(self.recording)

    @property
    def description(self) -> str:
        """The VM in one phrase, for the head of its results."""
        try:
            words = [self.system.name]
            words.append(f"agent {self.agent.version}" if self.agent.binary else "no agent")
        except NotObserved:
            words.append("agent version unknown")
        try:
            root = self.system.is_root
        except NotObserved:
            root = False
        return ", ".join([*words, "read as root" if root else "read without root"])

    @property
    def collector(self) -> Collector:
        """What read this VM."""
        run = key_values(self.recording.section("run").text)
        return collector("linux", run.get("collector", ""), run.get("sha256", ""), self.recording.collector)

    @property
    def deployment(self) -> str | None:
        """Name of the cloud service that a classic VM belongs to. Raises NotObserved."""
        return self.agent.deployment
