"""Results summed up: by VM, and the exit code of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from backup_preflight.checks import Level, catalogue
from backup_preflight.verdict import Result, Verdict

EXIT_FAILED = 1
EXIT_CRASHED = 3
EXIT_UNDETERMINED = 10

ORDER = (
    Verdict.UNREACHABLE,
    Verdict.CRASH,
    Verdict.FAIL,
    Verdict.ADVICE,
    Verdict.UNDETERMINED,
    Verdict.WAIVED,
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
)


class State(Enum):
    """What a VM has come to, the worst first. PARTLY: no failure, but the run has not looked at every check."""

    NOT_READY = "not ready"
    UNREACHABLE = "unreachable"
    OPEN = "could not be judged"
    PARTLY = "no failure seen"
    READY = "ready"


@dataclass
class Vm:
    """Everything found on one VM, as it comes in."""

    id: str
    description: str = ""
    system: str = ""
    collector: str = ""
    results: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Take one more result."""
        if result.check == "CONNECTION" and result.verdict == Verdict.PASS.value:
            self.description, self.system, self.collector = result.found, result.system, result.collector
        elif not self._is_foreign(result):
            self.results.append(result)

    def _is_foreign(self, result: Result) -> bool:
        """Whether the check is for the other system: that it does not apply is no news."""
        check = catalogue().get(result.check)
        return bool(check and self.system and not check.is_for(self.system))

    @property
    def is_complete(self) -> bool:
        """Whether every check of this VM's system has been looked at."""
        return len(self.results) >= self.every

    @property
    def every(self) -> int:
        """Number of checks of this VM's system."""
        return _every(self.system)

    def of(self, verdict: Verdict) -> list[Result]:
        """The results with that verdict."""
        wanted = verdict.value  # once: it is looked up slowly
        return [result for result in self.results if result.verdict == wanted]

    @property
    def findings(self) -> list[Result]:
        """What somebody should read."""
        return [result for result in self.results if result.is_finding]

    @property
    def badness(self) -> tuple[int, int]:
        """Sorts VMs, those to look at first: by their worst verdict, then by how often they have it."""
        verdict, number = next(iter(self.counts.items()), (Verdict.NOT_APPLICABLE.value, 0))
        return ORDER.index(Verdict(verdict)), -number

    @property
    def is_open(self) -> bool:
        """Whether something that must hold is unknown: the VM or the point could not be seen, we failed, or the run ended first."""
        if self.of(Verdict.UNREACHABLE) or self.of(Verdict.CRASH) or not self.results:
            return True
        return any(result.level == Level.MUST.value for result in self.of(Verdict.UNDETERMINED))

    @property
    def state(self) -> State:
        """The one word for the VM."""
        if self.of(Verdict.UNREACHABLE):
            return State.UNREACHABLE
        if self.of(Verdict.FAIL):
            return State.NOT_READY
        if self.is_open:
            return State.OPEN
        return State.READY if self.is_complete else State.PARTLY

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → number of checks, the worst first."""
        counted = Counter(result.verdict for result in self.results)
        return {verdict.value: counted[verdict.value] for verdict in ORDER if counted[verdict.value]}


@cache
def _every(system: str) -> int:
    return sum(check.is_for(system) and not check.of_fleet for check in catalogue().values())


def gates(result: Result, *, strict: bool, allow_undetermined: bool) -> bool:
    """Whether a result alone keeps the run from exit code 0.

    A point that is only advice does not gate, met, unmet or unseen, unless ``strict``.
    """
    verdict = Verdict(result.verdict)
    if verdict is Verdict.ADVICE:
        return strict
    if verdict is Verdict.UNDETERMINED:
        return not allow_undetermined and (strict or result.level == Level.MUST.value)
    return verdict in {Verdict.FAIL, Verdict.CRASH, Verdict.UNREACHABLE}


def exit_code(results: Iterable[Result], *, strict: bool, allow_undetermined: bool) -> int:
    """0: ready. 1: something fails. 3: a mistake of ours. 10: nothing fails, but something that must hold could not be seen."""
    verdicts = {Verdict(result.verdict) for result in results if gates(result, strict=strict, allow_undetermined=allow_undetermined)}
    if verdicts & {Verdict.FAIL, Verdict.ADVICE}:
        return EXIT_FAILED
    if Verdict.CRASH in verdicts:
        return EXIT_CRASHED
    return EXIT_UNDETERMINED if verdicts else 0


def file_order() -> dict[str, int]:
    """Check id → its place: as the checks stand in the files, those of both systems last."""
    checks = sorted(
        catalogue().values(), key=lambda check: (not check.system, check.function.__module__, check.function.__code__.co_firstlineno)
    )
    return {check.id: place for place, check in enumerate(checks)}
