"""Fixtures of all selftests."""

import os

import pytest

from selftests.sshd import accounts, isolated_network, loopback_only, sshd

os.environ.pop("COLUMNS", None)  # the suite, started by a test, would wrap its lines for whoever's terminal that is

_LONGEST = ("selftests/lab/test_smoke.py", "selftests/reliability/test_faults.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First those that wait most, for guests and deadlines: meanwhile the other workers use the processors."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


__all__ = ["accounts", "isolated_network", "loopback_only", "sshd"]
