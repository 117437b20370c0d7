"""Writing files so that nobody ever sees half of one, whenever this process is ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

_SUFFIX = ".partial"
_STALE_SECONDS = 3600.0
"""A file takes milliseconds to write: one that is older was left behind by a process that has died."""


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> Path:
    """Put ``data`` there as a whole, in place of what was there. ``private``: only this user may read it. Raises OSError.

    What is no regular file, such as /dev/stdout, is written to as it is. A symbolic link is replaced, not followed.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return path
    temporary = path.with_name(f".{secrets.token_hex(8)}{_SUFFIX}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a crash of the machine could leave the new name with nothing behind it
        return temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def remove_leftovers(directory: Path) -> None:
    """Remove what a process that has died left there in the middle of writing; what is not to be removed stays."""
    for path in directory.glob(f".*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                path.unlink()
