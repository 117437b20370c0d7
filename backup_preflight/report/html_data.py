"""What the HTML page's script unfolds on demand: every result of every VM, each text once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backup_preflight.causes import CAUSES, Cause
from backup_preflight.lang import tr
from backup_preflight.logs import Logs
from backup_preflight.report.message import printable
from backup_preflight.report.run_report import Group, RunReport
from backup_preflight.report.summary import ORDER, State, Vm
from backup_preflight.session import FLEET
from backup_preflight.verdict import Result, Verdict

LONGEST = 2000
"""Characters of one value that the page shows."""

SYMBOLS = {
    Verdict.FAIL: "✕",
    Verdict.ADVICE: "!",
    Verdict.UNDETERMINED: "?",
    Verdict.WAIVED: "~",
    Verdict.UNREACHABLE: "∅",
    Verdict.CRASH: "#",
    Verdict.PASS: "✓",
    Verdict.NOT_APPLICABLE: "·",
}
"""Colour alone tells nothing to some readers."""

_VARIANTS = 5


def bounded(text: str) -> str:
    """The text without anything that steers a page or a terminal, and no longer than a person reads."""
    if len(text) <= LONGEST:
        return _plain(text)
    left_out = tr(" … (the first {number} of {all} characters; all are in the report of --json=FILE)", number=LONGEST, all=len(text))
    return _plain(text[:LONGEST]) + left_out


def command(text: str) -> str:
    """A command, whole or not at all: part of one must not be run."""
    if len(text) <= LONGEST:
        return _plain(text)
    return tr("# a command of {number} characters: it is in the report of --json=FILE", number=len(text))


def _plain(text: str) -> str:
    return printable(text).encode("utf-8", "backslashreplace").decode()


def ordered(report: RunReport) -> list[Vm]:
    """The VMs, those that need somebody first; what concerns all of them last."""
    states = list(State)
    vms = sorted(report.machines, key=lambda vm: states.index(vm.state))
    return vms + [vm for vm in report.vms if vm.id == FLEET and any(result.is_finding for result in vm.results)]


class _Numbers:
    """Numbers for things that come again and again."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self.of: dict[str, int] = {key: number for number, key in enumerate(first)}

    def __getitem__(self, key: str) -> int:
        return self.of.setdefault(key, len(self.of))


def page_data(report: RunReport, vms: Sequence[Vm], groups: Sequence[GroupView], folder: Path) -> dict[str, Any]:
    """For the script. A finding is [check, verdict, problem, found, fix, reason, remedy, waived, command, …], all of them numbers: of a
    check, of a verdict, else of a text. What was passed is a check's number, what does not apply [check, reason]. ``folder``: the page's.
    """
    texts, checks = _Numbers([""]), _Numbers()
    records: list[dict[str, Any]] = []

    def check(result: Result) -> int:
        number = checks[result.check]
        if number == len(records):
            source = {"link": result.link, "date": result.page_date}
            records.append({"id": result.check, "wanted": result.wanted, "cause": result.cause, "causes": result.causes[:1], **source})
        return number

    def finding(result: Result) -> list[int]:
        parts = (result.problem, result.found, result.fix, result.reason, result.remedy, result.waived)
        said = [texts[bounded(part)] for part in parts] + [texts[command(part)] for part in result.commands]
        return [check(result), list(Verdict).index(Verdict(result.verdict)), *said]

    rows = [
        {
            "id": bounded(vm.id),
            "description": bounded(vm.description),
            "state": vm.state.name.lower() if vm.id != FLEET else "",
            "findings": [finding(result) for verdict in ORDER for result in vm.of(verdict) if result.is_finding],
            "passed": [check(result) for result in vm.of(Verdict.PASS)],
            "logs": _logs(report.logs.get(vm.id), folder),
            "skipped": [[check(result), texts[bounded(result.reason)]] for result in vm.of(Verdict.NOT_APPLICABLE)],
        }
        for vm in vms
    ]
    return {
        "verdicts": [verdict.value for verdict in Verdict],
        "words": [tr(verdict.value) for verdict in Verdict],
        "counted": tr("{number} {what}"),
        "symbols": [SYMBOLS.get(verdict, "•") for verdict in Verdict],
        "states": {state.name.lower(): tr(state.value) for state in State},
        "columns": [cause.id for cause in report.causes()],
        "checks": records,
        "texts": list(texts.of),
        "vms": rows,
        "groups": [group.vms for group in groups],
    }


def _logs(logs: Logs | None, folder: Path) -> dict[str, Any] | None:
    """Where the logs of a VM lie, seen from the page, so that both can be moved together; and what could not be fetched."""
    if logs is None:
        return None
    try:
        path = Path(os.path.relpath(logs.directory, folder)).as_posix()
    except ValueError:  # another drive of Windows
        path = logs.directory.absolute().as_uri()
    links = [{"name": bounded(name), "href": quote(f"{path}/{name}", safe="/:%" if "://" in path else "/")} for name in logs.files]
    return {"files": links, "problems": [bounded(problem) for problem in logs.problems]}


@dataclass(frozen=True)
class Variant:
    """One way to mend a finding, and the VMs that it is for."""

    targets: tuple[str, ...]
    fix: str
    commands: tuple[str, ...]
    remedy: str


@dataclass(frozen=True)
class GroupView:
    """A group as the page shows it. ``vms``: places in the page's list of VMs; ``more``: number of variants left out."""

    group: Group
    first: Result
    vms: tuple[int, ...]
    variants: tuple[Variant, ...]
    more: int

    @property
    def is_urgent(self) -> bool:
        """Whether it is unfolded at once."""
        return self.group.verdict not in {Verdict.ADVICE, Verdict.UNDETERMINED, Verdict.WAIVED}


def group_views(groups: Sequence[Group], vms: Sequence[Vm]) -> list[GroupView]:
    """The groups, with the different fixes of each told apart."""
    places = {vm.id: place for place, vm in enumerate(vms)}
    views = []
    for group in groups:
        by_fix: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
        for result in group.results:
            by_fix.setdefault((result.fix, result.commands, result.remedy), []).append(result.target)
        variants = [Variant(tuple(targets), *key) for key, targets in by_fix.items()]
        variants.sort(key=lambda variant: -len(variant.targets))
        indexes = tuple(places[target] for target in group.targets)
        views.append(GroupView(group, group.results[0], indexes, tuple(variants[:_VARIANTS]), max(0, len(variants) - _VARIANTS)))
    return views


def grouped_by_cause(views: Sequence[GroupView]) -> list[tuple[Cause | None, list[tuple[int, GroupView]]]]:
    """Cause → its groups with their places in ``views``; the cause of the worst group first. No cause: the VM could not be read."""
    causes = {cause.id: cause for cause in CAUSES}
    found: dict[str, list[tuple[int, GroupView]]] = {}
    for place, view in enumerate(views):
        found.setdefault(next(iter(view.first.causes), ""), []).append((place, view))
    return [(causes.get(id_), members) for id_, members in found.items()]
