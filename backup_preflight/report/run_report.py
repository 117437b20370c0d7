"""One run as every format renders it: no format knows more than another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backup_preflight import __version__
from backup_preflight.causes import CAUSES, BackupError, Cause, Edition
from backup_preflight.lang import mark, tr, trn
from backup_preflight.logs import Logs
from backup_preflight.report.summary import ORDER, Vm, gates
from backup_preflight.session import FLEET
from backup_preflight.verdict import Result, Verdict
from backup_preflight.waivers import Waivers


@dataclass(frozen=True)
class Group:
    """The same finding on several VMs: one check, one verdict, one problem."""

    check: str
    verdict: Verdict
    problem: str
    results: tuple[Result, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The VMs that have it, in the order of the run."""
        return tuple(result.target for result in self.results)


@dataclass(frozen=True)
class RunReport:
    """What a run has come to. ``vms`` in the order of --hosts, what concerns all of them last; ``seconds`` is its length.

    ``strict``: advice fails the run. ``allow_undetermined``: what could not be seen does not.
    """

    vms: tuple[Vm, ...]
    edition: Edition
    exit_code: int
    started: datetime
    seconds: float
    error: BackupError | None = None
    notes: tuple[str, ...] = ()
    waivers: Waivers = field(default_factory=Waivers)
    logs: Mapping[str, Logs] = field(default_factory=dict)
    strict: bool = False
    allow_undetermined: bool = False
    suite: str = field(default=__version__)

    @property
    def machines(self) -> list[Vm]:
        """The VMs themselves."""
        return [vm for vm in self.vms if vm.id != FLEET]

    @property
    def worst_first(self) -> list[Vm]:
        """The VMs, those with the worst findings first; equals in the order of the run."""
        return sorted(self.machines, key=lambda vm: vm.badness)

    @property
    def is_big(self) -> bool:
        """Whether these are more VMs than somebody reads one by one."""
        return is_big(len(self.machines))

    def gates(self, result: Result) -> bool:
        """Whether this result alone keeps the run from exit code 0."""
        return gates(result, strict=self.strict, allow_undetermined=self.allow_undetermined)

    def groups(self) -> list[Group]:
        """Findings of all VMs, the same ones together: the worst verdict first, then what most VMs have."""
        found: dict[tuple[str, str, str], list[Result]] = {}
        for vm in self.vms:
            for result in vm.results:
                if result.is_finding:
                    found.setdefault((result.verdict, result.check, result.problem), []).append(result)
        groups = [Group(check, Verdict(verdict), problem, tuple(results)) for (verdict, check, problem), results in found.items()]
        return sorted(groups, key=lambda group: (ORDER.index(group.verdict), -len(group.results)))

    def unseen(self) -> dict[str, tuple[Result, ...]]:
        """Remedy → what could not be seen on any VM and that remedy would show: one thing often helps many points."""
        return by_remedy(result for vm in self.vms for result in vm.results)

    def causes(self) -> list[Cause]:
        """The documented causes that some VM has a finding for, in the documents' order: the columns of the table VM x cause."""
        used = {cause for vm in self.vms for result in vm.results if result.is_finding for cause in result.causes[:1]}
        return [cause for cause in CAUSES if cause.id in used]

    def waiver_notes(self) -> list[str]:
        """What somebody should do about the waivers."""
        return self.waivers.notes(result for vm in self.vms for result in vm.results)

    @property
    def sentence(self) -> str:
        """What the run has come to, for somebody in a hurry."""
        waived = sum(len(vm.of(Verdict.WAIVED)) for vm in self.vms)
        remark = trn(" {number} finding is waived.", " {number} findings are waived.", waived) if waived else ""
        return self._outcome() + remark

    def _outcome(self) -> str:
        vms = self.machines
        sick = [vm for vm in vms if vm.of(Verdict.FAIL)]
        unknown = sum(vm.is_open and not vm.of(Verdict.FAIL) for vm in vms)
        together = [result for vm in self.vms if vm.id == FLEET for result in vm.of(Verdict.FAIL)]
        total = trn("{number} VM", "{number} VMs", len(vms))
        if sick:
            tail = tr("; {number} more could not be judged", number=unknown) if unknown else ""
            return f"{self._not_ready(sick, total)}{tail}."
        if together:
            return tr("No VM fails by itself, but {finding}.", finding=together[0].headline)
        if unknown:
            text = mark("No failure seen, but {number} of {vms} could not be judged in full.")
            if self.unseen():
                text = mark("No failure seen, but {number} of {vms} could not be judged in full: see the remedies above.")
            return tr(text, number=unknown, vms=total)
        if not all(vm.is_complete for vm in vms):
            least = min(vms, key=lambda vm: len(vm.results) / vm.every)
            return tr(
                "No failure seen on {vms} in the {number} of {all} points that this run has looked at.",
                vms=total,
                number=len(least.results),
                all=least.every,
            )
        return trn(
            "{number} VM ready for Azure Backup, as far as a guest can tell.",
            "All {number} VMs ready for Azure Backup, as far as a guest can tell.",
            len(vms),
        )

    def _not_ready(self, sick: list[Vm], total: str) -> str:
        """Where to begin: with the worst VM, or, where they are many, with what most of them have."""
        worst = min(sick, key=lambda vm: -len(vm.of(Verdict.FAIL)))
        if len(self.machines) == 1:
            first = worst.of(Verdict.FAIL)[0]
            return tr(
                "{vm} is not ready for Azure Backup: {number} to mend; start with {check}",
                vm=worst.id,
                number=len(worst.of(Verdict.FAIL)),
                check=first.check,
            )
        not_ready = trn(
            "{number} of {vms} is not ready for Azure Backup", "{number} of {vms} are not ready for Azure Backup", len(sick), vms=total
        )
        if self.is_big and len(sick) > 1:
            group = next(group for group in self.groups() if group.verdict is Verdict.FAIL)
            return tr(
                "{not_ready}; start with {check}, which {number} of them have: {problem}",
                not_ready=not_ready,
                check=group.check,
                number=len(group.results),
                problem=group.problem,
            )
        return tr("{not_ready}; start with {vm}", not_ready=not_ready, vm=worst.id)


