"""Faults made for real, read over SSH, mended by the printed fix: the part of ``make prove`` that every ``make test`` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_preflight.verdict import Verdict
from lab import suite
from lab.client import RunningLab
from lab.faults import faults
from lab.host import Host
from lab.prove import Outcome, Proof

SMOKE = [fault for fault in faults().values() if fault.smoke]


@pytest.fixture(scope="module")
def outcomes(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Few guests, each for several faults: a boot takes longer than to wait for one that is mended."""
    proof = Proof(lab, tmp_path_factory.mktemp("smoke") / "broken", lambda _: None, together=2, lanes=2)
    return {outcome.fault.name: outcome for outcome in proof.prove(SMOKE)}


@pytest.mark.parametrize("name", [fault.name for fault in SMOKE])
def test_fault_is_named_and_mended(name: str, outcomes: dict[str, Outcome]) -> None:
    assert not outcomes[name].problems


def test_the_smoke_set_is_wide() -> None:
    assert len(SMOKE) >= 10
    assert {fault.cause for fault in SMOKE} >= {"LINAGENT", "NOINET", "SNAPSHOT", "EXTENSION", "DISKSIZE", "CONFIGURATION"}


def test_without_sudo_no_cause_is_named(lab: RunningLab, tmp_path: Path) -> None:
    lab.lab.start("healthy")
    try:
        Host(lab.lab, "healthy").wait_until_ready()
        results = suite.read(lab, ["healthy"], user="plain", record=tmp_path)["healthy"]
    finally:
        lab.lab.stop("healthy")
    verdicts = {result.verdict for result in results.values()}
    assert verdicts == {Verdict.PASS.value, Verdict.NOT_APPLICABLE.value, Verdict.UNDETERMINED.value}
    assert all(result.remedy for result in results.values() if result.verdict == Verdict.UNDETERMINED.value)
