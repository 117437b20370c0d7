"""From a check and the facts of one VM to a result: the verdict, and everything a report says of it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from backup_preflight.causes import BackupError, Cause, Edition, first_error
from backup_preflight.checks import LIMITS, Advised, Check, Failed, Finding, Level, Needs, NotApplicable, catalogue
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.vm import Facts, System
from backup_preflight.lang import language, mark, tr
from backup_preflight.recording import Status

_MAY_BE_OFF = mark(
    "if the VM may be off: a VM that was shut down from inside is sometimes shown wrongly in the portal; "
    "check its status there and use the portal's Stop (CP-01)"
)


CONNECTION = "CONNECTION"
"""Stands for the check in the result of reading a VM."""

_UNREAD = {Problem.NOT_RECORDED: mark("was read, but its recording could not be written")}
READABLE = mark("the suite can log in and run its collector")


class Verdict(Enum):
    """The outcome of one check on one VM."""

    PASS = "pass"  # noqa: S105  (a verdict, no password)
    FAIL = "fail"
    ADVICE = "advice"
    UNDETERMINED = "undetermined"
    WAIVED = "waived"
    NOT_APPLICABLE = "not applicable"
    UNREACHABLE = "unreachable"
    CRASH = "crash"


_NO_FINDING = frozenset({Verdict.PASS.value, Verdict.NOT_APPLICABLE.value})


@dataclass(frozen=True, slots=True)
class Result:
    """One check on one VM, in plain words: every report renders this and knows nothing else.

    ``problem`` is what is wrong, without the VM; ``reason`` says why there is no verdict, ``remedy`` what would bring one;
    ``blocked_by`` is the check that explains it; ``waived`` says why a finding is accepted, and until when; ``system`` is that
    of the VM, in the result of reading it, and ``collector`` what read it.
    """

    target: str
    check: str
    verdict: str
    problem: str = ""
    causes: tuple[str, ...] = ()
    cause: str = ""
    level: str = ""
    found: str = ""
    wanted: str = ""
    fix: str = ""
    commands: tuple[str, ...] = ()
    reason: str = ""
    remedy: str = ""
    blocked_by: str = ""
    waived: str = ""
    link: str = ""
    page_date: str = ""
    system: str = ""
    collector: str = ""

    @property
    def headline(self) -> str:
        """The first line of the finding: the VM, what is wrong, the check; empty when there is nothing to say."""
        if not self.problem:
            return ""
        return f"{self.target}: {self.problem}" + (f" ({self.check})" if self.check != CONNECTION else "")

    @property
    def is_finding(self) -> bool:
        """Whether somebody should read it."""
        return self.verdict not in _NO_FINDING

    def as_data(self) -> dict[str, Any]:
        """Plain data, for JSON and between processes."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Result:
        """The opposite of ``as_data``."""
        plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**plain)


@dataclass(frozen=True, eq=False)
class Rules:
    """By what a run judges: the edition, and the error the user asked about, if any."""

    edition: Edition
    error: BackupError | None = None


@dataclass(frozen=True)
class Judge:
    """Applies the checks to one VM. Verdicts are kept, because other checks depend on them."""

    target: str
    facts: Facts
    rules: Rules
    results: dict[str, Result]

    def result(self, check: Check) -> Result:
        """The check's result on this VM. A crash of ours is a result of its own kind, never the VM's fault."""
        if check.id not in self.results:
            self.results[check.id] = self._judge(check)
        return self.results[check.id]

    def _judge(self, check: Check) -> Result:
        blocked = self._blocked(check)
        if blocked:
            return blocked
        arguments = {name: self._fact(name) for name in check.facts}
        result = judge(self.target, check, self.rules, arguments, self.facts.system)
        if result.verdict == Verdict.FAIL.value and check.needs is Needs.AZURE and self.facts.system.on_azure is None:
            return _result(
                self.target,
                check,
                self.rules,
                Verdict.UNDETERMINED,
                reason=tr("{found}; but nothing tells whether this guest runs on Azure at all", found=result.found),
                remedy=tr("run the suite on the VM in Azure, or against an image through chroot://"),
            )
        return result

    def _blocked(self, check: Check) -> Result | None:
        """Why the check does not concern this VM, or is already explained; None when it has to be judged."""
        if not check.is_for(self.facts.recording.system):
            return self._skipped(check, tr("a check of {system} VMs", system=check.system.capitalize()))
        if check.levels[self.rules.edition] is Level.OFF:
            return self._skipped(check, tr("not a rule of the {edition} edition", edition=self.rules.edition.value))
        if check.needs is not Needs.NOTHING and not self.facts.system.booted:
            return self._skipped(check, tr(Needs.BOOTED.value))
        if check.needs is Needs.AZURE and self.facts.system.on_azure is False:
            return self._skipped(check, tr(Needs.AZURE.value))
        for id_ in check.after:
            if not catalogue()[id_].is_for(self.facts.recording.system):
                continue
            first = self.result(catalogue()[id_])
            unmet = first.verdict == Verdict.FAIL.value or (first.verdict == Verdict.ADVICE.value == first.level)
            if unmet or first.blocked_by:
                origin = first.blocked_by or first.check
                problem = catalogue()[origin].problem
                return self._skipped(check, f"{tr(problem)}: {origin}", blocked_by=origin)
        return None

    def _skipped(self, check: Check, reason: str, blocked_by: str = "") -> Result:
        return _result(self.target, check, self.rules, Verdict.NOT_APPLICABLE, reason=reason, blocked_by=blocked_by)

    def _fact(self, name: str) -> Any:
        return LIMITS[self.rules.edition] if name == "limits" else getattr(self.facts, name)


