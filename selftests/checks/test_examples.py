"""The recordings of examples/ are what the builder makes, and they show what examples/README.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.recording import load
from backup_preflight.verdict import Judge, Rules
from selftests.recordings import examples

EXAMPLES = Path(__file__).parents[2] / "examples"


def _verdicts(name: str) -> dict[str, str]:
    recording = load(EXAMPLES / f"{name}.recording")
    assert recording.target == name
    judge = Judge(name, LinuxFacts(recording), Rules(Edition.CURRENT), {})
    return {check.id: judge.result(check).verdict for check in catalogue().values() if "fleet" not in check.facts}


@pytest.mark.parametrize("name", sorted(examples()))
def test_example_is_up_to_date(name: str) -> None:
    """After a change: python -m selftests.recordings examples."""
    assert (EXAMPLES / name).read_bytes() == examples()[name]


def test_good_vm_has_no_finding() -> None:
    assert set(_verdicts("good-vm").values()) == {"pass", "not applicable"}


def test_bad_vm_fails_for_three_causes() -> None:
    assert [id_ for id_, verdict in _verdicts("bad-vm").items() if verdict not in {"pass", "not applicable"}] == [
        "DSK-01",
        "LIN-02",
        "LIN-14",
    ]


def test_unprivileged_reading_fails_nothing() -> None:
    assert set(_verdicts("unprivileged").values()) == {"pass", "not applicable", "undetermined"}
