"""What is known of a Linux VM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.disks import Disks
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.facts.linux.network import Network
from backup_preflight.facts.linux.system import System
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
        return Disks(self.recording, self.system)
