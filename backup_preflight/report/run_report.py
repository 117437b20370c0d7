"""One run as every format renders it: no format knows more than another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backup_preflight import __version__
from backup_preflight.causes import CAUSES, BackupError, Cause, Edition
from backup_preflight.logs import Logs
from backup_preflight.report.summary import ORDER, Vm
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
    """What a run has come to. ``vms`` in the order of --hosts, what concerns all of them last; ``seconds`` is its length."""

    vms: tuple[Vm, ...]
    edition: Edition
    exit_code: int
    started: datetime
    seconds: float
    error: BackupError | None = None
    notes: tuple[str, ...] = ()
    waivers: Waivers = field(default_factory=Waivers)
    logs: Mapping[str, Logs] = field(default_factory=dict)
    suite: str = field(default=__version__)

    @property
    def machines(self) -> list[Vm]:
        """The VMs themselves."""
        return [vm for vm in self.vms if vm.id != FLEET]

    def groups(self) -> list[Group]:
        """Findings of all VMs, the same ones together: the worst verdict first, then what most VMs have."""
        found: dict[tuple[str, str, str], list[Result]] = {}
        for vm in self.vms:
            for result in vm.results:
                if result.is_finding:
                    found.setdefault((result.verdict, result.check, result.problem), []).append(result)
        groups = [Group(check, Verdict(verdict), problem, tuple(results)) for (verdict, check, problem), results in found.items()]
        return sorted(groups, key=lambda group: (ORDER.index(group.verdict), -len(group.results)))

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
        return self._outcome() + (f" {waived} finding{'s are' if waived != 1 else ' is'} waived." if waived else "")

    def _outcome(self) -> str:
        vms = self.machines
        sick = sum(bool(vm.of(Verdict.FAIL)) for vm in vms)
        unknown = sum(vm.is_open and not vm.of(Verdict.FAIL) for vm in vms)
        total = f"{len(vms)} VM{'s' if len(vms) != 1 else ''}"
        if sick and len(vms) == 1:
            return f"{vms[0].id} is not ready for Azure Backup: {len(vms[0].of(Verdict.FAIL))} to mend."
        if sick:
            worst = max(vms, key=lambda vm: len(vm.of(Verdict.FAIL)))
            tail = f"; {unknown} more could not be judged" if unknown else ""
            return f"{sick} of {total} not ready for Azure Backup; start with {worst.id}{tail}."
        if unknown:
            return f"No failure seen, but {unknown} of {total} could not be judged in full: see the remedies above."
        if not all(vm.is_complete for vm in vms):
            least = min(vms, key=lambda vm: len(vm.results) / vm.every)
            return f"No failure seen on {total} in the {len(least.results)} of {least.every} points that this run has looked at."
        return f"{'All ' if len(vms) != 1 else ''}{total} ready for Azure Backup, as far as a guest can tell."


def by_cause(vm: Vm) -> Mapping[str, list[Result]]:
    """Id of the main cause → this VM's results under it."""
    found: dict[str, list[Result]] = {}
    for result in vm.results:
        for cause in result.causes[:1]:
            found.setdefault(cause, []).append(result)
    return found
