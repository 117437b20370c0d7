"""What a snapshot on Windows depends on: VSS writers, BitLocker, access rights, free space, WMI itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backup_preflight.facts.observation import NotObserved, unreadable
from backup_preflight.facts.windows import sddl
from backup_preflight.facts.windows.document import Document, document, optional_document
from backup_preflight.facts.windows.system import System
from backup_preflight.recording import Recording, Status

STABLE = 1
WAITING = frozenset({2, 3, 4, 5})
"""States of a writer during a backup (VSS_WRITER_STATE)."""

SERVICES = {
    "{a65faa63-5ea8-4ebc-9dbd-a0c4db26912a}": "SQLWriter",
    "{e8132975-6f93-4464-a53e-1050253ae220}": "CryptSvc",
}
"""Writer → the service to restart."""

_GUID = re.compile(r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", re.IGNORECASE)
_TOKEN = re.compile(rf"({_GUID.pattern})|:\s*\[(\d{{1,3}})\]", re.IGNORECASE)
_NAME = re.compile(r"'([^'\n]{1,100})'")


@dataclass(frozen=True)
class Writer:
    """A VSS writer. ``state``: VSS_WRITER_STATE, 1 is stable."""

    id: str
    state: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name or 'writer'} {self.id} [{self.state}]"


@dataclass(frozen=True)
class Snapshot:
    """What a snapshot depends on."""

    recording: Recording
    system: System

    @property
    def unstable_writers(self) -> list[Writer]:
        """Writers that were not stable, in two looks where the first one found any. Raises NotObserved."""
        samples = [_writers(sample) for sample in document(self.recording.section("vss_writers"), "vssadmin").items("samples")]
        if not samples or not all(samples):
            if not self.system.is_admin:
                raise NotObserved(Status.DENIED, "vssadmin lists the writers to an administrator only")
            raise unreadable("the output of `vssadmin list writers`")
        sick = [{writer.id for writer in sample if writer.state != STABLE} for sample in samples]
        return [writer for writer in samples[-1] if writer.state != STABLE and all(writer.id in found for found in sick)]

    @property
    def locked_drives(self) -> list[str] | None:
        """Volumes that BitLocker has locked; None when BitLocker is not installed. Raises NotObserved."""
        found = optional_document(self.recording.section("bitlocker"), "BitLocker")
        return None if found is None else [item.text("drive") or "?" for item in found.items() if item.required("lock") == 1]

    def access(self, folder: str) -> list[sddl.Entry]:
        r"""The access list of a folder below ``ProgramData\Microsoft\Crypto``. Raises NotObserved."""
        text = document(self.recording.section("acl", folder), f"the access list of {folder}").text("sddl")
        try:
            return sddl.entries(text)
        except ValueError:
            raise unreadable(f"the access list of {folder}", text) from None

    @property
    def full_volumes(self) -> dict[str, tuple[int, int]]:
        """Drive → free and total bytes, of every local volume. Raises NotObserved."""
        items = document(self.recording.section("volumes"), "Win32_LogicalDisk").items()
        sized = [(item.text("DeviceID"), item.number("FreeSpace"), item.number("Size")) for item in items]
        return {drive: (free, size) for drive, free, size in sized if free is not None and size}

    @property
    def wmi_code(self) -> int:
        """What WMI's registry provider answers; 0 is success. Raises NotObserved."""
        return document(self.recording.section("wmi_registry"), "WMI's registry provider").required("code")


def _writers(sample: Document) -> list[Writer]:
    """Of ``vssadmin list writers`` in any language: of each writer the first GUID, and the number in brackets that follows."""
    output = sample.text("output")
    found = []
    identifier, start = "", 0
    for match in _TOKEN.finditer(output):
        if match[1]:
            identifier = identifier or match[1].lower()
        elif identifier:
            name = _NAME.search(output, start, match.start())
            found.append(Writer(identifier, int(match[2]), name[1] if name else ""))
            identifier, start = "", match.end()
    return found
