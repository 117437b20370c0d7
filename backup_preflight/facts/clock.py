"""The guest's clock against another one."""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime

from backup_preflight.facts.http import Response
from backup_preflight.facts.observation import NotObserved
from backup_preflight.recording import Recording, Status


def clock_error(first: int, last: int, answer: Response, recording: Recording) -> float:
    """Seconds by which the guest's clock is ahead; ``first`` and ``last`` are its readings around the probes.

    Measured against the host's clock where the wire server told it (that is Azure's own), else against the suite's.
    Raises NotObserved when neither is known.
    """
    if (host := _host_time(answer)) is not None:
        return -_outside(host, first - 1, last + 1)
    if recording.started is None or recording.finished is None:
        raise NotObserved(Status.NOT_COLLECTED, "a recording made by hand holds no second clock to compare with")
    earliest, latest = recording.started - 1, recording.finished + 1
    if first < earliest:
        return first - earliest
    return max(0.0, last - latest)


def _host_time(answer: Response) -> float | None:
    date = answer.headers.get("date", "") if answer.is_wireserver else ""
    try:
        return parsedate_to_datetime(date).astimezone(timezone.utc).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _outside(value: float, earliest: float, latest: float) -> float:
    """How far a value lies outside a span; 0 inside."""
    return min(0.0, value - earliest) or max(0.0, value - latest)
