"""Writing a report's file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write the text as UTF-8 to a file beside it first, so that nobody ever reads half a report. Raises OSError.

    What is no file (a pipe, /dev/stdout) is written to directly. A lone surrogate, which a VM's bytes may have become, is
    written as an escape.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8", "backslashreplace")
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
