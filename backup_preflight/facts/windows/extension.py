"""VMSnapshot, the extension that takes the snapshot on Windows. The first backup installs it, with the service IaasVmProvider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts.observation import NotObserved, json_value, unreadable
from backup_preflight.facts.windows.document import Document, document, optional_document, version_of
from backup_preflight.recording import Recording, Status

NAME = "Microsoft.Azure.RecoveryServices.VMSnapshot"
PROVIDER = "iaasvmprovider.dll"
PROGRAM = "IaaSBcdrExtension.exe"
MACHINES = {"AMD64": "0x8664", "ARM64": "0xaa64"}
"""Machine numbers of a Windows program's header, by architecture."""


@dataclass(frozen=True)
class ProgramFile:
    """A file of the extension. ``machine``: what it was built for, ``0x8664`` for x64; empty: it is no program."""

    name: str
    size: int
    machine: str


@dataclass(frozen=True)
class Extension:
    """The backup extension as this VM has it."""

    recording: Recording

    @cached_property
    def folders(self) -> list[str]:
        r"""Versions that have a folder below C:\Packages\Plugins, the newest last; empty before the first backup."""
        found = optional_document(self.recording.section("extension_folders"), "the extension's folder")
        return sorted(found.words("names"), key=version_of) if found else []

    @cached_property
    def _handlers(self) -> dict[str, Document]:
        """Version → the values that the agent keeps of this handler."""
        found = optional_document(self.recording.section("handlers"), "HandlerState in the registry")
        parts = found.parts() if found else {}
        return {name.removeprefix(f"{NAME}_"): part for name, part in parts.items() if name.startswith(f"{NAME}_")}

    @property
    def is_installed(self) -> bool:
        """Whether a backup has installed it: a folder, or the agent's note. Raises NotObserved."""
        return bool(self.folders or self._handlers)

    @property
    def version(self) -> str:
        """Its newest version."""
        return max([*self._handlers, *self.folders], key=version_of, default="")

    @property
    def state(self) -> str:
        """``InstallState`` of the newest version; empty when the agent keeps none. Raises NotObserved."""
        part = self._handlers.get(self.version)
        return part.text("InstallState") if part else ""

    @property
    def values(self) -> str:
        """Every value the agent keeps of the newest version, for messages."""
        part = self._handlers.get(self.version)
        return ", ".join(f"{name}={part.text(name)}" for name in sorted(part.content))[:300] if part else "none"

    @property
    def files(self) -> Mapping[str, ProgramFile | None]:
        """Its two programs, in the newest folder; None for one that is not there. Raises NotObserved."""
        found = document(self.recording.section("extension_files"), "the extension's files").part("files")
        return {
            name: ProgramFile(name, part.required("size"), part.text("machine")) if (part := found.part(name)).content else None
            for name in (PROVIDER, PROGRAM)
        }

    @property
    def last_status(self) -> tuple[str, str]:
        """Status word and message of its newest status file; empty when there is none. Raises NotObserved."""
        found = optional_document(self.recording.section("extension_status"), "the extension's status file")
        if found is None:
            return "", ""
        try:
            status = json_value(found.text("text"))[0]["status"]
            message = (status.get("formattedMessage") or {}).get("message") or ""
            return str(status["status"]), str(message)[:300]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise unreadable("the extension's status file", found.text("text")) from None

    @property
    def has_runtime(self) -> bool:
        """Whether a Visual C++ runtime for x64 is registered. Raises NotObserved."""
        found = document(self.recording.section("vc_runtimes"), "the Visual C++ runtimes")
        return any(part.text("Installed") == "1" for part in found.parts().values())

    @property
    def copy_backup(self) -> object:
        """``USEVSSCOPYBACKUP`` as it is in the registry: a text, a number, or None. Its name knows no case. Raises NotObserved."""
        found = optional_document(self.recording.section("bcdr_agent"), "BcdrAgent in the registry")
        values = {name.upper(): value for name, value in found.content.items()} if found else {}
        return values.get("USEVSSCOPYBACKUP")

    @property
    def crashes(self) -> int:
        """Times in 7 days that the extension's program crashed (Application log). Raises NotObserved."""
        return self._events("crashes")

    @property
    def blocks(self) -> int:
        """Times in 7 days that AppLocker stopped it; 0 where AppLocker has no log. Raises NotObserved."""
        try:
            return self._events("applocker")
        except NotObserved as reason:
            if reason.status is Status.DENIED:
                raise
            return 0

    def _events(self, section: str) -> int:
        found = optional_document(self.recording.section(section), "the event log")
        return len(found.words("times")) if found else 0

    @property
    def exclusions(self) -> list[str]:
        """Folders that Defender does not scan; empty without Defender, or where this account cannot see them."""
        try:
            items = document(self.recording.section("defender"), "Defender's exclusions").items()
        except NotObserved:
            return []
        return [word for item in items for word in item.words("ExclusionPath")]
