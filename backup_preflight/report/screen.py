"""Lines on a terminal of any width and any encoding, through pytest's own terminal reporter."""

from __future__ import annotations

import os
import shutil
import sys

from _pytest.terminal import TerminalReporter

from backup_preflight.lang import tr
from backup_preflight.report.message import LABEL, Part, printable
from backup_preflight.report.width import columns, padded, wrap


class Screen:
    """Where the report is written to. Prose is wrapped to the terminal's width; what goes to a file or a pipe is not."""

    def __init__(self, terminal: TerminalReporter) -> None:
        self._terminal = terminal
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self.is_terminal = terminal.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int | None:
        """Columns that a line may have; None when nobody has set a limit."""
        if self._terminal.isatty() or os.environ.get("COLUMNS", "").isdigit():
            return max(20, shutil.get_terminal_size().columns - 1)  # in the last column some terminals go to the next line
        return None

    def line(self, text: str = "", *, indent: int = 0, hang: int = 0, **markup: bool) -> None:
        """A line of prose; where it has to be continued, ``hang`` columns further right."""
        for place, line in enumerate(self._wrapped(printable(text), indent, hang)):
            self.verbatim(line, indent=indent + (hang if place else 0), **markup)

    def verbatim(self, text: str, *, indent: int = 0, **markup: bool) -> None:
        """One line, however long: something to copy, or a row of a table."""
        line = printable(" " * indent + text)
        self._terminal.write_line(line.encode(self._encoding, "backslashreplace").decode(self._encoding), **markup)

    def part(self, part: Part, *, indent: int) -> None:
        """A labelled part: the label to the left, its lines beside it."""
        label = padded(tr(part.label), LABEL)
        for line in part.prose:
            for piece in self._wrapped(line, indent + LABEL, 0):
                self.verbatim(f"{label}{piece}", indent=indent)
                label = " " * LABEL
        for line in part.verbatim:
            self.verbatim(f"{label}{line}", indent=indent)
            label = " " * LABEL

    def section(self, title: str) -> None:
        """A heading across the terminal."""
        wider = columns(title) - len(title)  # which pytest does not know of
        self._terminal.write_sep("-", title, fullwidth=shutil.get_terminal_size().columns - wider if wider else None)

    def command(self, text: str) -> None:
        """A line for the pipeline that runs us, at the line's very beginning; its values are escaped already."""
        self._terminal.write_line(text.encode(self._encoding, "backslashreplace").decode(self._encoding))

    def overwrite(self, text: str) -> None:
        """Put a text in place of the one that stands in the current line; an empty one gives the line free."""
        self._terminal.ensure_newline()
        width = self.width or 80
        self._terminal.write(f"\r{text[:width]:<{width}}" + ("" if text else "\r"), flush=True)

    def _wrapped(self, text: str, indent: int, hang: int) -> list[str]:
        width = self.width
        return [text] if width is None else wrap(text, max(16, width - indent), max(16, width - indent - hang))
