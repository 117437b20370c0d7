"""Test functions that do nothing, as many as BENCH_FUNCTIONS says, for BENCH_VMS values each."""

from __future__ import annotations

import os
from types import FunctionType

import pytest


def _bare(target: int) -> None:
    pass


for _number in range(int(os.environ["BENCH_FUNCTIONS"])):
    globals()[f"test_bare_{_number}"] = pytest.mark.parametrize("target", range(int(os.environ["BENCH_VMS"])))(
        FunctionType(_bare.__code__, globals(), f"test_bare_{_number}")
    )
