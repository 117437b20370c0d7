"""Fixtures of all selftests."""

import os
import signal

import pytest

from selftests.sshd import accounts, isolated_network, loopback_only, sshd

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell: whom a test interrupts would not notice
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("COLUMNS", None)  # the suite, started by a test, would wrap its lines for whoever's terminal that is

_ORDER = (
    "selftests/lab/test_smoke.py",  # these five take longest, and mostly wait, for guests and deadlines: one for each worker
    "selftests/reliability/test_faults.py",
    "selftests/collect/test_linux.py",
    "selftests/scale/test_xdist.py",
    "selftests/test_command_line.py",
    "selftests/checks/",  # short ones, as xdist gives each worker a second file at once
    "selftests/reliability/test_hostile.py",
    "selftests/winrm/test_failures.py",
    "selftests/report/browser/",
)
"""Files that make a run of several workers longer when they come last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of _ORDER first."""
    items.sort(key=lambda item: next((place for place, start in enumerate(_ORDER) if item.nodeid.startswith(start)), len(_ORDER)))


__all__ = ["accounts", "isolated_network", "loopback_only", "sshd"]
