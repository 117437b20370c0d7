"""Recordings of real guests: each fault is named, and only it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.recording import load
from backup_preflight.report.summary import exit_code
from backup_preflight.verdict import Judge, Rules, Verdict

REAL = Path(__file__).parent / "real"
CAUSES = {
    "healthy": [],
    "unprivileged": [],
    "image": [],
    "stopped": ["LIN-02"],
    "masked": ["LIN-02"],
    "frozen": ["LIN-02"],
    "binary-gone": ["LIN-01"],
    "extensions-off": ["LIN-07"],
    "kill-switch": ["LIN-09"],
    "firewall": ["NET-04"],
    "blackhole": ["NET-03"],
    "static-address": ["LIN-14"],
}


def verdicts(name: str) -> dict[str, str]:
    judge = Judge(name, LinuxFacts(load(REAL / f"{name}.recording")), Rules(Edition.CURRENT), {})
    return {check.id: judge.result(check).verdict for check in catalogue().values() if not check.of_fleet}


@pytest.mark.parametrize("name", CAUSES)
def test_the_fault_is_named_and_only_it(name: str) -> None:
    found = verdicts(name)
    assert [id_ for id_, verdict in found.items() if verdict == Verdict.FAIL.value] == CAUSES[name]
    assert Verdict.CRASH.value not in found.values()


def test_every_recording_is_judged() -> None:
    assert {path.stem for path in REAL.glob("*.recording")} == CAUSES.keys()


def test_without_root_nothing_root_only_is_judged() -> None:
    found = verdicts("unprivileged")
    root_only = [check.id for check in catalogue().values() if check.root and not check.of_fleet]
    assert not [id_ for id_ in root_only if found[id_] in {Verdict.FAIL.value, Verdict.ADVICE.value}]
    assert found["LIN-18"] == found["LIN-11"] == Verdict.UNDETERMINED.value


def test_a_good_image_is_green() -> None:
    """A stock Debian root file system with the agent, read through chroot: nothing that must hold is left open."""
    judge = Judge("image", LinuxFacts(load(REAL / "image.recording")), Rules(Edition.CURRENT), {})
    results = [judge.result(check) for check in catalogue().values() if not check.of_fleet]
    assert exit_code(results, strict=False, allow_undetermined=False) == 0
    assert {result.verdict for result in results if result.check.startswith("NET-")} == {Verdict.NOT_APPLICABLE.value}
