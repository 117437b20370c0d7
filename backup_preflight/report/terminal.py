"""What the terminal shows: each VM's findings as soon as the VM is done, then what they come to, and one sentence.

Small runs show each finding in full below its VM, and end with the table VM x cause. Big ones show one line for each VM, and end with
each finding once and the VMs that have it. ``-v`` shows everything of every VM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from _pytest.terminal import TerminalReporter

from backup_preflight.causes import BackupError
from backup_preflight.lang import tr, trn
from backup_preflight.logs import Logs
from backup_preflight.report import cause_table
from backup_preflight.report.message import LABEL, Part, one_line, parts
from backup_preflight.report.portal import notes
from backup_preflight.report.run_report import Group, RunReport, by_remedy, counted, headline, is_big, named, vms, whether
from backup_preflight.report.screen import Screen
from backup_preflight.report.summary import ORDER, Vm
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
_FOLDED = (Verdict.PASS, Verdict.NOT_APPLICABLE)
_NAMES = 20
"""So many VMs of a group are named."""


class TerminalReport:
    """``number``: how many VMs this run has. ``verbose``: unfold what is good, and every VM of a big run."""

    def __init__(self, terminal: TerminalReporter, number: int, *, verbose: bool) -> None:
        self._terminal = terminal
        self.screen = Screen(terminal)
        self._verbose = verbose
        self._in_lines = is_big(number) and not verbose
        self._shown: set[str] = set()

    def hush(self) -> None:
        """No short summary of pytest's own."""
        self._terminal.reportchars = ""

    def done(self, vm: Vm) -> None:
        """A VM whose last result is there: shown at once when it has findings, else at the end, after those that have."""
        if vm.findings:
            self._show(vm)

    def finish(self, report: RunReport) -> None:
        """What the findings come to, and what only the portal can tell."""
        for vm in report.vms:
            self.done(vm)
        for vm in [] if self._in_lines else report.machines:
            self._show(vm)
        if not report.machines:
            return
        if report.is_big:
            self._groups(report)
        else:
            self.screen.section(tr("VM x cause"))
            cause_table.write(self.screen, report, report.worst_first)
        self.screen.line()
        for line in notes(report.error):
            self.screen.line(line, hang=4)
        for line in _logs(report.logs):
            self.screen.line(one_line(line), hang=2)
        for note in report.waiver_notes():
            self.screen.line(one_line(note), hang=2, yellow=True)
        if report.error:
            self._first_cause(report.machines, report.error)

    def close(self, report: RunReport, problems: list[str]) -> None:
        """The last lines of all: reports that could not be written, and the sentence."""
        for problem in problems:
            self.screen.line(problem, red=True)
        self.screen.line(report.sentence, bold=True)

    def _show(self, vm: Vm) -> None:
        if vm.id in self._shown or not vm.results or (vm.id == FLEET and not vm.findings):
            return
        self._shown.add(vm.id)
        counts = ", ".join(counted(number, tr(verdict)) for verdict, number in vm.counts.items())
        if self._in_lines:
            self.screen.line(one_line(f"{vm.id}  {_in_short(vm, counts)}"), hang=2)
            return
        self.screen.line(one_line(f"{vm.id}  {vm.description}".rstrip()), hang=2, bold=True)
        self.screen.line(counts, indent=2, hang=2)
        for verdict in ORDER:
            if verdict is Verdict.UNDETERMINED:
                self._undetermined(vm)
            elif verdict not in _FOLDED:
                for result in vm.of(verdict):
                    self._finding(verdict, result)
        if self._verbose:
            self._unfolded(vm)
        self.screen.line()

    def _finding(self, verdict: Verdict, result: Result) -> None:
        self._heading(verdict, one_line(result.headline))
        for part in parts(result):
            self.screen.part(part, indent=4)

    def _heading(self, verdict: Verdict, text: str) -> None:
        self.screen.line()
        self.screen.line(f"{tr(verdict.value).upper()}  {text}", indent=2, hang=4, **_COLOURS.get(verdict, {}))

    def _undetermined(self, vm: Vm) -> None:
        """What could not be seen, together for each remedy: without root it is many, and one thing helps them all."""
        for remedy, results in by_remedy(vm.results).items():
            points = trn("{number} point could not be seen", "{number} points could not be seen", len(results))
            self._heading(Verdict.UNDETERMINED, f"{one_line(vm.id)}: {points}")
            for result in results:
                self.screen.line(one_line(f"{result.check}  {whether(result)}: {result.reason}"), indent=4, hang=LABEL)
            self.screen.part(Part("Remedy", (one_line(remedy),)), indent=4)

    def _unfolded(self, vm: Vm) -> None:
        """What is good, and what does not concern this VM."""
        self.screen.line()
        for verdict in _FOLDED:
            for result in vm.of(verdict):
                reason = f": {result.reason}" if result.reason else ""
                text = one_line(f"{tr(verdict.value).upper()}  {result.check}  {result.wanted}{reason}")
                self.screen.line(text, indent=2, hang=4, green=verdict is Verdict.PASS)

    def _groups(self, report: RunReport) -> None:
        """Every finding once, and the VMs that have it."""
        self.screen.section(tr("findings of all VMs"))
        for group in report.groups():
            if group.verdict is not Verdict.UNDETERMINED:
                self._group(group)
        for remedy, results in report.unseen().items():
            self._heading(Verdict.UNDETERMINED, headline(results))
            self.screen.part(Part("Points", (", ".join(dict.fromkeys(result.check for result in results)),)), indent=4)
            self.screen.part(self._named(list(dict.fromkeys(result.target for result in results))), indent=4)
            self.screen.part(Part("Remedy", (one_line(remedy),)), indent=4)
        clean = sum(not vm.findings and bool(vm.results) for vm in report.machines)
        if clean:
            self.screen.line()
            self.screen.line(tr("{number} of {vms} VMs have no finding.", number=clean, vms=len(report.machines)))

    def _group(self, group: Group) -> None:
        check = f" ({group.check})" if group.results[0].causes else ""
        self._heading(group.verdict, f"{one_line(group.problem)}{check}: {vms(group.targets)}")
        self.screen.part(self._named(group.targets), indent=4)
        for part in parts(group.results[0]):
            if part.label in {"Cause", "Reason", "See"}:
                self.screen.part(part, indent=4)
            elif part.label == "Fix":
                for line in _fix(group, part):
                    self.screen.part(line, indent=4)

    def _named(self, targets: Sequence[str]) -> Part:
        return Part("VMs", (one_line(named(targets, len(targets) if self._verbose else _NAMES)),))

    def _first_cause(self, machines: list[Vm], error: BackupError) -> None:
        """Which cause came first, in the documented order: the results come in that order."""
        self.screen.line()
        for vm in machines:
            first = next(iter(vm.of(Verdict.FAIL)), None)
            unseen = tr("; but not everything could be seen") if vm.of(Verdict.UNDETERMINED) or vm.of(Verdict.UNREACHABLE) else ""
            nothing = tr("none of its documented causes was seen") + unseen
            said = f"{first.problem} ({first.check}): {first.cause}" if first else nothing
            self.screen.line(one_line(tr("{error} on {vm}: {said}", error=error.code, vm=vm.id, said=said)), hang=2, bold=True)


