"""The proof: on a healthy guest the suite is green; broken, it names the fault and nothing else; its own fix makes it green again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue

from backup_preflight.causes import ERRORS, BackupError, Edition
from backup_preflight.checks import catalogue
from backup_preflight.recording import Status
from backup_preflight.verdict import Result, Verdict
from lab import suite
from lab.client import RunningLab, build
from lab.faults import FAIL, Fault
from lab.host import Host
from lab.images import DEFAULT
from lab.machine import MACHINE
from lab.shell import LabError

WAVE, LANES = 3, 3
"""Guests that the suite reads together, and how many such waves there are at a time: most of the time they wait for an agent.

A guest with systemd takes seven inotify instances, of which root has 128 for all that runs on the machine.
"""

ROUNDS = 2
"""Repairs: an administrator who has mended what the report says runs the suite once more, and mends what it says then."""

_NUMBERS = count(1)
"""For the names of new guests: several proofs may go on at a time."""

_QUIET = {Verdict.PASS.value, Verdict.NOT_APPLICABLE.value}
_AGENT_DEAD = {"LIN-02", "LIN-09"}
"""Checks after whose failure the agent cannot report to the fabric."""


_WORKER_STAYS = (
    "age() { ps -o etimes= -p $(pgrep -of \"$1\"); }; daemon=$(age '[w]aagent -daemon') worker=$(age '[-]run-exthandlers') && "
    "{ [ $((daemon - worker)) -lt 55 ] || [ $worker -gt 62 ]; }"
)
"""It is the daemon's first one, or a minute old: an agent that could not reach the fabric has ended its worker meanwhile."""


@dataclass
class Outcome:
    """What came of one fault. ``problems`` is empty when everything was as it must be."""

    fault: Fault
    problems: list[str] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)
    """Check → verdict, of the broken guest, without those that are met or say nothing."""

    false_causes: list[str] = field(default_factory=list)
    """Checks that fail or advise although they should not."""

    commands: list[str] = field(default_factory=list)
    """The printed commands that were run."""

    reports: bool = False
    """Whether the agent of the broken guest still reported to the fabric."""

    tries: int = 1
    """More than one: something went wrong the first time, and not when there were few others."""


@dataclass
class _Guest:
    """A guest that serves one fault, known by the fault's name. ``vm``: its own name, by which it may have served others before."""

    outcome: Outcome
    host: Host
    vm: str
    healthy: Mapping[str, Result] = field(default_factory=dict)
    broken: Mapping[str, Result] = field(default_factory=dict)
    repaired: Mapping[str, Result] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.outcome.fault.name

    @property
    def is_mended(self) -> bool:
        return not self.outcome.problems and not self.outcome.fault.spoils


