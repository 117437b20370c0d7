"""Fixtures of all selftests."""

import os

from selftests.sshd import accounts, isolated_network, loopback_only, sshd

os.environ.pop("COLUMNS", None)  # the suite, started by a test, would wrap its lines for whoever's terminal that is

__all__ = ["accounts", "isolated_network", "loopback_only", "sshd"]
