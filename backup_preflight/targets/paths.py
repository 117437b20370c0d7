"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path


def expand_user(name: str) -> Path:
    """``~`` and ``~user`` resolved as a shell does: a user that does not exist stays as it stands, where Path.expanduser raises."""
    return Path(name if "\0" in name else os.path.expanduser(name))  # noqa: PTH111


def is_directory(path: Path) -> bool:
    """Whether it is a directory that may be looked at. Never raises, where Path.is_dir does for a closed parent or too long a name."""
    return os.path.isdir(path)  # noqa: PTH112


def why_unreadable(path: Path) -> str:
    """Why the file cannot be read; empty when it can."""
    try:
        with path.open("rb"):
            return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a NUL in the name
        return str(error)
