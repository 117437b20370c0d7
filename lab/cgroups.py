"""A control group for each guest: its limits, and what is left in it at the end. Both kinds of hierarchy are served."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("systemd", "unified", "cpuset", "cpu", "cpuacct", "memory", "pids")
_OURS = "backup-preflight-lab"
_GIB = 1 << 30
_PERIOD = 10_000
"""Microseconds; the kernel's own 100,000 are long beside what the suite watches: a busy guest would look idle in some of it."""


class Cgroup:
    """The group of one guest. ``lab`` is the id of a lab: the process id of the program that started it."""

    def __init__(self, lab: str, guest: str) -> None:
        self._unified = (_ROOT / "cgroup.controllers").exists()
        hierarchies = [_ROOT] if self._unified else [_ROOT / name for name in _CONTROLLERS if (_ROOT / name).is_dir()]
        self._groups = [hierarchy / _OURS / lab / guest for hierarchy in hierarchies]

    def create(self, memory: int = _GIB) -> list[Path]:
        """Make it, with at most ``memory`` bytes; returns the files that a process writes its id to."""
        for group in self._groups:
            group.mkdir(parents=True, exist_ok=True)
            parents = [group.parent.parent.parent, group.parent.parent, group.parent]
            if self._unified:
                for parent in parents:
                    (parent / "cgroup.subtree_control").write_text("+cpuset +cpu +memory +pids")
                (group / "memory.max").write_text(str(memory))
            if group.parts[4] == "cpuset":
                for above, below in zip(parents, [*parents[1:], group], strict=True):
                    for name in ("cpuset.cpus", "cpuset.mems"):  # a new group has none, and cannot be entered
                        (below / name).write_text((above / name).read_text())
            if group.parts[4] == "memory":
                (group / "memory.limit_in_bytes").write_text(str(memory))
        return [group / "cgroup.procs" for group in self._groups]

    def limit_cpu(self, share: float) -> None:
        """Give it this share of one processor: not more, and not less either, however busy the others are."""
        for group in self._groups:
            if self._unified:
                (group / "cpu.max").write_text(f"{int(share * _PERIOD)} {_PERIOD}")
                (group / "cpu.weight").write_text("10000")
            elif group.parts[4] == "cpu":
                (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
                (group / "cpu.cfs_quota_us").write_text(str(int(share * _PERIOD)))
                (group / "cpu.shares").write_text("100000")

    def remove(self) -> None:
        """Remove the empty group with all below."""
        for group in self._groups:
            _remove(group)


def sweep() -> None:
    """Remove the groups of labs that were killed: nothing is in them, and their program is gone."""
    for lab in {group.name for group in _labs() if not Path("/proc", group.name).exists()}:
        remove_lab(lab)


def remove_lab(lab: str) -> None:
    """Remove the empty groups of a lab, and the one above it when it was the last."""
    for group in _labs():
        if group.name == lab:
            _remove(group)
            with contextlib.suppress(OSError):
                group.parent.rmdir()


def _labs() -> list[Path]:
    ours = [_ROOT / _OURS, *(_ROOT / name / _OURS for name in _CONTROLLERS)]
    return [group for directory in ours if directory.is_dir() for group in directory.iterdir() if group.is_dir()]


def _remove(group: Path) -> None:
    for directory, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            Path(directory).rmdir()
