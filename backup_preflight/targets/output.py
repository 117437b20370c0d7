"""What one command gave, and the bounds that hold for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.recording import MAX_BYTES

READ_SECONDS = 60.0
"""Deadline of one read: connecting, running the collector, closing."""
STDERR_BYTES = 64 * 1024
"""How much of standard error is kept (its end); all of it is drained."""


@dataclass
class Output:
    """Standard output, the end of standard error, and how it ended.

    ``status``: the exit status, None without one: connection lost, or with ``signalled`` killed by a signal there.
    ``late``: stopped at the deadline.
    """

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    status: int | None = None
    late: bool = False
    signalled: bool = False
    errors_seen: int = 0

    def add_stdout(self, data: bytes) -> None:
        """Raises ConnectionProblem past ``recording.MAX_BYTES``."""
        self.stdout += data
        if len(self.stdout) > MAX_BYTES:
            raise _too_much("output", self.stdout)

    def add_stderr(self, data: bytes) -> None:
        """Keeps the end. Raises ConnectionProblem past ``recording.MAX_BYTES``."""
        self.errors_seen += len(data)
        if self.errors_seen > MAX_BYTES:
            raise _too_much("error output", data)
        self.stderr += data
        del self.stderr[:-STDERR_BYTES]

    @property
    def stderr_text(self) -> str:
        """The end of standard error, decoded."""
        return bytes(self.stderr).decode("utf-8", "replace")

    @property
    def last_line(self) -> str:
        """The last line of standard error that is not blank, at most 300 characters."""
        lines = [line.strip() for line in self.stderr_text.splitlines() if line.strip()]
        return printable(lines[-1][:300]) if lines else ""


def _too_much(what: str, data: bytes | bytearray) -> ConnectionProblem:
    return ConnectionProblem(
        Problem.OUTPUT,
        f"the {what} goes past {MAX_BYTES:,} bytes; it holds {show(data)}",
        "look for a program that prints without end in the login scripts or in a forced command of this account",
    )


def show(data: bytes | bytearray) -> str:
    """The first bytes of an output, on one line, in quotes, safe to print."""
    text = bytes(data[:200]).decode("utf-8", "replace").strip()
    return repr(printable(" ".join(text.split())))


def printable(text: str) -> str:
    """The text without control characters: what a VM prints must not steer the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
