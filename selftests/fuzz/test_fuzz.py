"""A short run of the fuzzer, the same on every machine, and everything that it once found."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from backup_preflight import verdict
from backup_preflight.checks import catalogue
from selftests.fuzz.inputs import mutated
from selftests.fuzz.targets import CORPUS, TARGETS

_KEPT = sorted(path for path in CORPUS.glob("*/*"))


@pytest.fixture(autouse=True, scope="module")
def _checks_are_looked_up_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "catalogue", functools.cache(catalogue))
        yield


@pytest.mark.parametrize("path", _KEPT, ids=[f"{path.parent.name}-{path.name}" for path in _KEPT])
def test_what_was_found_stays_mended(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds[:: max(1, len(target.seeds) // 20)]:
        target.run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_ends_in_a_documented_error(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(target.seeds))
    def run(data: bytes) -> None:
        target.run(data)

    run()
