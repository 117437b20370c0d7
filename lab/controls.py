"""Control runs: healthy guests, read with every right and with few, one at a time and several that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backup_preflight.checks import catalogue
from backup_preflight.session import FLEET
from backup_preflight.verdict import Result, Verdict
from lab import suite
from lab.client import RunningLab
from lab.faults import ADVICE, UNDETERMINED, Fault
from lab.host import Host
from lab.images import DEFAULT
from lab.prove import Outcome
from lab.shell import LabError

_ONE_TOO_MANY = [f"healthy{number}" for number in ("", "-2", "-3", "-4", "-5")]
"""Guests of one deployment: one more than a backup policy should hold."""


def control(lab: RunningLab, recordings: Path) -> list[Outcome]:
    """Run them. The recordings that the selftests keep go to ``recordings``."""
    for name in _ONE_TOO_MANY:
        lab.lab.start(name, deployment="one-cloud-service")
    for name in _ONE_TOO_MANY:
        Host(lab.lab, name).wait_until_ready()
    scratch = recordings.parent / "controls"
    lab.lab.name("healthy", "unprivileged")  # two recordings of one name could not be judged together
    outcomes = [
        _judged("healthy", "a healthy guest, read with sudo", suite.read(lab, ["healthy"], record=recordings)["healthy"]),
        _judged("healthy-as-root", "a healthy guest, read as root", suite.read(lab, ["healthy"], user="root", record=scratch)["healthy"]),
        _unprivileged(suite.read(lab, ["unprivileged"], user="plain", record=recordings)["unprivileged"]),
        _fleet("four-of-one-deployment", "", suite.read(lab, _ONE_TOO_MANY[:4], record=scratch)[FLEET]),
        _fleet("five-of-one-deployment", "CP-03", suite.read(lab, _ONE_TOO_MANY, record=scratch)[FLEET]),
    ]
    outcomes[0].problems += _agents_own_word(Host(lab.lab, "healthy"))
    return outcomes


def _judged(name: str, says: str, results: Mapping[str, Result], expect: Mapping[str, str] | None = None) -> Outcome:
    found = {id_: result.verdict for id_, result in results.items() if result.verdict not in {"pass", "not applicable"}}
    outcome = Outcome(_control(name, says, expect or {}), found=found)
    if found != (expect or {}):
        outcome.problems.append(f"wanted {expect or 'nothing'}, found {found}")
    return outcome


def _control(name: str, says: str, expect: Mapping[str, str]) -> Fault:
    return Fault(name, "CONTROLS", says, lambda _: None, expect, None, frozenset(), DEFAULT, None, None, smoke=False, spoils=True)


def _unprivileged(results: Mapping[str, Result]) -> Outcome:
    """Nothing that only root can see may be judged, and each such point has to say what would help."""
    expect = {
        id_: UNDETERMINED
        for id_, result in results.items()
        if result.verdict == Verdict.UNDETERMINED.value and (catalogue()[id_].root or id_.startswith("NET-"))
    }
    outcome = _judged("unprivileged", "a healthy guest, read by a user who may not use sudo", results, expect)
    outcome.problems += [f"{id_} says no remedy" for id_ in expect if not results[id_].remedy]
    if not expect:
        outcome.problems.append("an unprivileged user cannot have seen everything")
    return outcome


def _fleet(name: str, expect: str, results: Mapping[str, Result]) -> Outcome:
    says = f"{name.partition('-')[0]} VMs of one run share a deployment"
    return _judged(name, says, results, {expect: ADVICE} if expect else {})


def _agents_own_word(host: Host) -> list[str]:
    """What is wrong when the agent itself is asked: its report to the fabric, and its log."""
    problems = [] if host.is_ready() else ["the agent does not report itself as ready"]
    try:
        host.run("grep -q 'HEARTBEAT\\|ProcessExtensionsGoalState completed\\|ProcessGoalState completed' /var/log/waagent.log")
    except LabError:
        problems.append("waagent.log tells of no goal state")
    return problems
