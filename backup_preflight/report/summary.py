"""Results summed up: by VM, and the exit code of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

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


@dataclass
class Vm:
    """Everything found on one VM, as it comes in."""

    id: str
    description: str = ""
    system: str = ""
    results: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Take one more result."""
        if result.check == "CONNECTION" and result.verdict == Verdict.PASS.value:
            self.description, self.system = result.found, result.system
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
        return sum(check.is_for(self.system) and not check.of_fleet for check in catalogue().values())

    def of(self, verdict: Verdict) -> list[Result]:
        """The results with that verdict."""
        return [result for result in self.results if result.verdict == verdict.value]

    @property
    def is_open(self) -> bool:
        """Whether something that must hold is unknown: the VM or the point could not be seen, we failed, or the run ended first."""
        if self.of(Verdict.UNREACHABLE) or self.of(Verdict.CRASH) or not self.results:
            return True
        return any(result.level == Level.MUST.value for result in self.of(Verdict.UNDETERMINED))

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → number of checks, the worst first."""
        counted = Counter(result.verdict for result in self.results)
        return {verdict.value: counted[verdict.value] for verdict in ORDER if counted[verdict.value]}


def exit_code(results: Iterable[Result], *, strict: bool, allow_undetermined: bool) -> int:
    """0: ready. 1: something fails. 3: a mistake of ours. 10: nothing fails, but something that must hold could not be seen.

    A point that is only advice does not gate, met, unmet or unseen, unless ``strict``.
    """
    found = list(results)
    verdicts = {result.verdict for result in found}
    if Verdict.FAIL.value in verdicts or (strict and Verdict.ADVICE.value in verdicts):
        return EXIT_FAILED
    if Verdict.CRASH.value in verdicts:
        return EXIT_CRASHED
    unseen = any(result.verdict == Verdict.UNDETERMINED.value and (strict or result.level == Level.MUST.value) for result in found)
    if Verdict.UNREACHABLE.value in verdicts or (unseen and not allow_undetermined):
        return EXIT_UNDETERMINED
    return 0
