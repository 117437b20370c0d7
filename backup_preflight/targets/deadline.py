"""A deadline for a call into a library that has none of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Late(Exception):
    """The call did not end in time. It goes on in its thread, which ends with the process at the latest."""


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """What the call gives, or raises. Raises Late after ``seconds``."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="deadline")
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise Late
    return results[0]
