"""What a check may ask for: the facts of its VM, by subject. Each package of checks takes these into its conftest.

They are not in the plugin, so that installing the suite gives no fixture to anybody else's tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import testinfra.host

from backup_preflight.checks import LIMITS, Limits
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.disks import Disks
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.facts.linux.network import Network
from backup_preflight.facts.linux.system import System
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
def facts(target: Target, request: pytest.FixtureRequest) -> LinuxFacts:
    """Everything that is known of the VM."""
    return _session(request).facts(target.id)


@pytest.fixture(scope="session")
def system(facts: LinuxFacts) -> System:
    """The guest as a system."""
    return facts.system


@pytest.fixture(scope="session")
def agent(facts: LinuxFacts) -> Agent:
    """The Azure Linux agent."""
    return facts.agent


@pytest.fixture(scope="session")
def extension(facts: LinuxFacts) -> Extension:
    """The backup extension and its neighbours."""
    return facts.extension


@pytest.fixture(scope="session")
def network(facts: LinuxFacts) -> Network:
    """Addresses, routes, firewall, endpoints, proxy."""
    return facts.network


@pytest.fixture(scope="session")
def disks(facts: LinuxFacts) -> Disks:
    """Disks, mounts, file systems."""
    return facts.disks


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest) -> Fleet:
    """All VMs of this run that could be read."""
    return _session(request).fleet()


@pytest.fixture(scope="session")
def limits(request: pytest.FixtureRequest) -> Limits:
    """The numbers of the edition."""
    return LIMITS[_session(request).rules.edition]
