"""How an item of ours runs. pytest's own protocol sets up fixtures, captures output and makes three reports for each item;
a check needs none of that, because it is a function of facts. Here it is judged and reported.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from backup_preflight.checks import Check
from backup_preflight.fleet import Deployment
from backup_preflight.report.message import render
from backup_preflight.verdict import Result, Verdict


class Connection(pytest.Item):
    """Whether a VM can be read: one result for it, whatever its checks are."""

    def __init__(self, *, target: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target

    def runtest(self) -> None:
        """See ``Run.pytest_runtest_protocol``."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Nothing in a file stands for it."""
        return self.path, None, self.name


class CheckItem(pytest.Item):
    """A check on one VM (``target``), or on all of them together (None). Far lighter than pytest's item for a function with fixtures."""

    def __init__(self, *, check: Check, target: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        self.target = target
        self.obj = check.function
        self.extra_keyword_matches.add(check.id)

    def runtest(self) -> None:
        """See ``Run.pytest_runtest_protocol``."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The check's function."""
        return self.path, self.check.function.__code__.co_firstlineno - 1, self.name


@dataclass(frozen=True)
class Outcome:
    """What became of an item: a result, or the reason why it was not judged.

    ``done``: the VM of which it was the last item; ``deployment``: what a worker tells the controller of that VM then.
    """

    result: Result | None = None
    skipped: str = ""
    done: str = ""
    deployment: Deployment | None = None


def target_of(item: pytest.Item) -> str | None:
    """The VM that an item is about; None for all of them together, and for what is not ours."""
    if isinstance(item, (Connection, CheckItem)):
        return item.target
    callspec = getattr(item, "callspec", None)
    return getattr(callspec.params.get("target"), "id", None) if callspec else None


def report_outcome(item: pytest.Item, outcome: Outcome, started: float) -> None:
    """Tell pytest, in one report: there is nothing to set up or to tear down, and pytest keeps every report in memory.

    ``started``: seconds since 1970.
    """
    nodeid, location, hook = item.nodeid, _location(item), item.config.hook
    shown = item.config.option.verbose > 1  # else pytest would begin a line for each item
    if shown:
        hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    result = outcome.result
    how, longrepr, sections = _pytests_words(item, outcome)
    now = time.time()
    call = pytest.TestReport(nodeid, location, {}, how, longrepr, "call", sections, max(0.0, now - started), started, now)
    call.preflight_check = True  # type: ignore[attr-defined]
    if result:
        # Plain data for other processes only: most reports stay in this one.
        call.preflight = result.as_data() if hasattr(item.config, "workerinput") else result  # type: ignore[attr-defined]
    if outcome.done:
        call.preflight_done = outcome.done  # type: ignore[attr-defined]
        call.preflight_deployment = outcome.deployment and asdict(outcome.deployment)  # type: ignore[attr-defined]
    hook.pytest_runtest_logreport(report=call)
    if shown:
        hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


def _location(item: pytest.Item) -> tuple[str, int | None, str]:
    """``item.location``, which pytest works out anew for each VM, although only the name differs."""
    if not isinstance(item, CheckItem):
        return item.location
    if item.check not in _places:
        _places[item.check] = item.location[:2]
    return *_places[item.check], item.name


_places: dict[Check, tuple[str, int | None]] = {}


_Words = tuple[Literal["passed", "failed", "skipped"], "str | tuple[str, int, str] | None", "list[tuple[str, str]]"]


def _pytests_words(item: pytest.Item, outcome: Outcome) -> _Words:
    """A result in pytest's words: outcome, what it says, sections."""
    result = outcome.result
    if result is None or result.verdict == Verdict.NOT_APPLICABLE.value:
        return "skipped", (str(item.path), (_location(item)[1] or 0) + 1, f"Skipped: {result.reason if result else outcome.skipped}"), []
    if result.verdict == Verdict.PASS.value:
        return "passed", None, []
    if result.verdict in {Verdict.ADVICE.value, Verdict.WAIVED.value}:
        return "passed", None, [(result.verdict, render(result))]
    return "failed", render(result), []