def is_big(vms: int) -> bool:
    """Whether so many VMs are more than somebody reads one by one."""
    return vms > 40


def by_cause(vm: Vm) -> Mapping[str, list[Result]]:
    """Id of the main cause → this VM's results under it."""
    found: dict[str, list[Result]] = {}
    for result in vm.results:
        for cause in result.causes[:1]:
            found.setdefault(cause, []).append(result)
    return found


def by_remedy(results: Iterable[Result]) -> dict[str, tuple[Result, ...]]:
    """Remedy → the undetermined results that it would help."""
    found: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict == Verdict.UNDETERMINED.value:
            found.setdefault(result.remedy, []).append(result)
    return {remedy: tuple(same) for remedy, same in found.items()}


def headline(unseen: Iterable[Result]) -> str:
    """How much could not be seen, on how many VMs."""
    checks, targets = zip(*((result.check, result.target) for result in unseen), strict=True)
    points = trn("{number} point could not be seen", "{number} points could not be seen", len(set(checks)))
    return f"{points}: {vms(set(targets))}"


def whether(result: Result) -> str:
    """What an undetermined check would have told."""
    return tr("whether {wanted}", wanted=result.wanted)


def counted(number: int, what: str) -> str:
    """So many of something, where both stand side by side."""
    return tr("{number} {what}", number=number, what=what)


def vms(targets: Collection[str]) -> str:
    """So many VMs, in words."""
    return trn("{number} VM", "{number} VMs", len(targets))


def named(targets: Sequence[str], most: int) -> str:
    """The VMs by name; of very many the first ones."""
    more = tr(" and {number} more", number=len(targets) - most) if len(targets) > most else ""
    return ", ".join(targets[:most]) + more
