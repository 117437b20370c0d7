"""A finding as text: the failure message, the same in the terminal, HTML and JUnit."""

from __future__ import annotations

import re

from backup_preflight.verdict import Result

_LABEL = 8
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Azure Pipelines obeys "##vso[" and "##[" anywhere in a line, GitHub "::command::" at the beginning of one.
_AZURE = re.compile(r"#(?=#(?:vso)?\[)")
_GITHUB = re.compile(r"(?m)^([ \t]*):(?=:[^\n]*::)")


def render(result: Result) -> str:
    """The finding: what is wrong first, then what to do. Control characters that a VM sent are made visible."""
    parts = [
        ("Cause", result.cause),
        ("Found", result.found),
        ("Reason", result.reason),
        ("Wanted", result.wanted),
        ("Fix", "\n".join(filter(None, [result.fix, *result.commands]))),
        ("Remedy", result.remedy),
        ("Waived", result.waived),
        ("See", f"{result.link}\n(page of {result.page_date})" if result.link else ""),
    ]
    lines = [result.headline]
    for label, content in parts:
        if content:
            first, *rest = content.splitlines()
            lines.append(f"  {label:<{_LABEL}}{first}")
            lines += [f"  {'':<{_LABEL}}{line}" for line in rest]
    return printable("\n".join(lines))


def printable(text: str) -> str:
    """Control and direction characters as escapes: what a VM says must not steer a terminal, nor the CI that reads along."""
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return _GITHUB.sub(r"\1\\x3a", _AZURE.sub(r"\\x23", text))
