"""What is known of a VM, whichever system it runs."""

from __future__ import annotations

from typing import Protocol

from backup_preflight.facts.collector import Collector
from backup_preflight.facts.disks import Disks
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.facts.network import Network
from backup_preflight.facts.windows import WindowsFacts
from backup_preflight.recording import Recording


class System(Protocol):
    """The guest as a system, as far as every verdict depends on it."""

    @property
    def booted(self) -> bool:
        """False for an image that is only looked into."""

    @property
    def on_azure(self) -> bool | None:
        """Whether this guest runs on Azure; None when nothing proves either."""

    @property
    def more_rights(self) -> str:
        """How to read this VM with the rights that were lacking."""


class Facts(Protocol):
    """Everything the checks may ask of one VM; a system has more subjects than these."""

    @property
    def recording(self) -> Recording:
        """What the collector printed."""

    @property
    def system(self) -> System:
        """The guest as a system."""

    @property
    def network(self) -> Network:
        """Addresses, routes, firewall, endpoints, proxy."""

    @property
    def disks(self) -> Disks:
        """The disks."""

    @property
    def description(self) -> str:
        """The VM in one phrase, for the head of its results."""

    @property
    def collector(self) -> Collector:
        """What read this VM."""

    @property
    def deployment(self) -> str | None:
        """Name of the cloud service that a classic VM belongs to. Raises NotObserved."""


def facts_of(recording: Recording) -> Facts:
    """The facts of a recording, by the system it is of."""
    return WindowsFacts(recording) if recording.system == "windows" else LinuxFacts(recording)
