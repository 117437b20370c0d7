"""How wide a text is on a terminal, where Korean characters take two columns."""

from __future__ import annotations

from _pytest._io.wcwidth import wcswidth


def wrap(text: str, first: int, others: int) -> list[str]:
    """The text in lines of so many columns; a word that is longer stays whole."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and columns(longer) > (others if lines else first):
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def columns(text: str) -> int:
    """How wide a text is on a terminal: Korean characters take two columns."""
    return max(wcswidth(text), 0)


def padded(text: str, width: int) -> str:
    """The text, filled with spaces to so many columns."""
    return text + " " * (width - columns(text))
