"""What is open right now, so that an interrupted run can close it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

_lock = threading.Lock()
_open: dict[object, Callable[[], object]] = {}


@contextlib.contextmanager
def closable(close: Callable[[], object]) -> Iterator[None]:
    """While the block runs, ``close_all`` calls ``close`` from another thread."""
    key = object()
    with _lock:
        _open[key] = close
    try:
        yield
    finally:
        with _lock:
            _open.pop(key, None)


def close_all() -> None:
    """Close all that is open."""
    with _lock:
        found = list(_open.values())
    for close in found:
        with contextlib.suppress(Exception):
            close()
