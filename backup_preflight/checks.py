"""A check: one precondition, the record that stands beside its test function, and how its verdict comes about.

A check reads facts and either returns (the precondition is met) or ends in one of fail(), advise(), not_applicable(). Reading
a fact that was not observed ends it as undetermined. Nothing here opens a connection.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NoReturn

from backup_preflight.causes import BackupError, Cause, Edition, Page
from backup_preflight.errors import UsageError
from backup_preflight.facts.disks import GIB

PACKAGES = ("tests_linux", "tests_network", "tests_windows")
"""Where the checks live."""


class Level(Enum):
    """How much a rule binds, in one edition."""

    MUST = "must"
    ADVICE = "advice"
    OFF = "off"


MUST, ADVICE, OFF = Level.MUST, Level.ADVICE, Level.OFF


class Needs(Enum):
    """What a check needs of the guest to mean anything."""

    BOOTED = "not booted"
    AZURE = "not on Azure"
    NOTHING = ""


@dataclass(frozen=True)
class Finding:
    """What a check found: in one line, the prose of the fix, and its commands for this very VM."""

    found: str
    problem: str = ""
    fix: str = ""
    commands: tuple[str, ...] = ()


class Failed(AssertionError):
    """The precondition is not met."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.found)
        self.finding = finding


class Advised(Failed):
    """Met, but not as well as the documents would have it."""


class NotApplicable(Exception):
    """The precondition does not concern this VM."""


def fail(found: str, *commands: str, fix: str = "", problem: str = "") -> NoReturn:
    """End a check: what was found breaks the rule. ``fix`` and ``problem`` replace the check's own wording."""
    raise Failed(Finding(found, problem, fix, commands))


def advise(found: str, *commands: str, fix: str = "", problem: str = "") -> NoReturn:
    """End a check: what was found should be better, whatever the check's level."""
    raise Advised(Finding(found, problem, fix, commands))


def not_applicable(reason: str) -> NoReturn:
    """End a check: it does not concern this VM."""
    raise NotApplicable(reason)


@dataclass(frozen=True)
class Limits:
    """The numbers of an edition. Disk sizes in bytes."""

    disk_size: int
    disk_size_advice: int
    data_disks: int
    agent_version: tuple[int, ...]
    windows_agent_version: tuple[int, ...]
    windows_agent_advice: tuple[int, ...]


OLDEST_WINDOWS_AGENT = (2, 6, 1198, 718)
"""Product version of WaAppAgent.exe that the pages on preparing a VM ask for, in 2016 and today."""

LIMITS = {
    # 1,023 GB and 16 data disks: pages of 2016 and 2017. That page names no agent version; 2.1.7 is the first that updates itself.
    Edition.Y2017: Limits(1023 * GIB, 1023 * GIB, 16, (2, 1, 7), OLDEST_WINDOWS_AGENT, OLDEST_WINDOWS_AGENT),
    # 64 TB: support matrix of 2025-10-27; 32 TB: troubleshooting page of 2025-11-12. 2.2.53.1 and,
    # for Windows, 2.7.41491.1010: minimum version page, 2025-09-15; the backup pages contradict it, so the latter is advice.
    Edition.CURRENT: Limits(64 * 1024 * GIB, 32 * 1024 * GIB, 32, (2, 2, 53, 1), OLDEST_WINDOWS_AGENT, (2, 7, 41491, 1010)),
}


@dataclass(frozen=True, eq=False)
class Check:
    """One precondition.

    ``title`` is the wanted state, ``problem`` its opposite; ``fix`` the remedy in general; ``reads`` what is looked at, for
    people; ``after`` the checks whose failure already explains this one's.
    """

    id: str
    problem: str
    causes: tuple[Cause, ...]
    levels: Mapping[Edition, Level]
    fix: str
    reads: str
    needs: Needs
    root: bool
    after: tuple[str, ...]
    see: Page | None
    function: Callable[..., None] = field(repr=False)

    @functools.cached_property
    def title(self) -> str:
        """The wanted state, a positive statement."""
        return inspect.getdoc(self.function) or self.id

    @functools.cached_property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts it reads."""
        return tuple(inspect.signature(self.function).parameters)

    @functools.cached_property
    def system(self) -> str:
        """The system whose VMs it is for, by its package: ``linux``, ``windows``; empty for both."""
        return {"tests_linux": "linux", "tests_windows": "windows"}.get(self.function.__module__.split(".")[0], "")

    def is_for(self, system: str) -> bool:
        """Whether it says anything of a VM that runs that system."""
        return self.system in {"", system} or self.of_fleet

    @functools.cached_property
    def of_fleet(self) -> bool:
        """Whether it concerns all VMs of a run together."""
        return "fleet" in self.facts

    def source(self, edition: Edition) -> Page:
        """The document that states the rule in that edition."""
        if edition is Edition.Y2017:
            return self.causes[0].source(edition)
        return self.see or self.causes[0].source(edition)


_REGISTRY: dict[str, Check] = {}


def check(
    id: str,  # noqa: A002  (what it is called everywhere)
    problem: str,
    *causes: Cause,
    now: Level,
    in_2017: Level,
    fix: str,
    reads: str,
    needs: Needs = Needs.BOOTED,
    root: bool = False,
    after: tuple[str, ...] = (),
    see: Page | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a test function as a check; see Check for the parameters. ``root``: an ordinary user cannot tell."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        known = _REGISTRY.get(id)
        if known and known.function.__qualname__ != function.__qualname__:
            raise ValueError(f"two checks have the id {id}")
        levels = {Edition.CURRENT: now, Edition.Y2017: in_2017}
        record = Check(id, problem, causes, levels, fix, reads, needs, root, after, see, function)
        _REGISTRY[id] = record
        function.preflight_check = record  # type: ignore[attr-defined]
        return function

    return register


def check_of(function: Any) -> Check | None:
    """The record of a test function; None when it is no check."""
    found = getattr(function, "preflight_check", None)
    return found if isinstance(found, Check) else None


@functools.cache
def catalogue() -> Mapping[str, Check]:
    """Every check by id, in the order of their ids."""
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        for module in pkgutil.iter_modules(path):
            if module.name.startswith("test_"):
                importlib.import_module(f"{package}.{module.name}")
    return MappingProxyType({id_: _REGISTRY[id_] for id_ in sorted(_REGISTRY)})


def find_check(name: str) -> Check:
    """The check with that id, in any case. Raises UsageError with the nearest ids."""
    checks = catalogue()
    if found := checks.get(name.strip().upper()):
        return found
    near = difflib.get_close_matches(name.strip().upper(), checks, n=3, cutoff=0.5)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    raise UsageError(f'--explain "{name}" is no check{hint} (all: --explain)')


def documented_order(error: BackupError, edition: Edition) -> dict[str, int]:
    """Check id → its place in the documented order of the error's causes; only the checks of those causes."""
    checks = [catalogue()[id_] for id_ in error.checks]
    for cause in error.causes(edition):
        checks += [check for check in catalogue().values() if cause in check.causes]
    return {check.id: place for place, check in reversed(list(enumerate(checks)))}
