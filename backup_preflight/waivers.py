"""``--waivers=FILE``: findings that somebody has accepted, for a reason and until a day. They stay visible and do not gate.

The file is TOML, one table for each waiver::

    [[waiver]]
    check = "LIN-17"
    vm = "batch-*"            # an id of the report; * and ? stand for any characters
    reason = "a batch host: its memory is full by design"
    expires = 2027-01-31      # the last day on which it counts
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from backup_preflight.checks import catalogue
from backup_preflight.errors import UsageError
from backup_preflight.lang import tr
from backup_preflight.verdict import Result, Verdict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WAIVABLE = {Verdict.FAIL.value, Verdict.ADVICE.value, Verdict.UNDETERMINED.value}
"""A VM that could not be read and a mistake of ours cannot be accepted: nothing is known of that VM."""
_KEYS = {"check", "vm", "reason", "expires"}


@dataclass(frozen=True)
class Waiver:
    """One accepted finding. ``vm`` is a pattern over the ids of VMs; ``expires`` the last day on which it counts."""

    check: str
    vm: str
    reason: str
    expires: date

    @property
    def text(self) -> str:
        """What reports show beside a waived finding."""
        return tr("{reason} (until {date})", reason=self.reason, date=self.expires.isoformat())

    def concerns(self, result: Result) -> bool:
        """Whether it is about that check and that VM."""
        pattern = re.escape(self.vm).replace(r"\*", ".*").replace(r"\?", ".")
        return result.check == self.check and re.fullmatch(pattern, result.target) is not None


@dataclass(frozen=True)
class Waivers:
    """The waivers of a run, and the day it happens on."""

    all: tuple[Waiver, ...] = ()
    today: date = date.min

    def apply(self, result: Result) -> Result:
        """The result; waived when it is a finding and a waiver that still counts is about it."""
        if result.verdict not in WAIVABLE:
            return result
        for waiver in self.all:
            if waiver.expires >= self.today and waiver.concerns(result):
                return replace(result, verdict=Verdict.WAIVED.value, waived=waiver.text)
        return result

    def notes(self, results: Iterable[Result]) -> list[str]:
        """One line for each waiver that has expired, or that nothing in this run needed."""
        seen = list(results)
        looked_at = {result.check for result in seen}
        notes = []
        for waiver in self.all:
            name = tr("waiver of {check} on {vm}", check=waiver.check, vm=waiver.vm)
            if waiver.expires < self.today:
                notes.append(
                    tr(
                        "{name}: expired on {date}; renew or remove it ({reason})",
                        name=name,
                        date=waiver.expires.isoformat(),
                        reason=waiver.reason,
                    )
                )
            elif waiver.check in looked_at and not any(r.waived == waiver.text and waiver.concerns(r) for r in seen):
                notes.append(tr("{name}: not used, no VM of this run has that finding; remove it when no other run needs it", name=name))
        return notes


def load_waivers(path: Path) -> Waivers:
    """Read the file. Raises UsageError with the file, the waiver and what is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--waivers: {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--waivers: {path} is no TOML: {error}") from None
    tables = data.pop("waiver", [])
    if data or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"--waivers: {path}: write a table [[waiver]] for each waiver, and nothing else")
    today = datetime.now().astimezone().date()
    return Waivers(tuple(_waiver(table, f"--waivers: {path}: waiver {place}") for place, table in enumerate(tables, 1)), today)


def _waiver(table: dict[str, Any], where: str) -> Waiver:
    if unknown := sorted(table.keys() - _KEYS):
        raise UsageError(f"{where}: unknown key {unknown[0]}; it has {', '.join(sorted(_KEYS))}")
    texts = {}
    for key in ("check", "vm", "reason"):
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{where}: {key} is missing or no text")
        texts[key] = value.strip()
    expires = table.get("expires")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise UsageError(f"{where}: expires is missing or no date; write it without quotes, such as expires = 2027-01-31")
    if texts["check"] not in catalogue():
        raise UsageError(f"{where}: {texts['check']} is no check (all: --explain)")
    return Waiver(**texts, expires=expires)