def judge(target: str, check: Check, rules: Rules, facts: Mapping[str, Any], system: System | None) -> Result:
    """Run the check's function on facts. A mistake of ours in the check becomes a crash, with the place it happened at."""
    try:
        check.function(**facts)
    except Failed as failure:
        advice = isinstance(failure, Advised) or check.levels[rules.edition] is Level.ADVICE
        verdict = Verdict.ADVICE if advice else Verdict.FAIL
        return _result(target, check, rules, verdict, failure.finding)
    except NotApplicable as outcome:
        return _result(target, check, rules, Verdict.NOT_APPLICABLE, reason=tr(str(outcome)))
    except NotObserved as outcome:
        remedy = tr(_remedy(outcome, system))
        return _result(target, check, rules, Verdict.UNDETERMINED, reason=str(outcome), remedy=remedy)
    except Exception as error:  # noqa: BLE001  (whatever it is, it must not be taken for the VM's fault)
        return _crash(target, check, rules, error)
    return _result(target, check, rules, Verdict.PASS)


def unreachable(target: str, problem: ConnectionProblem) -> Result:
    """The one result of a VM that could not be read."""
    return Result(
        target,
        CONNECTION,
        (Verdict.CRASH if problem.problem is Problem.BUG else Verdict.UNREACHABLE).value,
        problem=tr(_UNREAD[problem.problem])
        if problem.problem in _UNREAD
        else tr("could not be read: {why}", why=tr(problem.problem.value)),
        wanted=tr(READABLE),
        found=problem.detail,
        fix=tr(problem.remedy),
        remedy=tr(_MAY_BE_OFF) if problem.problem in {Problem.TIMEOUT, Problem.NO_ROUTE} else "",
    )


def read(target: str, description: str, system: str, collector: str) -> Result:
    """The result of reading a VM that could be read."""
    return Result(target, CONNECTION, Verdict.PASS.value, found=description, wanted=tr(READABLE), system=system, collector=collector)


def lost(target: str, reason: str) -> Result:
    """The result of a VM that was not judged to the end, because a process of ours died."""
    return Result(
        target,
        CONNECTION,
        Verdict.CRASH.value,
        problem=tr("the suite itself has failed (a bug of ours, or the machine it runs on is out of memory)"),
        wanted=tr("the suite judges the VM to the end"),
        reason=reason,
        remedy=tr("run again for this VM, without -n; if it fails again, please report it: nothing is known to be wrong with the VM"),
    )


def _crash(target: str, check: Check, rules: Rules, error: Exception) -> Result:
    """A mistake of ours."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    reason = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
    remedy = tr("please report it with the recording (--record=DIR): nothing is known to be wrong with the VM")
    return _result(target, check, rules, Verdict.CRASH, reason=reason, remedy=remedy)


def _result(
    target: str,
    check: Check,
    rules: Rules,
    verdict: Verdict,
    finding: Finding | None = None,
    *,
    reason: str = "",
    remedy: str = "",
    blocked_by: str = "",
) -> Result:
    finding = finding or Finding("")
    problem = ""
    if verdict in {Verdict.FAIL, Verdict.ADVICE}:
        problem = tr(finding.problem or check.problem)
    elif verdict is Verdict.UNDETERMINED:
        problem = tr("could not tell whether {wanted}", wanted=tr(check.title))
    elif verdict is Verdict.CRASH:
        problem = tr("the suite itself has failed (a bug of ours)")
    return Result(
        target=target,
        check=check.id,
        verdict=verdict.value,
        problem=problem,
        found=finding.found,
        fix=tr(finding.fix or check.fix) if finding.found else "",
        commands=finding.commands,
        reason=reason,
        remedy=remedy,
        blocked_by=blocked_by,
        **_record(check, rules, language()),
    )


@cache
def _record(check: Check, rules: Rules, _language: str) -> dict[str, Any]:
    """What the results of a check have in common on every VM of a run."""
    source = check.source(rules.edition)
    return {
        "causes": tuple(cause.id for cause in check.causes),
        "cause": cause_line(check.causes[0], rules),
        "level": check.levels[rules.edition].value,
        "wanted": tr(check.title),
        "link": source.url,
        "page_date": source.date,
    }


def cause_line(cause: Cause, rules: Rules) -> str:
    """The cause, and its place in the error that lists it."""
    place = first_error(cause, rules.edition, rules.error)
    if not place:
        return cause.name
    error, position, count = place
    if cause.title.casefold() == error.heading.casefold():
        return f'"{error.name}" ({error.code})'
    return tr(
        '{cause}: cause {position} of {count} of "{error}" ({code})',
        cause=cause.name,
        position=position,
        count=count,
        error=error.name,
        code=error.code,
    )


def _remedy(outcome: NotObserved, system: System | None) -> str:
    """What would let us see it."""
    if outcome.remedy:
        return outcome.remedy
    if outcome.status is Status.DENIED:
        return system.more_rights if system else mark("run with --sudo, or log in as root")
    return {
        Status.TIMEOUT: mark("run again; if it times out again, the VM is overloaded or something on it hangs"),
        Status.UNSUPPORTED: mark("install what is named, or check this point by hand"),
        Status.NOT_COLLECTED: mark("record or run again with this version of the suite, on the VM itself"),
    }.get(outcome.status, mark("check this point by hand; if the value looks right, please report it with the recording"))