@dataclass(frozen=True)
class Proof:
    """How faults are proven in a lab: ``together`` in a wave, in so many ``lanes``. ``recordings``: where those of broken guests go."""

    lab: RunningLab
    recordings: Path
    progress: Callable[[Outcome], object]
    together: int = WAVE
    lanes: int = LANES

    def prove(self, faults: Sequence[Fault]) -> list[Outcome]:
        """Once, and what went wrong once more."""
        return self.again(self.once(faults))

    def once(self, faults: Sequence[Fault]) -> list[Outcome]:
        # First the image of most: meanwhile others may still be building.
        waves = _queue(sorted(faults, key=lambda fault: fault.image != DEFAULT), self.together)
        outcomes: dict[str, Outcome] = {}

        def lane(_: int) -> None:
            """Wave after wave. A guest that was mended, so that the suite finds nothing any more, serves for the next fault."""
            mended: list[_Guest] = []
            while not waves.empty():
                with suppress(Empty):
                    guests = _wave(self.lab, waves.get_nowait(), mended, self.recordings)
                    mended = [guest for guest in guests if guest.is_mended]
                    for guest in guests:
                        outcomes[guest.name] = guest.outcome
                        self.progress(guest.outcome)
            _stop(self.lab, mended)

        with ThreadPoolExecutor(self.lanes) as pool:
            list(pool.map(lane, range(self.lanes)))
        return [outcomes[fault.name] for fault in faults]

    def again(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """What went wrong, on new guests with few others: on a busy machine one may be too slow for the suite's limits."""
        second = replace(self, lanes=1).once([outcome.fault for outcome in outcomes if outcome.problems])
        for outcome in second:
            outcome.tries = 2
        by_name = {outcome.fault.name: outcome for outcome in second}
        return [by_name.get(outcome.fault.name, outcome) for outcome in outcomes]


def _wave(lab: RunningLab, faults: Sequence[Fault], mended: list[_Guest], recordings: Path) -> list[_Guest]:
    """Prove some faults side by side, where possible on guests that were mended before; only those that are mended now still run."""
    guests = [_taken(lab, fault, mended) or _Guest(Outcome(fault), Host(lab.lab, fault.name), f"vm{next(_NUMBERS)}") for fault in faults]
    _stop(lab, mended)  # whom nobody took
    _boot(lab, [guest for guest in guests if not guest.healthy])
    try:
        _prove_wave(lab, [guest for guest in guests if not guest.outcome.problems], recordings)
    except (LabError, subprocess.TimeoutExpired) as error:  # the suite wrote no report
        for guest in guests:
            guest.outcome.problems.append(str(error))
    _stop(lab, [guest for guest in guests if not guest.is_mended])
    return guests


def _stop(lab: RunningLab, guests: Sequence[_Guest]) -> None:
    _each(guests, lambda guest: lab.lab.stop(guest.vm))


def _queue(faults: Sequence[Fault], at_a_time: int) -> SimpleQueue[list[Fault]]:
    waves: SimpleQueue[list[Fault]] = SimpleQueue()
    for first in range(0, len(faults), at_a_time):
        waves.put(list(faults[first : first + at_a_time]))
    return waves


def _taken(lab: RunningLab, fault: Fault, mended: list[_Guest]) -> _Guest | None:
    """One of the mended guests, if the fault can have it."""
    former = None if fault.prepare else next((guest for guest in mended if guest.outcome.fault.image == fault.image), None)
    if former is None:
        return None
    mended.remove(former)
    lab.lab.name(former.vm, fault.name)
    return _Guest(Outcome(fault), Host(lab.lab, fault.name), former.vm, former.repaired)


def _each(guests: Iterable[_Guest], step: Callable[[_Guest], object], at_a_time: int = WAVE) -> None:
    """Do something with all guests side by side. What goes wrong with one is a problem of that one."""

    def guarded(guest: _Guest) -> None:
        try:
            step(guest)
        except Exception as error:  # noqa: BLE001  (whatever it is, the others go on)
            guest.outcome.problems.append(f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(guarded, guests))


def _boot(lab: RunningLab, guests: Sequence[_Guest]) -> None:
    """Boot healthy guests."""

    def boot(guest: _Guest) -> None:
        image = guest.outcome.fault.image
        build([image])
        lab.lab.start(guest.vm, image)
        lab.lab.name(guest.vm, guest.name)
        guest.host.wait_until_ready()
        if image == MACHINE:
            guest.host.until("vmstat 1 2 | tail -n 1 | awk '{ exit $15 < 60 }'")  # what it starts with takes its processors a while
        if guest.outcome.fault.prepare:
            guest.outcome.fault.prepare(guest.host)
            guest.host.wait_until_ready()

    _each(guests, boot, at_a_time=2)  # a boot takes seconds of the two processors that guests in proof need too


def _prove_wave(lab: RunningLab, guests: list[_Guest], recordings: Path) -> None:
    for guest, results in _read(lab, [guest for guest in guests if not guest.healthy], recordings.parent / "healthy"):
        guest.healthy = results
        guest.outcome.problems += [f"healthy, but {_shown(result)}" for result in _problems(guest, results)]

    _each(guests, lambda guest: guest.outcome.fault.break_(guest.host))
    uploads = {guest.name: guest.host.uploads for guest in guests}
    for guest, results in _read(lab, guests, recordings):
        guest.broken = results
        guest.outcome.reports = guest.host.uploads > uploads[guest.name]
        _compare(guest)

    sick = guests
    for number in range(ROUNDS):
        _each(sick, _repair if number else _first_repair)
        for guest, results in _read(lab, sick, recordings.parent / "repaired"):
            guest.repaired = results
        sick = [guest for guest in sick if _problems(guest, guest.repaired)]
    for guest in guests:
        guest.outcome.problems += [f"after the repair: {_shown(result)}" for result in _problems(guest, guest.repaired)]
        if guest.repaired.keys() < guest.healthy.keys():
            guest.outcome.problems.append("after the repair: not every check has a result")


def _read(lab: RunningLab, guests: Sequence[_Guest], recordings: Path) -> Iterator[tuple[_Guest, Mapping[str, Result]]]:
    """Read guests with the suite, all in one run."""
    found = suite.read(lab, [guest.name for guest in guests], record=recordings) if guests else {}
    return ((guest, found.get(guest.name, {})) for guest in guests)


def _findings(results: Mapping[str, Result]) -> list[Result]:
    return [result for result in results.values() if result.verdict not in _QUIET]


def _problems(guest: _Guest, results: Mapping[str, Result]) -> list[Result]:
    """Findings that should not be there."""
    return [result for result in _findings(results) if not is_only_slow(guest.outcome.fault, result)]


def is_only_slow(fault: Fault, result: Result) -> bool:
    """Whether the suite says that a command or an answer took too long on an emulated guest, slower than any VM of Azure's."""
    return fault.image == MACHINE and result.reason.startswith(f"{Status.TIMEOUT.value}:")


def _compare(guest: _Guest) -> None:
    """What the suite says of the broken guest against what it has to say."""
    outcome, expect = guest.outcome, guest.outcome.fault.expect
    outcome.found = {result.check: result.verdict for result in _findings(guest.broken)}
    for id_, verdict in expect.items():
        if outcome.found.get(id_) != verdict:
            said = _shown(guest.broken[id_]) if id_ in guest.broken else "nothing"
            outcome.problems.append(f"wanted {verdict} of {id_}, found {said}")
    for result in _problems(guest, guest.broken):
        if result.check in expect:
            continue
        is_cause = result.verdict != Verdict.UNDETERMINED.value
        outcome.problems.append(f"{'a false cause' if is_cause else 'not seen'}: {_shown(result)}")
        outcome.false_causes += [result.check] if is_cause else []
    if Verdict.UNREACHABLE.value not in expect.values():
        silenced = (result for id_, result in guest.broken.items() if _has_fallen_silent(guest.healthy.get(id_), result))
        outcome.problems += [
            f"{result.check} says nothing any more: {result.reason}" for result in silenced if not _is_explained(guest, result)
        ]
    if outcome.reports and _AGENT_DEAD & {id_ for id_, verdict in expect.items() if verdict == FAIL}:
        outcome.problems.append("the agent still reports to the fabric, so it was not broken")


def _has_fallen_silent(before: Result | None, now: Result) -> bool:
    return before is not None and before.verdict == Verdict.PASS.value and now.verdict == Verdict.NOT_APPLICABLE.value


def _is_explained(guest: _Guest, result: Result) -> bool:
    """Whether a check is silent because of an expected finding, or has nothing to look at because the agent is gone."""
    fault = guest.outcome.fault
    return result.check in fault.hides or result.blocked_by in fault.expect or (not result.blocked_by and "LIN-01" in fault.expect)


def _first_repair(guest: _Guest) -> None:
    """The repair that the fault names, else the printed one."""
    uploads = guest.host.uploads
    if guest.outcome.fault.repair:
        guest.outcome.fault.repair(guest.host)
        _await_report(guest.host, uploads)
    else:
        _repair(guest)


def _repair(guest: _Guest) -> None:
    """Run what the findings print, word for word, as an administrator would."""
    uploads = guest.host.uploads
    for result in _findings(guest.repaired or guest.broken):
        for command in result.commands:
            guest.outcome.commands.append(command)
            done = guest.host.try_(command, "azureuser")
            if done.code:
                said = (done.err or done.out).strip()[-300:]
                guest.outcome.problems.append(f"`{command}` ended with {done.code}: {said}")
    _await_report(guest.host, uploads)


def _await_report(host: Host, uploads: int) -> None:
    """The agent's own word: it has to report itself as ready once more. Then as long as the suite wants a worker to have lived."""
    host.wait_for(lambda: host.uploads > uploads and host.is_ready(), "the agent reports again after the repair")
    host.until(_WORKER_STAYS)


def _shown(result: Result) -> str:
    return f"{result.check} {result.verdict}: {result.found or result.reason}"


def check_recordings(outcomes: Sequence[Outcome], recordings: Path) -> None:
    """From the recordings: the 2017 edition, and which cause ``--error`` names first. What is wrong is added to the outcomes."""
    by_name = {outcome.fault.name: outcome for outcome in outcomes}
    for name, results in suite.judge(recordings, "--edition=2017").items():
        if name in by_name and (expected := by_name[name].fault.expect_2017) is not None:
            found = {result.check: result.verdict for result in _findings(results)}
            if found != expected:
                by_name[name].problems.append(f"2017: wanted {expected}, found {found}")
    first = {outcome.fault.name: _first_failure(outcome.fault) for outcome in outcomes}
    errors = [error for error in ERRORS if _checks_of(error) & {*first.values()}]
    with ThreadPoolExecutor(2) as pool:  # as many as the lab has processors
        judged = list(pool.map(lambda error: suite.judge(recordings, "--error", error.code), errors))
    for error, vms in zip(errors, judged, strict=True):
        for name, results in vms.items():
            found_first = next((id_ for id_, result in results.items() if result.verdict == FAIL), None)
            if first.get(name) in _checks_of(error) and found_first != first[name]:
                by_name[name].problems.append(f"--error {error.code} names {found_first} first")


def _first_failure(fault: Fault) -> str | None:
    return next((id_ for id_, verdict in fault.expect.items() if verdict == FAIL), None)


def _checks_of(error: BackupError) -> set[str]:
    """The checks that ``--error`` selects."""
    causes = set(error.causes(Edition.CURRENT))
    return {*error.checks, *(check.id for check in catalogue().values() if causes & set(check.causes))}
