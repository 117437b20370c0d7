"""``pytest -n N``: the VMs spread over the worker processes of pytest-xdist.

The controller takes ``--hosts`` apart, asks for passwords, and gives each worker its share of the VMs over xdist's pipe. A worker
reads and judges its share and nothing else, so no VM can be read twice. What concerns all VMs is judged by the controller, from
the few words that the workers' reports carry. Reports are written by the controller alone, as xdist does it anyway.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backup_preflight.checks import Check, catalogue
from backup_preflight.fleet import Deployment, Fleet
from backup_preflight.protocol import Outcome, report_outcome
from backup_preflight.report.message import render
from backup_preflight.targets import Target
from backup_preflight.verdict import Result, lost

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from backup_preflight.plugin import Run

CONNECTION = "preflight::connection["
"""Begins the node id of the first item of each VM."""

_SHARE = "preflight_share"
_AHEAD = 50
"""Items that a worker is given ahead: about one VM, so that -x stops soon."""


@dataclass(frozen=True)
class Share:
    """What one worker does."""

    targets: list[Target]
    forks: int


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Whether this process has workers. ``--collect-only`` never has."""
    option = config.option
    return not is_worker(config) and not option.collectonly and getattr(option, "dist", "no") != "no" and bool(getattr(option, "tx", None))


def share_of(config: pytest.Config) -> Share | None:
    """The worker's share; None in any other process. Taken out, because targets may hold passwords."""
    if not is_worker(config):
        return None
    found = pickle.loads(config.workerinput.pop(_SHARE))  # type: ignore[attr-defined]  # noqa: S301  (of our own controller)
    assert isinstance(found, Share)
    return found


