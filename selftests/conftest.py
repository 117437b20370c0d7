"""Fixtures of all selftests."""

from selftests.sshd import accounts, isolated_network, loopback_only, sshd

__all__ = ["accounts", "isolated_network", "loopback_only", "sshd"]
