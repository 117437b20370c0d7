"""Reading a section into a value, or into the reason why there is none.

A fact is a property of a frozen dataclass. Reading it gives its value (None or False where the thing is absent), or raises
NotObserved: then the check that reads it is undetermined, without a line of its own about that.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from backup_preflight.recording import Section, Status


class NotObserved(Exception):
    """There is no value. ``status`` and ``detail`` say why, ``remedy`` what would help where the status alone does not tell."""

    def __init__(self, status: Status, detail: str, remedy: str = "") -> None:
        super().__init__(f"{status.value}: {detail}" if detail else status.value)
        self.status = status
        self.detail = detail
        self.remedy = remedy


def text(section: Section) -> str:
    """The section's text. Raises NotObserved, also when the thing is absent."""
    if section.status is not Status.OK:
        raise NotObserved(section.status, section.detail)
    return section.text


def optional_text(section: Section) -> str | None:
    """The section's text; None when the thing is absent. Raises NotObserved."""
    return None if section.status is Status.ABSENT else text(section)


def exists(section: Section) -> bool:
    """Whether the thing is there. Raises NotObserved."""
    return optional_text(section) is not None


def key_values(content: str) -> dict[str, str]:
    """``key=value`` lines; the last one of a key counts."""
    pairs = (line.partition("=") for line in content.splitlines())
    return {key.strip(): value.strip() for key, separator, value in pairs if separator}


def rows(content: str, columns: int) -> Iterator[list[str]]:
    """Tab-separated records; a line with fewer fields than ``columns`` is passed over, the last field keeps further tabs."""
    for line in content.splitlines():
        fields = line.split("\t", columns - 1)
        if len(fields) == columns:
            yield fields


def number(value: str | None, what: str) -> int:
    """A decimal number. Raises NotObserved, so that an unreadable number is never taken for a small one."""
    if not is_number(found := (value or "").strip()):
        raise NotObserved(Status.ERROR, f"{what} is no number: {found[:60]!r}")
    return int(found)


def is_number(word: str) -> bool:
    """Whether it is a decimal number of a size that anything on a VM can have: Python's isdigit() also takes ``²``."""
    return bool(re.fullmatch("[0-9]{1,18}", word))


def json_value(content: str | bytes) -> Any:
    r"""A JSON value whose text can be printed: a lone ``\ud800`` becomes ``?``. Raises ValueError for whatever is wrong with it."""
    try:
        return json.loads(json.dumps(json.loads(content), ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def quoted(words: str) -> str:
    """Words for a command that somebody will paste into a shell: a VM may call its things ``;reboot``."""
    try:
        return shlex.join(shlex.split(words))
    except ValueError:
        return shlex.quote(words)


def unreadable(what: str, content: str = "") -> NotObserved:
    """For a value that is there, but that we do not understand."""
    return NotObserved(Status.ERROR, f"{what} cannot be read: {content[:80]!r}" if content else f"{what} cannot be read")


def version(found: str) -> tuple[int, ...]:
    """``"2.10.0.8"`` as (2, 10, 0, 8): versions compare as integers. Raises NotObserved."""
    parts = found.strip().split(".")
    if not all(is_number(part) for part in parts):
        raise unreadable("a version", found)
    return tuple(int(part) for part in parts)


def at_least(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Compare versions of different lengths: 2.2.53 is 2.2.53.0."""
    length = max(len(found), len(wanted))
    return found + (0,) * (length - len(found)) >= wanted + (0,) * (length - len(wanted))
