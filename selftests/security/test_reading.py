"""What is not needed is not read: every section that a collector prints is one that the facts ask for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selftests.collect.test_linux import documented_sections

ROOT = Path(__file__).parents[2]
FACTS = "\n".join(path.read_text() for path in sorted((ROOT / "backup_preflight/facts").rglob("*.py")))
LOGS = {"log", "log_paths"}
"""Printed only for --collect-logs, which nothing judges."""


def windows_sections() -> set[str]:
    return set(re.findall(r"(?m)^\s*Section '([a-z0-9_]+)'", (ROOT / "backup_preflight/collect/windows.ps1").read_text()))


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_every_section_is_asked_for(system: str) -> None:
    sections = documented_sections() if system == "linux" else windows_sections()
    assert len(sections) > 40
    assert {name for name in sections - LOGS if f'"{name}"' not in FACTS} == set()
