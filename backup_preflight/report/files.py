"""Writing a report's file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from backup_preflight.files import write_atomically


def write_whole(path: Path, text: str) -> None:
    """Write the text as UTF-8 to a file beside it first, so that nobody ever reads half a report. Raises OSError.

    What is no file (a pipe, /dev/stdout) is written to directly. A lone surrogate, which a VM's bytes may have become, is
    written as an escape.
    """
    if not path.exists() or path.is_file():
        path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8", "backslashreplace")
    write_atomically(path, data)
