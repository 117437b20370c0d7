"""docs/reliability.md: its prose is written by hand, its tables by the runs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from selftests.reliability.faults import TRANSPORTS, Row
from selftests.reliability.machine import ROOT

DOCUMENT = ROOT / "docs" / "reliability.md"
_HEADS = {
    "paramiko": "### Over SSH with the suite's own client (`paramiko://`, the default)",
    "ssh": "### Over SSH with OpenSSH's client (`ssh://`)",
    "winrm": "### Over WinRM (a stand-in for Windows)",
}
_COLUMNS = ("fault", "how it is made", "what the user sees", "seconds", "other VMs affected")
_SERIES = re.compile(r"^(cut|stalled)-\d+$")


def faults(rows: list[Row]) -> str:
    """The tables of faults, one for each transport."""
    parts = []
    for scheme in TRANSPORTS:
        parts += [_HEADS[scheme], "", f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
        parts += [_line(group) for group in _grouped(row for row in rows if row.transport == scheme)]
        parts.append("")
    return "\n".join(parts)


def replaced(document: str, name: str, block: str) -> str:
    """The document with another content between the marks of that name."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    found, count = pattern.subn(lambda match: f"{match[1]}\n{block}\n{match[2]}", document)
    assert count == 1, f"{DOCUMENT} has no place for {name}"
    return found


def essence(block: str) -> list[tuple[str, str, str]]:
    """Of each line of a table what must be the same in every run: the fault, how it is made, the result's first line."""
    rows = [line.split(" | ") for line in block.splitlines() if re.match(r"\| [a-z]", line)]
    return [(row[0], row[1], row[2].split("<br>")[0]) for row in rows if len(row) == len(_COLUMNS)]


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of one series count as one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        match = _SERIES.match(row.fault)
        groups.setdefault(f"{match[1]}-N" if match else row.fault, []).append(row)
    return list(groups.values())


def _line(group: list[Row]) -> str:
    first = group[0]
    affected = sorted({id_ for row in group for id_ in row.affected})
    if len(group) > 1:
        name = re.sub(r"\d+$", "N", first.fault)
        how = f"{re.sub(r'[0-9]+ 24ths', 'N 24ths', first.how)}, {len(group)} places"
        shown = f"`{name}: could not be read: " + "` or `".join(sorted({kind for row in group for kind in row.expected})) + "`"
        slowest = max(row.seconds for row in group)
        seconds = f"{min(row.seconds for row in group):.0f} to {slowest:.0f}"
    else:
        name, how, shown, seconds = first.fault, first.how, _shown(first), f"{first.seconds:.0f}"
    return f"| {name} | {how.replace('|', chr(92) + '|')} | {shown} | {seconds} | {', '.join(affected) or 'none'} |"


def _shown(row: Row) -> str:
    """The result's first line, and what was found; where several kinds are right, the first line names them all."""
    first, *rest = row.shown
    if len(row.expected) > 1:
        first = f"{row.fault}: could not be read: {' or '.join(row.expected)}"
    found = [line.removeprefix("  Found   ") for line in rest if line.startswith("  Found   ")]
    return "<br>".join(f"`{_plain(line)}`" for line in [first, *found])


def _plain(text: str) -> str:
    """Without what differs from run to run, and without what would end a cell."""
    text = re.sub(r"/tmp/preflight-machine-\S+/", "…/", text)
    text = re.sub(r"SHA256:[A-Za-z0-9+/]+", "SHA256:…", text)
    text = re.sub(r"port [0-9]{5}\b", "port …", text)
    text = re.sub(r"only \d+ bytes", "only … bytes", text)
    return text[:300].replace("|", "\\|").replace("`", "'")
