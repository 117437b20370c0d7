"""Recordings of the lab's guests: each fault is named, and only it. What each must show stands in lab/faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.recording import NotRead, load
from backup_preflight.report.summary import exit_code
from backup_preflight.verdict import Judge, Result, Rules, Verdict
from lab.faults import UNREACHABLE, Fault, faults
from lab.prove import is_only_slow

REAL = Path(__file__).parent / "real"
FAULTS = [fault for fault in faults().values() if UNREACHABLE not in fault.expect.values()]
CONTROLS = ("healthy", "unprivileged", "image")
QUIET = {Verdict.PASS.value, Verdict.NOT_APPLICABLE.value}


def judged(name: str, edition: Edition = Edition.CURRENT) -> dict[str, Result]:
    judge = Judge(name, LinuxFacts(load(REAL / f"{name}.recording")), Rules(edition), {})
    return {check.id: judge.result(check) for check in catalogue().values() if not check.of_fleet}


def findings(results: Mapping[str, Result], fault: Fault | None = None) -> dict[str, str]:
    seen = (result for result in results.values() if result.verdict not in QUIET)
    return {result.check: result.verdict for result in seen if not (fault and is_only_slow(fault, result))}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_fault_is_named_and_only_it(fault: Fault) -> None:
    assert findings(judged(fault.name), fault) == fault.expect


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.expect_2017 is not None], ids=lambda fault: fault.name)
def test_the_edition_of_2017_judges_by_its_own_page(fault: Fault) -> None:
    assert findings(judged(fault.name, Edition.Y2017), fault) == fault.expect_2017


def test_every_fault_has_a_recording_and_every_recording_is_judged() -> None:
    """After a new fault: make recordings."""
    assert {path.stem for path in REAL.glob("*.recording")} == {*CONTROLS, *faults()}


@pytest.mark.parametrize("name", sorted(faults().keys() - {fault.name for fault in FAULTS}))
def test_a_vm_that_was_not_reached_says_so(name: str) -> None:
    with pytest.raises(NotRead, match="no TCP answer"):
        load(REAL / f"{name}.recording")


def test_every_fault_is_in_the_proof() -> None:
    proof = (Path(__file__).parents[1] / "docs/proof.md").read_text(encoding="utf-8")
    assert [fault.name for fault in faults().values() if f"\n| {fault.name} |" not in proof] == []


def test_a_healthy_guest_has_no_finding() -> None:
    assert findings(judged("healthy")) == {}


def test_without_root_nothing_root_only_is_judged() -> None:
    found = findings(judged("unprivileged"))
    assert set(found.values()) == {Verdict.UNDETERMINED.value}
    assert found["LIN-18"] == found["LIN-11"] == Verdict.UNDETERMINED.value


def test_a_good_image_is_green() -> None:
    """A Debian root file system with the agent, read through chroot: nothing that must hold is left open."""
    results = judged("image").values()
    assert exit_code(results, strict=False, allow_undetermined=False) == 0
    assert {result.verdict for result in results if result.check.startswith("NET-")} == {Verdict.NOT_APPLICABLE.value}
