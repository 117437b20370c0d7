"""The run as Markdown, for the summary page of a pipeline's job."""

from __future__ import annotations

import re

from backup_preflight.lang import tr
from backup_preflight.report.cause_table import UNREAD, cell
from backup_preflight.report.message import one_line, parts
from backup_preflight.report.portal import notes
from backup_preflight.report.run_report import Group, RunReport, by_cause, headline, named, vms, whether
from backup_preflight.verdict import Result, Verdict

LARGEST = 1 << 20
"""Bytes that GitHub takes of one step."""

_ROWS = 40
_NAMES = 50
_SPECIAL = re.compile(r"[!#$&(-+:<=>@\[-`{-~]|(?<=www)\.", re.IGNORECASE)
"""What may mean something to Markdown or HTML, or begin an address that becomes a link by itself."""


def markdown(report: RunReport) -> str:
    """The sentence, the table, each finding once. What does not fit into ``LARGEST`` is counted."""
    blocks = [f"## Azure Backup preflight\n\n**{text(report.sentence)}**\n", _table(report)]
    blocks += [_group(group) for group in report.groups() if group.verdict is not Verdict.UNDETERMINED]
    blocks += [_unseen(remedy, results) for remedy, results in report.unseen().items()]
    first, *others = notes(report.error)
    blocks.append("\n".join([f"{text(first)}\n", *(f"- {text(line.strip(' -'))}" for line in others)]))
    return _fitting(blocks)


def _fitting(blocks: list[str]) -> str:
    room = LARGEST - 200
    kept = ""
    for place, block in enumerate(blocks):
        room -= len(block.encode("utf-8", "backslashreplace")) + 1
        if room < 0:
            return kept + "\n" + tr("{number} more parts do not fit in here: see the other reports.", number=len(blocks) - place) + "\n"
        kept += block + "\n"
    return kept


def _table(report: RunReport) -> str:
    causes = report.causes()
    rows = [vm for vm in report.worst_first if vm.findings][:_ROWS] if report.is_big else report.worst_first
    if not causes:
        return ""
    lines = [f"| | {' | '.join(text(cause.id) for cause in causes)} |", f"|---|{'---|' * len(causes)}"]
    for vm in rows:
        cells = [tr(UNREAD) if vm.of(Verdict.UNREACHABLE) else cell(by_cause(vm).get(cause.id, [])) for cause in causes]
        lines.append(f"| {text(vm.id)} | {' | '.join(map(text, cells))} |")
    left = len(report.machines) - len(rows)
    more = tr("{number} more VMs are not shown here.", number=left) if left else ""
    return "\n".join([*lines, *(["", more] if more else []), ""])


def _group(group: Group) -> str:
    """One finding, folded: the VMs, what was found on the first, and how to mend it."""
    first = group.results[0]
    number = vms(group.targets)
    lines = [
        f"<details><summary>{text(tr(group.verdict.value))}: {text(group.problem)} ({text(first.check)}): {number}</summary>",
        "",
        text(named(group.targets, _NAMES)),
        "",
    ]
    lines += [f"- {tr(part.label)}: {text(' '.join(part.prose))}" for part in parts(first) if part.prose]
    if first.link:
        lines.append(f"- {tr('See')}: <{first.link}> {tr('(page of {date})', date=first.page_date)}")
    if first.commands:
        lines += ["", tr("On {vm}:", vm=text(first.target)), "", code(first.commands)]
    return "\n".join([*lines, "", "</details>", ""])


def _unseen(remedy: str, results: tuple[Result, ...]) -> str:
    """What could not be seen for one reason, folded."""
    lines = [f"<details><summary>{tr('undetermined')}: {text(headline(results))}</summary>", ""]
    lines += [f"- {text(line)}" for line in dict.fromkeys(f"{result.check}: {whether(result)}" for result in results)]
    return "\n".join([*lines, "", f"{tr('Remedy')}: {text(remedy)}", "", "</details>", ""])


def text(value: str) -> str:
    """A value that stands for nothing but itself."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(value))


def code(lines: tuple[str, ...]) -> str:
    """Commands to copy, in a fence that none of them can close."""
    shown = "\n".join(map(one_line, lines))
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{shown}\n{fence}"
