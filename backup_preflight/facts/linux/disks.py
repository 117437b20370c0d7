"""Disks as the platform and the kernel see them, and the mounted file systems."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backup_preflight.facts.http import FAILURES, response
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import NotObserved, is_number, json_value, number, optional_text, rows, text, unreadable
from backup_preflight.recording import Recording, Status

GIB = 1024**3
"""Azure's GB are binary."""

FROZEN_TYPES = frozenset({"ext3", "ext4", "xfs", "btrfs"})
"""File systems that the extension freezes (VMBackup, mounts.py)."""

_VIRTUAL = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|drbd)\d")
_TEMPORARY_GUIDS = ("/00000000-0001-", "/f8b3781a-1e82-4818-a1c3-63d806ec15bb/")


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
class Mount:
    """A mounted file system."""

    target: str
    source: str
    type: str
    options: frozenset[str]

    @property
    def is_frozen(self) -> bool:
        """Whether the extension freezes it for a snapshot. /run/host is where a container manager puts files of its own."""
        return self.type in FROZEN_TYPES and not self.source.startswith("/dev/loop") and not self.target.startswith("/run/host/")


@dataclass(frozen=True)
class Disks:
    """Disks and file systems of a Linux VM."""

    recording: Recording
    system: System

    @cached_property
    def profile(self) -> dict[str, Any]:
        """The storage profile of the instance metadata. Raises NotObserved where there is none."""
        answer = response(self.recording.section("http", "imds"))
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
        """Whether the platform itself told the disks; otherwise they are what the kernel sees."""
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
        """Every disk but the temporary one. Raises NotObserved when neither the platform nor the kernel shows one."""
        disks = self._from_profile() if self.from_platform else self._from_kernel()
        if not disks:
            raise NotObserved(Status.UNSUPPORTED, "no disk is visible (a container?)")
        return disks

    @property
    def data_disk_count(self) -> int:
        """Number of data disks; of what the kernel sees one is the operating system's."""
        named = [disk for disk in self.all if disk.is_os]
        return len(self.all) - max(1, len(named))

    def _from_profile(self) -> list[Disk]:
        data_disks = self.profile.get("dataDisks")
        disks = [_disk(self.profile["osDisk"], "OS disk", is_os=True)]
        for disk in data_disks if isinstance(data_disks, list) else []:
            lun = disk.get("lun", "?") if isinstance(disk, dict) else "?"
            disks.append(_disk(disk, f"data disk LUN {lun}", is_os=False))
        return disks

    def _from_kernel(self) -> list[Disk]:
        temporary = self._temporary
        disks = []
        for name, size, removable, model, path in rows(text(self.recording.section("block_devices")), 5):
            local = "NVMe Direct" in model or any(guid in path for guid in _TEMPORARY_GUIDS)
            if is_number(size) and int(size) and removable == "0" and not local and name not in temporary and not _VIRTUAL.match(name):
                disks.append(Disk(f"/dev/{name}", int(size)))
        return disks

    @cached_property
    def _temporary(self) -> set[str]:
        """Kernel names of the temporary disk."""
        found = set((optional_text(self.recording.section("resource_disk")) or "").split())
        names = {name for name in found if not name.startswith("/")}
        for mount in self._all_mounts(required=False):
            if mount.target in found and mount.source.startswith("/dev/"):
                names.add(re.sub(r"p?\d+$", "", mount.source[len("/dev/") :]))
        return names

    @cached_property
    def mounts(self) -> list[Mount]:
        """The mounted file systems, in mount order."""
        return self._all_mounts(required=True)

    def _all_mounts(self, *, required: bool) -> list[Mount]:
        section = self.recording.section("mounts")
        if section.status is not Status.OK and not required:
            return []
        found = []
        for line in text(section).splitlines():
            left, separator, right = line.partition(" - ")
            fields, rest = left.split(" "), right.split(" ")
            if separator and len(fields) >= 6 and len(rest) >= 3:
                options = frozenset(fields[5].split(",")) | frozenset(rest[2].split(","))
                found.append(Mount(_unescape(fields[4]), _unescape(rest[1]), rest[0], options))
        if required and not found:
            raise unreadable("/proc/self/mountinfo")
        return found

    def mount_of(self, path: str) -> Mount:
        """The file system that holds a path. Raises NotObserved."""
        holders = [m for m in self.mounts if path == m.target or path.startswith(m.target.rstrip("/") + "/")]
        if not holders:
            raise NotObserved(Status.ERROR, f"no mount point holds {path}")
        return max(enumerate(holders), key=lambda pair: (len(pair[1].target), pair[0]))[1]

    @property
    def mount_errors(self) -> dict[str, str]:
        """Mount points that could not be opened → the error."""
        found = rows(text(self.recording.section("mount_open")), 2)
        return {_unescape(target): word for word, target in found if word != "ok"}


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


def _unescape(path: str) -> str:
    r"""Mount points come with blanks and the like as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
