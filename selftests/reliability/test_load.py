"""Few VMs, one seed: the small version of `make load`."""

from __future__ import annotations

import os

import pytest

from selftests.reliability.load import Run
from selftests.reliability.runs import load_runs
from selftests.sshd import missing


@pytest.fixture(scope="module")
def run() -> Run:
    if os.geteuid() != 0:
        missing("needs root for namespaces")
    (found,) = load_runs(36, 1)
    return found


def test_every_vm_is_reported_as_what_it_is(run: Run) -> None:
    assert run.sick > 5
    assert run.wrong == []


def test_nothing_is_left(run: Run) -> None:
    assert run.left == []
