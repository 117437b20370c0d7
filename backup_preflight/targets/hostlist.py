"""``--hosts`` as a list of entries: split at commas, ``@FILE`` read."""

from __future__ import annotations

import os
from pathlib import Path

from backup_preflight.errors import UsageError
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.paths import expand_user

ORIGIN = "--hosts"


def entries(hosts: str | None) -> list[Entry]:
    """The entries in the order written; without ``--hosts``, this machine. Raises UsageError."""
    if hosts is None:
        return [Entry("local://", ORIGIN)]
    found: list[Entry] = []
    for text in (part.strip() for part in hosts.split(",")):
        if text.startswith("@"):
            found += _from_file(expand_user(text[1:]))
        elif text:
            found.append(Entry(text, ORIGIN))
        else:
            raise UsageError(f"{ORIGIN}: an entry is empty; remove the extra comma, or name a host, or @FILE")
    return found


def _from_file(path: Path) -> list[Entry]:
    name = os.fspath(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{ORIGIN}: list {name!r} is no text file; write one host per line") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", error)
        raise UsageError(f"{ORIGIN}: list {name!r}: {reason}; write @FILE with a file that you can read") from None
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("@"):
            raise UsageError(f"{name}:{number}: a list cannot name another list; write @FILE in --hosts once for each")
        if text and not text.startswith("#"):
            found.append(Entry(text, f"{name}:{number}"))
    if not found:
        raise UsageError(f"{ORIGIN}: list {name!r} names no host; write one host per line")
    return found
