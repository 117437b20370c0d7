"""The Azure VM agent for Windows: is it there, does it run, which version, what does it say of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property

from backup_preflight.facts.observation import NotObserved, json_value, unreadable
from backup_preflight.facts.windows.document import Document, optional_document, version_of
from backup_preflight.facts.windows.services import Services
from backup_preflight.facts.windows.system import System
from backup_preflight.recording import Recording, Status

GUEST_AGENT, RDAGENT = "WindowsAzureGuestAgent", "RdAgent"


@dataclass(frozen=True)
class Program:
    """The file that a service starts."""

    path: str
    version: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """What the agent last told the platform of itself. ``age`` in seconds, by the VM's own clock."""

    status: str
    message: str
    age: float


@dataclass(frozen=True)
class Agent:
    """The agent as this VM has it."""

    recording: Recording
    system: System
    services: Services

    def program(self, service: str) -> Program | None:
        """The file that the service starts; None when it is not there. Raises NotObserved."""
        found = optional_document(self.recording.section("service_program", service), f"the program of {service}")
        if found is None:
            return None
        return Program(found.text("path"), version_of(found.text("product") or found.text("version")))

    @cached_property
    def guest_key(self) -> Document | None:
        r"""``HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest``, where the agent notes what it knows; None without it."""
        return optional_document(self.recording.section("agent_guest"), "the agent's registry key")

    @property
    def version(self) -> tuple[int, ...]:
        r"""Its version: of its registry key, else of the file that RdAgent or the guest agent starts. Raises NotObserved.

        The names of the folders below C:\WindowsAzure do not count: a folder can hold a version that is not in use.
        """
        reason: NotObserved | None = None
        try:
            if self.guest_key and (found := version_of(self.guest_key.text("GuestAgentVersion"))):
                return found
        except NotObserved as error:
            reason = error
        for service in (RDAGENT, GUEST_AGENT):
            try:
                program = self.program(service)
            except NotObserved as error:
                reason = reason or error
                continue
            if program and program.version:
                return program.version
        raise reason or NotObserved(Status.ABSENT, "neither the agent's registry key nor its program tells a version")

    @property
    def has_folder(self) -> bool:
        r"""Whether ``C:\WindowsAzure`` exists. Raises NotObserved."""
        return optional_document(self.recording.section("agent_folders"), "C:\\WindowsAzure") is not None

    @property
    def programs(self) -> dict[str, str]:
        """Product code → name, of the agent in Programs and Features. Agents that came with the VM are not listed there."""
        found = optional_document(self.recording.section("programs"), "Programs and Features")
        return {code: entry.text("DisplayName") for code, entry in found.parts().items()} if found else {}

    @property
    def dotnet_release(self) -> int | None:
        """``Release`` of .NET Framework 4; None when that is not installed. Raises NotObserved."""
        found = optional_document(self.recording.section("dotnet"), ".NET Framework's registry key")
        return found.number("Release") if found else None

    @cached_property
    def report(self) -> Report | None:
        """What stands in aggregatestatus.json; None when there is no such file. Raises NotObserved."""
        found = optional_document(self.recording.section("aggregate_status"), "aggregatestatus.json")
        if found is None:
            return None
        content = found.text("text")
        try:
            status = json_value(content[content.find("{") :])["aggregateStatus"]["guestAgentStatus"]
            message = (status.get("formattedMessage") or {}).get("message") or ""
            uploaded = _seconds(str(status.get("lastStatusUploadTime") or ""))
            return Report(str(status["status"]), str(message)[:300], self.system.time - (uploaded or found.required("mtime")))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise unreadable("aggregatestatus.json", content) from None

    @property
    def log_age(self) -> float | None:
        """Seconds since WaAppAgent.log was written; None when there is none. Raises NotObserved."""
        found = optional_document(self.recording.section("agent_log"), "WaAppAgent.log")
        return None if found is None else self.system.time - found.required("mtime")

    @property
    def log_lines(self) -> list[str]:
        """Lines of WaAppAgent.log on the fabric's address; empty when there is no log. Raises NotObserved."""
        found = optional_document(self.recording.section("agent_log_lines"), "WaAppAgent.log")
        return found.words("lines") if found else []


def _seconds(text: str) -> float | None:
    """``2026-05-28T20:26:40Z`` as seconds since 1970; None when it is no time. Fractions may have any number of digits."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", text)
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp() if match else None
    except (ValueError, OverflowError):
        return None
