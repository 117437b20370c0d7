"""Findings as text, and text as something safe to show: what a VM says must not steer a terminal, a pipeline or a parser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backup_preflight.lang import tr
from backup_preflight.report.width import padded
from backup_preflight.verdict import Result

LABEL = 8
"""Width of the labels of a finding."""

_LONGEST = 4000
"""Characters of one line that are shown; --json has all of them."""

# Control and direction characters, what nobody can see, line separators, lone surrogates, and what XML forbids.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# GitHub takes a line like "::word::", or one that holds "##[", for a command; Azure Pipelines one that holds "##vso[".
_COMMAND = re.compile(r"^(?P<indent>\s*):(?=:.*::)|#(?=#(?:vso)?\[)", re.MULTILINE | re.IGNORECASE)


def printable(text: str) -> str:
    """The text with unseen characters and the beginnings of pipeline commands as escapes; its lines stay lines."""
    if text.isprintable() and "::" not in text and "##" not in text:  # nearly every text
        return text
    return _COMMAND.sub(_escaped_command, _UNSEEN.sub(lambda match: _escaped(match[0]), text))


def one_line(text: str) -> str:
    """``printable``, and line ends and tabs are escapes too; a line too long for anybody is cut."""
    shown = printable(text[:_LONGEST].replace("\n", "\\n").replace("\t", "\\t"))
    return shown if len(text) <= _LONGEST else f"{shown}... ({len(text):,} characters in all; --json has them)"


@dataclass(frozen=True)
class Part:
    """One labelled part of a finding: prose, and what must not be wrapped, because it is for copying."""

    label: str
    prose: tuple[str, ...] = ()
    verbatim: tuple[str, ...] = ()


def parts(result: Result) -> list[Part]:
    """The parts of a finding below its first line, fit to be shown."""
    found = [
        _part("Cause", result.cause),
        _part("Found", result.found),
        _part("Reason", result.reason),
        _part("Wanted", result.wanted),
        _part("Fix", result.fix, *result.commands),
        _part("Remedy", result.remedy),
        _part("Waived", result.waived),
        _part("See", "", result.link, tr("(page of {date})", date=result.page_date) if result.link else ""),
    ]
    return [part for part in found if part.prose or part.verbatim]


def _part(label: str, prose: str, *verbatim: str) -> Part:
    return Part(label, tuple(one_line(line) for line in prose.split("\n") if line), tuple(one_line(line) for line in verbatim if line))


def render(result: Result) -> str:
    """The finding: what is wrong first, then what to do."""
    lines = [one_line(result.headline)]
    for part in parts(result):
        label = tr(part.label)
        lines += [f"  {padded(label if not index else '', LABEL)}{line}" for index, line in enumerate([*part.prose, *part.verbatim])]
    return "\n".join(lines)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _escaped_command(match: re.Match[str]) -> str:
    indent = match["indent"]
    return "\\x23" if indent is None else f"{indent}\\x3a"
