"""One line that says how far the reading of the VMs is, while somebody waits for it."""

from __future__ import annotations

import time

from backup_preflight.collect.gather import Progress
from backup_preflight.report.screen import Screen

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
    time_left = f", {_duration(seconds / progress.done * to_come)} left" if progress.done >= _ENOUGH else ""
    failed = f", {progress.failed} could not be read" if progress.failed else ""
    reading = f", {progress.under_way} being read" if progress.under_way else ""
    waiting = f", {to_come - progress.under_way} waiting" if to_come > progress.under_way else ""
    long = f"reading VMs: {progress.read} of {progress.total} read{failed}{reading}{waiting}{time_left}"
    return long if len(long) <= width else f"{progress.done} of {progress.total} VMs{time_left}"[:width]


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"
