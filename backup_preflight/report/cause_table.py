"""VM x cause: what each VM has under each documented cause, in one table."""

from __future__ import annotations

from collections import Counter

from backup_preflight.lang import mark, tr
from backup_preflight.report.message import one_line
from backup_preflight.report.run_report import RunReport, by_cause, counted
from backup_preflight.report.screen import Screen
from backup_preflight.report.summary import ORDER, Vm
from backup_preflight.report.width import columns, padded
from backup_preflight.verdict import Result, Verdict

_MARKS = {Verdict.FAIL: mark("FAIL"), Verdict.UNDETERMINED: "?", Verdict.CRASH: mark("bug")}
_QUIET = {Verdict.PASS, Verdict.NOT_APPLICABLE}
UNREAD = mark("could not be read")


def write(screen: Screen, report: RunReport, vms: list[Vm]) -> None:
    """One row for each VM; where the terminal is too narrow for that, one line for each finding's cause."""
    names = [cause.id for cause in report.causes()]
    rows = [(one_line(vm.id), [cell(by_cause(vm).get(name, [])) for name in names], bool(vm.of(Verdict.UNREACHABLE))) for vm in vms]
    left = max((columns(name) for name, _, _ in rows), default=0)
    widths = [max(columns(name), *(columns(cells[place]) for _, cells, _ in rows)) for place, name in enumerate(names)]
    if screen.width is not None and left + sum(width + 2 for width in widths) > screen.width:
        return _write_narrow(screen, rows, names)
    screen.verbatim(f"{'':<{left}}  {_joined(names, widths)}".rstrip())
    for name, cells, unread in rows:
        screen.verbatim(f"{padded(name, left)}  {tr(UNREAD) if unread else _joined(cells, widths)}".rstrip())
    return None


def _write_narrow(screen: Screen, rows: list[tuple[str, list[str], bool]], names: list[str]) -> None:
    for vm, cells, unread in rows:
        found = [f"{name} {words}" for name, words in zip(names, cells, strict=True) if words not in {_ok(), "-"}]
        screen.line(f"{vm}: {tr(UNREAD) if unread else ', '.join(found) or _ok()}", hang=2)


def _joined(cells: list[str], widths: list[int]) -> str:
    return "  ".join(padded(text, width) for text, width in zip(cells, widths, strict=True)).rstrip()


def cell(results: list[Result]) -> str:
    """What stands under one cause: the findings counted, the worst first."""
    number = Counter(result.verdict for result in results)
    words = [
        counted(number[verdict.value], tr(_MARKS.get(verdict, verdict.value)))
        for verdict in ORDER
        if verdict not in _QUIET and number[verdict.value]
    ]
    return " ".join(words) or (_ok() if number[Verdict.PASS.value] else "-")


def _ok() -> str:
    return tr("ok")
