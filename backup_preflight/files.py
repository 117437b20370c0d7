"""Writing files so that nobody ever sees half of one, whenever this process is ended."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

_SUFFIX = ".partial"
_STALE_SECONDS = 3600.0
"""A file takes milliseconds to write: one that is older was left behind by a process that has died."""


def write_atomically(path: Path, pieces: Iterable[bytes], *, private: bool = False) -> Path:
    """Put the pieces there as a whole, in place of what was there. ``private``: only this user may read it. Raises OSError.

    What is no regular file, such as /dev/stdout, is written to as it is. A symbolic link is replaced, not followed.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            file.writelines(pieces)
        return path
    temporary = path.with_name(f".{secrets.token_hex(8)}{_SUFFIX}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())  # else a crash of the machine could leave the new name with nothing behind it
        return temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def safe_name(name: str) -> str:
    """A name for what belongs to a VM: in its folder, not hidden. What is unsafe there becomes ``_``, and a part of a hash keeps such
    names apart.
    """
    safe = re.sub(r"[^A-Za-z0-9._@-]", "_", name).lstrip(".")[:100]
    return safe if safe and safe == name else f"{safe or 'vm'}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def remove_leftovers(directory: Path) -> None:
    """Remove what a process that has died left there in the middle of writing; what is not to be removed stays."""
    for path in directory.glob(f".*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                path.unlink()
