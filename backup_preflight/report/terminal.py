"""What the terminal shows: each VM's findings as soon as the VM is done, then one table and one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from _pytest.terminal import TerminalReporter

from backup_preflight.causes import BackupError
from backup_preflight.logs import Logs
from backup_preflight.report.message import printable, render
from backup_preflight.report.portal import notes
from backup_preflight.report.run_report import RunReport, by_cause
from backup_preflight.report.summary import Vm
from backup_preflight.session import FLEET
from backup_preflight.verdict import Result, Verdict

_COLOURS = {
    Verdict.FAIL: {"red": True},
    Verdict.CRASH: {"red": True, "bold": True},
    Verdict.UNREACHABLE: {"red": True},
    Verdict.ADVICE: {"yellow": True},
    Verdict.WAIVED: {"cyan": True},
    Verdict.UNDETERMINED: {"purple": True},
}
_MARKS = {
    Verdict.FAIL.value: "FAIL",
    Verdict.ADVICE.value: "advice",
    Verdict.UNDETERMINED.value: "?",
    Verdict.CRASH.value: "bug",
    Verdict.WAIVED.value: "waived",
}
_ROWS = 40
"""More VMs than this without a finding are left out of the table."""


class TerminalReport:
    """Writes through pytest's own terminal reporter, so that --color, -q and capturing keep their meaning."""

    def __init__(self, terminal: TerminalReporter) -> None:
        self._terminal = terminal
        self._shown: set[str] = set()

    def hush(self) -> None:
        """No short summary of pytest's own."""
        self._terminal.reportchars = ""

    def show(self, vm: Vm) -> None:
        """One VM: a line that sums it up, then its findings."""
        if vm.id in self._shown or not vm.results or (vm.id == FLEET and not any(result.is_finding for result in vm.results)):
            return
        self._shown.add(vm.id)
        self._terminal.ensure_newline()
        counts = ", ".join(f"{number} {verdict}" for verdict, number in vm.counts.items())
        self._terminal.write_line(printable(f"{vm.id}  {vm.description}".rstrip()), bold=True)
        self._terminal.write_line(f"  {counts}")
        for verdict in (Verdict.UNREACHABLE, Verdict.CRASH, Verdict.FAIL, Verdict.ADVICE, Verdict.WAIVED):
            for result in vm.of(verdict):
                first, _, rest = render(result).partition("\n")
                self._terminal.write_line("")
                self._terminal.write_line(f"  {verdict.value.upper()}  {first}", **_COLOURS[verdict])
                self._terminal.write_line("\n".join(f"  {line}" for line in rest.splitlines()))
        self._show_undetermined(vm)
        self._terminal.write_line("")

    def _show_undetermined(self, vm: Vm) -> None:
        """What could not be seen, together for each remedy: without root it is many, and one thing helps them all."""
        by_remedy: dict[str, list[Result]] = {}
        for result in vm.of(Verdict.UNDETERMINED):
            by_remedy.setdefault(result.remedy, []).append(result)
        for remedy, results in by_remedy.items():
            self._terminal.write_line("")
            points = "1 point" if len(results) == 1 else f"{len(results)} points"
            self._terminal.write_line(f"  UNDETERMINED  {vm.id}: {points} could not be seen", **_COLOURS[Verdict.UNDETERMINED])
            for result in results:
                self._terminal.write_line(printable(f"    {result.check}  whether {result.wanted}: {result.reason}"))
            self._terminal.write_line(f"    Remedy  {printable(remedy)}")

    def finish(self, report: RunReport) -> None:
        """The table, what only the portal can tell, and one sentence."""
        for vm in report.vms:
            self.show(vm)
        if not report.machines:
            return
        self._terminal.section("VM x cause", sep="-")
        self._table(report)
        self._terminal.write_line("")
        for line in notes(report.error):
            self._terminal.write_line(line)
        for line in _logs(report.logs):
            self._terminal.write_line(printable(line))
        for note in report.waiver_notes():
            self._terminal.write_line(printable(note), yellow=True)
        if report.error:
            self._first_cause(report.machines, report.error)
        self._terminal.write_line("")
        self._terminal.write_line(report.sentence, bold=True)

    def _table(self, report: RunReport) -> None:
        vms, columns = report.machines, [cause.id for cause in report.causes()]
        shown = [vm for vm in vms if any(result.is_finding for result in vm.results)] if len(vms) > _ROWS else vms
        width = max((len(vm.id) for vm in shown), default=2)
        rows = {vm.id: [_cell(by_cause(vm).get(column, [])) for column in columns] for vm in shown}
        widths = [max(map(len, column)) for column in zip(columns, *rows.values(), strict=True)]
        for name, cells in {"": columns, **rows}.items():
            line = "  ".join(f"{cell:<{size}}" for cell, size in zip(cells, widths, strict=True)).rstrip()
            unread = name and any(vm.id == name and vm.of(Verdict.UNREACHABLE) for vm in shown)
            self._terminal.write_line(f"{name:<{width}}  {'could not be read' if unread else line}".rstrip())

    def _first_cause(self, vms: list[Vm], error: BackupError) -> None:
        """Which cause came first, in the documented order: the results come in that order."""
        self._terminal.write_line("")
        for vm in vms:
            first = next(iter(vm.of(Verdict.FAIL)), None)
            unseen = "; but not everything could be seen" if vm.of(Verdict.UNDETERMINED) or vm.of(Verdict.UNREACHABLE) else ""
            nothing = f"none of its documented causes was seen{unseen}"
            said = f"{first.problem} ({first.check}): {first.cause}" if first else nothing
            self._terminal.write_line(printable(f"{error.code} on {vm.id}: {said}"), bold=True)


def _cell(results: list[Result]) -> str:
    counted = Counter(_MARKS[result.verdict] for result in results if result.verdict in _MARKS)
    words = [f"{number} {mark}" for mark, number in counted.items()]
    return " ".join(words) or ("ok" if any(result.verdict == Verdict.PASS.value for result in results) else "-")


def _logs(logs: Mapping[str, Logs]) -> list[str]:
    """Where the logs of each VM lie, or why they do not."""
    lines = []
    for id_, found in logs.items():
        if found.files:
            lines.append(f"logs of {id_}: {found.directory}: {len(found.files)} file{'s' if len(found.files) != 1 else ''}")
        lines += [f"logs of {id_}: not fetched: {problem}" for problem in found.problems]
    return lines
