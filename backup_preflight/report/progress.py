"""One line that says how far the reading of the VMs is, while somebody waits for it."""

from __future__ import annotations

import time

from backup_preflight.collect.gather import Progress
from backup_preflight.lang import tr
from backup_preflight.report.screen import Screen
from backup_preflight.report.width import columns

_ENOUGH = 3
"""VMs to be done before the time that is left can be told."""


class ProgressLine:
    """Stands in the last line of a terminal, and is gone before anything else is written there."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._started = time.monotonic()
        self._is_there = False

    def show(self, progress: Progress) -> None:
        """Write the line anew."""
        self._is_there = True
        self._screen.overwrite(words(progress, time.monotonic() - self._started, self._screen.width or 80))

    def clear(self) -> None:
        """Take the line away."""
        if self._is_there:
            self._screen.overwrite("")
            self._is_there = False


def words(progress: Progress, seconds: float, width: int) -> str:
    """How far it is after so many seconds, in at most ``width`` columns."""
    to_come = progress.total - progress.done
    time_left = tr(", {time} left", time=_duration(seconds / progress.done * to_come)) if progress.done >= _ENOUGH else ""
    failed = tr(", {number} could not be read", number=progress.failed) if progress.failed else ""
    reading = tr(", {number} being read", number=progress.under_way) if progress.under_way else ""
    waiting = tr(", {number} waiting", number=to_come - progress.under_way) if to_come > progress.under_way else ""
    long = tr("reading VMs: {number} of {all} read", number=progress.read, all=progress.total) + failed + reading + waiting + time_left
    short = tr("{number} of {all} VMs", number=progress.done, all=progress.total) + time_left
    return long if columns(long) <= width else short[:width]


def _duration(seconds: float) -> str:
    if seconds < 100:
        return tr("about {number} s", number=max(1, round(seconds)))
    return tr("about {number} min", number=round(seconds / 60))
