"""What a check may ask for: the facts of its VM, by subject. Each package of checks takes these into its conftest.

They are not in the plugin, so that installing the suite gives no fixture to anybody else's tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import testinfra.host

from backup_preflight.checks import LIMITS, Limits
from backup_preflight.facts.vm import Facts
from backup_preflight.fleet import Fleet

if TYPE_CHECKING:
    from backup_preflight.session import Session
    from backup_preflight.targets import Target


def _session(request: pytest.FixtureRequest) -> Session:
    from backup_preflight.session import SESSION

    return request.config.stash[SESSION]


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The VM, one entry of --hosts."""
    found: Target = request.param
    return found


@pytest.fixture(scope="session")
def host(target: Target) -> testinfra.host.Host:
    """testinfra's host, for what somebody wants to try by hand; the checks need no connection of their own."""
    if not hasattr(target, "backend"):
        pytest.skip("a recording has no connection")
    return testinfra.host.Host(target.backend())


@pytest.fixture(scope="session")
def facts(target: Target, request: pytest.FixtureRequest) -> Facts:
    """Everything that is known of the VM."""
    return _session(request).facts(target.id)


def _subject(name: str, what: str) -> Any:
    """A fixture for one subject of the facts. A VM of the other system may not have it; its checks are not run on that VM."""

    def subject(facts: Facts) -> Any:
        return getattr(facts, name, None)

    subject.__doc__ = what
    return pytest.fixture(scope="session", name=name)(subject)


system = _subject("system", "The guest as a system.")
agent = _subject("agent", "The Azure VM agent.")
extension = _subject("extension", "The backup extension and its neighbours.")
network = _subject("network", "Addresses, routes, firewall, endpoints, proxy.")
disks = _subject("disks", "Disks; on Linux also mounts and file systems.")
services = _subject("services", "Windows services.")
snapshot = _subject("snapshot", "What a snapshot on Windows depends on.")


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest) -> Fleet:
    """All VMs of this run that could be read. A check that asks for it is judged where all of them are known."""
    if hasattr(request.config, "workerinput"):
        pytest.fail("a worker of pytest-xdist knows only its own VMs; run without -n", pytrace=False)
    return _session(request).fleet()


@pytest.fixture(scope="session")
def limits(request: pytest.FixtureRequest) -> Limits:
    """The numbers of the edition."""
    return LIMITS[_session(request).rules.edition]
