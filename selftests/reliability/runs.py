"""Runs in a machine of their own, and what they give."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from selftests.reliability import machine
from selftests.reliability.faults import Row
from selftests.reliability.load import Run


def fault_rows() -> list[Row]:
    """Make every fault."""
    return [Row(**each) for each in _result("selftests.reliability.faults")]


def load_runs(targets: int, seeds: int) -> list[Run]:
    """Read so many VMs, as often as that."""
    return [Run(**each) for each in _result("selftests.reliability.load", str(targets), str(seeds), seconds=3600 * 3)]


def _result(module: str, *arguments: str, seconds: float = 900) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "result.json"
        done = machine.run(module, str(file), *arguments, seconds=seconds)
        assert done.returncode == 0, done.stderr[-3000:]
        found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return found