def _in_short(vm: Vm, counts: str) -> str:
    """A VM in one line: what could be seen and is not good is named."""
    for result in vm.of(Verdict.UNREACHABLE):
        return result.problem
    seen = ", ".join(result.check for result in vm.findings if result.verdict != Verdict.UNDETERMINED.value)
    return f"{counts}: {seen}" if seen else counts


def _fix(group: Group, first: Part) -> list[Part]:
    """How to mend it: the commands only when they are the same on all VMs, else those of one of them."""
    if len({(result.fix, result.commands) for result in group.results}) == 1:
        return [first]
    if not first.verbatim:
        remark = tr("It is not the same on every VM; this is for {vm}.", vm=one_line(group.targets[0]))
        return [replace(first, prose=(*first.prose, remark))]
    return [replace(first, verbatim=()), Part("", (tr("for {vm}:", vm=one_line(group.targets[0])),), first.verbatim)]


def _logs(logs: Mapping[str, Logs]) -> list[str]:
    """Where the logs of each VM lie, or why they do not."""
    lines = []
    for id_, found in logs.items():
        if found.files:
            number = trn("{number} file", "{number} files", len(found.files))
            lines.append(tr("logs of {vm}: {found}", vm=id_, found=f"{found.directory}: {number}"))
        lines += [tr("logs of {vm}: {found}", vm=id_, found=tr("not fetched: {why}", why=problem)) for problem in found.problems]
    return lines
