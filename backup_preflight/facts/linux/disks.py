"""Disks as the kernel sees them, and the mounted file systems."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts import disks
from backup_preflight.facts.disks import Disk
from backup_preflight.facts.observation import NotObserved, is_number, optional_text, rows, text, unreadable
from backup_preflight.recording import Status

FROZEN_TYPES = frozenset({"ext3", "ext4", "xfs", "btrfs"})
"""File systems that the extension freezes (VMBackup, mounts.py)."""

_VIRTUAL = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|drbd)\d")
_TEMPORARY_GUIDS = ("/00000000-0001-", "/f8b3781a-1e82-4818-a1c3-63d806ec15bb/")


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
class Disks(disks.Disks):
    """Disks and file systems of a Linux VM."""

    def _from_guest(self) -> list[Disk]:
        temporary = self._temporary
        found = []
        for name, size, removable, model, path in rows(text(self.recording.section("block_devices")), 5):
            local = "NVMe Direct" in model or any(guid in path for guid in _TEMPORARY_GUIDS)
            if is_number(size) and int(size) and removable == "0" and not local and name not in temporary and not _VIRTUAL.match(name):
                found.append(Disk(f"/dev/{name}", int(size)))
        return found

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


def _unescape(path: str) -> str:
    r"""Mount points come with blanks and the like as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
