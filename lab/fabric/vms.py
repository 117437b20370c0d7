"""What the stand-in fabric knows of each VM, and how it is to treat it. Tests change these while the fabric runs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

EXTENSION = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
VERSION = "1.0.9211.0"
"""What a healthy VM has; the stub of it runs on every Python."""

PRE_FIX_VERSION = "1.0.9184.0"
"""The version whose stub imports modules that Python 3.12 and 3.13 have no more."""


class Dns(Enum):
    """How names are answered."""

    RIGHT = "right"
    SILENT = "silent"
    SERVFAIL = "servfail"
    NXDOMAIN = "nxdomain"
    LIE = "lie"
    """Every name is ELSEWHERE."""

    SLOW = "slow"
    """Right, but after six seconds: later than the suite waits."""


@dataclass
class Handler:
    """One extension in the goal state. ``public``: further public settings, which the stub handler obeys (see handler/)."""

    name: str = EXTENSION
    version: str = VERSION
    state: str = "enabled"
    public: dict[str, Any] = field(default_factory=dict)


@dataclass
class Vm:
    """One VM. Of wireserver, host_plugin, metadata, ``silent`` take a request and never answer, ``ill`` answer 503."""

    name: str
    address: str
    mac: str
    deployment: str = ""
    dhcp_answers: bool = True
    option_245: bool = True
    option_121: bool = True
    """Classless routes, one of them to the wire server: with it the agent needs no option 245."""

    dns: Dns = Dns.RIGHT
    silent: frozenset[str] = frozenset()
    ill: frozenset[str] = frozenset()
    handlers: list[Handler] = field(default_factory=lambda: [Handler()])
    certificates: bool = True
    """Whether the goal state hands out a certificate, with which the handler's protected settings are encrypted."""

    os_disk_gb: int = 30
    data_disks_gb: list[int] = field(default_factory=list)
    classic: bool = False
    """A classic VM: its instance metadata has no compute part."""

    incarnation: int = 1
    """Of the goal state. Raise it by ``change`` only."""

    status: dict[str, Any] | None = None
    """The agent's latest status upload."""

    uploads: int = 0
    """Number of status uploads."""

    requests: list[str] = field(default_factory=list)
    """What the VM has asked the fabric, one line each: service, method, path."""

    def __post_init__(self) -> None:
        self.deployment = self.deployment or self.id("deployment")

    def id(self, kind: str) -> str:
        """A stable GUID of this VM: container, role, machine, …"""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}.{self.name}.lab"))

    def change(self, **values: Any) -> None:
        """Change fields and publish a new goal state."""
        for name, value in values.items():
            if not hasattr(self, name):
                raise AttributeError(name)
            setattr(self, name, value)
        self.incarnation += 1

    def is_ready(self) -> bool:
        """Whether the agent's last report says that it and every extension of the goal state are ready."""
        status = (self.status or {}).get("aggregateStatus", {})
        if status.get("guestAgentStatus", {}).get("status") != "Ready":
            return False
        reported = {handler["handlerName"]: handler for handler in status.get("handlerAggregateStatus", [])}
        wanted = [handler for handler in self.handlers if handler.state == "enabled"]
        return all(_is_enabled(reported.get(handler.name, {}), handler.version) for handler in wanted)


def _is_enabled(handler: dict[str, Any], version: str) -> bool:
    settings = handler.get("runtimeSettingsStatus") or {}
    done = settings.get("settingsStatus", {}).get("status", {}).get("status")
    return handler.get("status") == "Ready" and handler.get("handlerVersion") == version and done == "success"