class Told(pytest.Item):
    """An item of the controller, whose result is known already: for all VMs together, or for a VM that a worker lost."""

    def __init__(self, *, result: Result, check: Check | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.result = result
        self.function = check.function if check else None

    def runtest(self) -> None:
        """See ``Controller``: it is reported, not run."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the check stands, as pytest says it of a test that it has collected."""
        code = getattr(self.function, "__code__", None)
        return (Path(code.co_filename), code.co_firstlineno - 1, self.name) if code else (self.path, None, self.name)


class Scheduling:
    """xdist's scheduler for items that are no longer to be shared out: each worker runs what it has collected, bit by bit.

    Items of no VM are collected by every worker; the first one to tell of them runs them, checks of all VMs none.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._collections: dict[WorkerController, list[str]] = {}
        self._waiting: dict[WorkerController, list[int]] = {}
        self._sent: dict[WorkerController, list[int]] = {}
        self._taken: set[str] = set()

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers that are ready."""
        return list(self._sent)

    @property
    def collection_is_completed(self) -> bool:
        """A worker waits for no other one."""
        return True

    @property
    def tests_finished(self) -> bool:
        """Whether nothing is left to run, nor a worker to come."""
        return not self._controller.awaited and not self.has_pending

    @property
    def has_pending(self) -> bool:
        """Whether a worker has items to run."""
        return any(self._sent.values()) or any(self._waiting.values())

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready, and collects."""
        self._sent[node], self._waiting[node] = [], []

    def add_node_collection(self, node: WorkerController, collection: list[str]) -> None:
        """A worker has collected."""
        self._collections[node] = collection
        for index, nodeid in enumerate(collection):
            if nodeid.startswith(CONNECTION):
                self._waiting[node] += range(index, len(collection))
                break
            if nodeid not in self._taken and not self._controller.take_fleet_check(nodeid):
                self._taken.add(nodeid)
                self._waiting[node].append(index)
        self._controller.collected(node, collection)

    def schedule(self) -> None:
        """Let the workers begin that have not."""
        for node in self._collections:
            if not self._sent[node]:
                self._send(node)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:  # noqa: ARG002  (xdist's)
        """One item has run."""
        self._sent[node].remove(item_index)
        if len(self._sent[node]) < _AHEAD:
            self._send(node)

    def _send(self, node: WorkerController) -> None:
        """The next items; a worker runs its last one when it is told that there are no more."""
        if node.shutting_down:
            return
        waiting = self._waiting[node]
        bit, waiting[:] = waiting[:_AHEAD], waiting[_AHEAD:]
        if bit:
            self._sent[node] += bit
            node.send_runtest_some(bit)
        if not waiting:
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker has ended. If it was at an item, it died of it: the item's node id."""
        collection, sent = self._collections.pop(node, None), self._sent.pop(node, [])
        self._waiting.pop(node, None)
        if collection is None or not sent:
            self._controller.ended(node, begun=[], left=None if collection is None else [])
            return None
        crashed = sent[0]
        begun, left = collection[: crashed + 1], collection[crashed + 1 :]
        self._taken.difference_update(left)
        self._controller.ended(node, _vms(begun), _vms(left))
        return collection[crashed]

    def mark_test_pending(self, item: str) -> None:
        """Nothing is run twice."""
        raise NotImplementedError

    def remove_pending_tests_from_node(self, node: WorkerController, indices: list[int]) -> None:
        """Nothing is taken from a worker."""
        raise NotImplementedError


def _vms(nodeids: list[str]) -> list[str]:
    """The VMs that begin there."""
    return [nodeid[len(CONNECTION) : -1] for nodeid in nodeids if nodeid.startswith(CONNECTION)]


class Controller:
    """The hooks of a run that has workers."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.awaited: set[str] = set()
        self._forks = run.session.forks
        self._shares: list[Share] | None = None
        self._given: dict[str, Share] = {}
        self._open = dict.fromkeys(run.session.targets)
        self._crashed: str | None = None
        self._items = 0
        self._fleet_checks: dict[str, Check] = {}
        self._deployments: dict[str, Deployment] = {}
        self._session: pytest.Session | None = None

    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give a worker its share; to one that takes the place of a dead worker, what that one has left."""
        if self._shares is None:
            targets, count = list(self.run.session.targets.values()), int(node.workerinput["workercount"])
            self._shares = [Share(targets[number::count], -(-self._forks // count)) for number in range(count)]
        share = self._shares.pop(0) if self._shares else Share([], self._forks)
        self._given[node.gateway.id] = share
        self.awaited.add(node.gateway.id)
        node.workerinput[_SHARE] = pickle.dumps(share)

    def pytest_xdist_make_scheduler(self) -> Scheduling:
        """Ours, whatever ``--dist`` says: no other one reads each VM once."""
        return Scheduling(self)

    def collected(self, node: WorkerController, collection: list[str]) -> None:
        """A worker has told its items; VMs of which nothing was selected have none."""
        self.awaited.discard(node.gateway.id)
        found = set(_vms(collection))
        for target in self._given[node.gateway.id].targets:
            if target.id not in found:
                self._open.pop(target.id, None)
        self._items += len(collection)
        assert self._session is not None
        self._session.testscollected = self._items

    def take_fleet_check(self, nodeid: str) -> bool:
        """Whether the item is a check of all VMs together, which is judged here in the end."""
        file, _, name = nodeid.partition("::")
        module = ".".join(file.removesuffix(".py").split("/")[-2:])  # a file outside of the root folder has no name here
        for check in catalogue().values():
            if check.of_fleet and (check.function.__module__, check.function.__name__) == (module, name):
                self._fleet_checks[nodeid] = check
                return True
        return False

    def ended(self, node: WorkerController, begun: list[str], left: list[str] | None) -> None:
        """A worker has ended. The VM at which it died is not tried again; ``left`` None: nothing was begun."""
        self.awaited.discard(node.gateway.id)
        self._crashed = begun[-1] if begun else None
        share = self._given.pop(node.gateway.id)
        if left is not None:
            share = replace(share, targets=[target for target in share.targets if target.id in left])
        if share.targets and self._shares is not None:
            self._shares.append(share)

    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """The VM at which a worker died has a result that says so."""
        if self._crashed:
            result = lost(self._crashed, str(report.longrepr))
            report.longrepr = render(result)
            report.preflight = result.as_data()  # type: ignore[attr-defined]
            self._open.pop(self._crashed, None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What a worker tells beside the results."""
        if found := getattr(report, "preflight_deployment", None):
            self._deployments[report.preflight_done] = Deployment(**found)
        self._open.pop(getattr(report, "preflight_done", ""), None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """When all workers are done, judge what concerns all VMs. ``-x`` ends a run as it does without workers."""
        from xdist.dsession import Interrupted

        self._session = session
        try:
            outcome = yield
        except Interrupted:
            if session.shouldfail:
                raise session.Failed(session.shouldfail) from None
            raise
        for id_ in self._open:
            result = lost(id_, "its worker process ended before it came to this VM")
            self._tell(Told.from_parent(session, name=f"connection[{id_}]", nodeid=f"{CONNECTION}{id_}]", result=result))
        order = {id_: place for place, id_ in enumerate(self.run.session.targets)}
        fleet = Fleet(dict(sorted(self._deployments.items(), key=lambda each: order[each[0]])))
        for nodeid, check in self._fleet_checks.items():
            result = self.run.session.fleet_result(check, fleet)
            self._tell(Told.from_parent(session, name=check.function.__name__, nodeid=nodeid, result=result, check=check))
        return outcome

    def _tell(self, item: Told) -> None:
        report_outcome(item, Outcome(item.result), time.time())
