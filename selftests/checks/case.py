"""One case: a changed VM, a check, and the verdict it has to come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.facts.vm import facts_of
from backup_preflight.fleet import Deployment, Fleet
from backup_preflight.verdict import Judge, Result, judge
from selftests import windows_recordings
from selftests.recordings import HEALTHY, RULES, Changes, parsed

PASS, FAIL, ADVICE, UNDETERMINED, NOT_APPLICABLE = "pass", "fail", "advice", "undetermined", "not applicable"


@dataclass(frozen=True)
class Case:
    """``says``: words that the finding or the reason has to hold. ``fleet``: how many VMs like this one the run has.

    ``system``: whose healthy VM is changed; the check's own system, for checks of both systems Linux.
    """

    check_id: str
    verdict: str
    changes: Changes = field(default_factory=dict)
    says: str = ""
    edition: str = "current"
    fleet: int = 1
    meta: Mapping[str, float] | None = None
    system: str = ""

    def result(self) -> Result:
        """What the suite says, from the bytes of a recording."""
        check = catalogue()[self.check_id]
        system = self.system or check.system or "linux"
        base = windows_recordings.HEALTHY if system == "windows" else HEALTHY
        facts = facts_of(parsed(self.changes, base, self.meta, system))
        edition = Edition(self.edition)
        if "fleet" in check.facts:
            fleet = Fleet({f"vm{number}": Deployment.of(facts) for number in range(1, self.fleet + 1)})
            return judge("vm1", check, RULES[edition], {"fleet": fleet}, None)
        return Judge("vm", facts, RULES[edition], {}).result(check)
