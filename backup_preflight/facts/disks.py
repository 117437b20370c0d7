"""Disks as the platform tells them, the same for both systems, and where it does not, as the guest sees them."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backup_preflight.facts.http import FAILURES, response
from backup_preflight.facts.observation import NotObserved, json_value, number, unreadable
from backup_preflight.recording import Recording, Section, Status

GIB = 1024**3
"""Azure's GB are binary."""


@dataclass(frozen=True)
class Disk:
    """A disk that Azure Backup would read. ``size`` in bytes; ``kind`` names what is special about it."""

    name: str
    size: int
    is_os: bool = False
    encrypted: bool = False
    kinds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.size / GIB:,.0f} GB)"


@dataclass(frozen=True)
class Disks(abc.ABC):
    """The disks of a VM."""

    recording: Recording

    @property
    def _metadata(self) -> Section:
        """The answer of the instance metadata, as a section of raw bytes."""
        return self.recording.section("http", "imds")

    @abc.abstractmethod
    def _from_guest(self) -> list[Disk]:
        """Every disk but the temporary one, as the guest sees them. Raises NotObserved."""

    @property
    def pools(self) -> list[str]:
        """Names of Storage Spaces pools, which only Windows has. Raises NotObserved."""
        return []

    @cached_property
    def profile(self) -> dict[str, Any]:
        """The storage profile of the instance metadata. Raises NotObserved where there is none."""
        answer = response(self._metadata)
        if not answer.ok:
            said = FAILURES.get(answer.failure, answer.failure) or f"HTTP {answer.code}"
            raise NotObserved(Status.ERROR, f"the instance metadata (169.254.169.254) gave no storage profile: {said}")
        try:
            found = json_value(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, dict) or "osDisk" not in found:
            raise unreadable("the storage profile of the instance metadata", answer.body[:80].decode("utf-8", "replace"))
        return found

    @cached_property
    def from_platform(self) -> bool:
        """Whether the platform itself told the disks; otherwise they are what the guest sees."""
        try:
            return bool(self.profile)
        except NotObserved:
            return False

    @property
    def are_managed(self) -> bool:
        """Whether the operating system's disk is a Managed Disk. Raises NotObserved without a storage profile."""
        return bool(self.profile["osDisk"].get("managedDisk")) if isinstance(self.profile["osDisk"], dict) else False

    @cached_property
    def all(self) -> list[Disk]:
        """Every disk but the temporary one. Raises NotObserved when neither the platform nor the guest shows one."""
        disks = self._from_profile() if self.from_platform else self._from_guest()
        if not disks:
            raise NotObserved(Status.UNSUPPORTED, "no disk is visible (a container?)")
        return disks

    @property
    def data_disk_count(self) -> int:
        """Number of data disks; of what the guest sees one is the operating system's."""
        named = [disk for disk in self.all if disk.is_os]
        return len(self.all) - max(1, len(named))

    def _from_profile(self) -> list[Disk]:
        data_disks = self.profile.get("dataDisks")
        disks = [_disk(self.profile["osDisk"], "OS disk", is_os=True)]
        for disk in data_disks if isinstance(data_disks, list) else []:
            lun = disk.get("lun", "?") if isinstance(disk, dict) else "?"
            disks.append(_disk(disk, f"data disk LUN {lun}", is_os=False))
        return disks


def _disk(found: Any, role: str, *, is_os: bool) -> Disk:
    if not isinstance(found, dict):
        raise unreadable(f"the {role} of the storage profile")
    size = number(str(found.get("diskSizeGB") or 0), f"the size of the {role}") * GIB
    encryption = found.get("encryptionSettings")
    managed = found.get("managedDisk")
    account = str(managed.get("storageAccountType", "")) if isinstance(managed, dict) else ""
    local = found.get("diffDiskSettings")
    kinds = [
        ("shared disk", _true(found.get("isSharedDisk"))),
        ("Ultra disk", _true(found.get("isUltraDisk")) or account.startswith("UltraSSD")),
        ("Premium SSD v2", account.startswith("PremiumV2")),
        ("write accelerator", _true(found.get("writeAcceleratorEnabled"))),
        ("ephemeral OS disk", isinstance(local, dict) and str(local.get("option", "")).lower() == "local"),
    ]
    return Disk(
        f"{role} {found.get('name') or ''}".strip(),
        size,
        is_os=is_os,
        encrypted=isinstance(encryption, dict) and _true(encryption.get("enabled")),
        kinds=tuple(kind for kind, present in kinds if present),
    )


def _true(value: object) -> bool:
    return str(value).lower() == "true"
