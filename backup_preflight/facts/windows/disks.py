"""Disks as a Windows guest sees them, for when the platform does not tell."""

from __future__ import annotations

from dataclasses import dataclass

from backup_preflight.facts import disks
from backup_preflight.facts.disks import Disk
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows.document import document, optional_document, raw
from backup_preflight.recording import Section


@dataclass(frozen=True)
class Disks(disks.Disks):
    """Disks of a Windows VM."""

    @property
    def _metadata(self) -> Section:
        return raw(self.recording.section("http", "imds"))

    def _from_guest(self) -> list[Disk]:
        """Win32_DiskDrive rounds sizes down, by less than 8.3 MB."""
        found = []
        for item in document(self.recording.section("disks"), "Win32_DiskDrive").items():
            number, size = item.required("Index"), item.number("Size")
            if size and item.text("InterfaceType") != "USB" and number not in self._temporary:
                found.append(Disk(f"disk {number} ({item.text('Model')})", size))
        return found

    @property
    def _temporary(self) -> set[int]:
        """Numbers of the disks that hold the warning file of Azure's temporary disk."""
        try:
            drives = document(self.recording.section("resource_disk"), "the temporary disk").words("drives")
            partitions = document(self.recording.section("partitions"), "MSFT_Partition").items()
        except NotObserved:
            return set()
        letters = {drive[:1].upper() for drive in drives if drive}
        return {item.required("DiskNumber") for item in partitions if item.text("DriveLetter").upper() in letters}

    @property
    def pools(self) -> list[str]:
        """Names of Storage Spaces pools. Raises NotObserved."""
        found = optional_document(self.recording.section("storage_pools"), "MSFT_StoragePool")
        return [item.text("FriendlyName") for item in found.items()] if found else []
