"""The checks of a run: which of them there are, in what order, and how they are judged."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from backup_preflight import xdist
from backup_preflight.checks import PACKAGES, Check, check_of, documented_order
from backup_preflight.lang import tr
from backup_preflight.protocol import CheckItem, Connection, Outcome, report_outcome, target_of
from backup_preflight.session import Session


class Run:
    """The hooks that collect and judge. What becomes of the results is ``Reporting``'s business."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self.config = config
        self.session = session
        self.expected: dict[str, int] = {}
        """VM → how many of its items are still to come."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: pytest.Module, name: str, obj: object) -> list[CheckItem] | None:
        """A check is an item for each VM; whether it is for the system of a VM is not always known before it is read."""
        check = check_of(obj)
        if check is None:
            return None
        if check.of_fleet:
            return [CheckItem.from_parent(collector, name=name, check=check, target=None)]
        targets = [each.id for each in self.session.targets.values() if not each.system or check.is_for(each.system)]
        return [CheckItem.from_parent(collector, name=f"{name}[{id_}]", check=check, target=id_) for id_ in targets]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test of somebody's own beside the checks is one for each VM too."""
        if "target" in metafunc.fixturenames and metafunc.module.__name__.split(".")[0] in PACKAGES:
            targets = list(self.session.targets.values())
            metafunc.parametrize("target", targets, ids=[each.id for each in targets], scope="session", indirect=True)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """VM by VM, each after its connection; with ``--error`` its causes only, in the documented order."""
        if error := self.session.rules.error:
            wanted = documented_order(error, self.session.rules.edition)
            kept = [item for item in items if (check := _check(item)) and check.id in wanted]
            self.config.hook.pytest_deselected(items=[item for item in items if item not in kept])
            items[:] = sorted(kept, key=lambda item: wanted[_check(item).id])  # type: ignore[union-attr]
        groups = _by_target(items)
        # What pytest makes of a test for each VM where there is none.
        groups[None] = [item for item in groups.get(None, []) if "target" not in getattr(item, "fixturenames", ())]
        items.clear()
        of_fleet = any((check := _check(item)) and check.of_fleet for item in groups[None])
        for id_ in self.session.targets:
            group = groups.get(id_, [])
            if group or of_fleet:  # what concerns all VMs is judged of all, and says which ones could not be read
                name = f"connection[{id_}]"
                items += [Connection.from_parent(session, name=name, nodeid=f"preflight::{name}", target=id_), *group]
                self.expected[id_] = 1 + sum(_check(item) is not None for item in group)
        if not self.session.targets:
            groups[None] = [item for item in groups[None] if not _check(item)]
        if xdist.is_worker(self.config):
            items[:0] = groups[None]  # the controller sees by its connection where each VM begins
        else:
            items += groups[None]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Begin to read while pytest collects, when the run is for all VMs anyway."""
        if _takes_every_vm(self.config) and not xdist.is_controller(self.config):
            self.session.start(self.session.targets)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Judge each VM as soon as it is read, lest a slow one holds up the others."""
        option = self.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return None
        self.session.start(self.expected)
        if not self.expected:
            return None  # none of ours, or xdist, whose workers have them
        if getattr(option, "stepwise", False) or xdist.is_worker(self.config):
            return None  # these count on the order of the items
        for item, following in self._turns(session.items):
            if not self.pytest_runtest_protocol(item):  # asked first, without those who would wrap the hook
                self.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def _turns(self, items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
        """Every item, VM by VM as they come in, and an item that is still to come: what pytest goes by when it ends fixtures."""
        groups = _by_target(items)
        others = groups.pop(None, [])
        items.clear()  # those of a VM that is judged are needed no more: 50,000 of them take 150 MB
        for id_ in self.session.finished([id_ for id_ in groups if id_ is not None]):
            group = groups.pop(id_)
            after = next(iter(groups.values()), others)
            yield from zip(group, [*group[1:], after[0] if after else None], strict=True)
        yield from zip(others, [*others[1:], None], strict=False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """A check is judged, not called: it needs no fixture and no capturing, where most of pytest's time goes."""
        started, id_, check = time.time(), target_of(item), _check(item)
        if check is None and not isinstance(item, Connection):
            return None
        result, skipped = None, ""
        if isinstance(item, Connection):
            result = self.session.connection(item.target)
        elif id_ and not self.session.is_readable(id_):
            skipped = tr("{vm} could not be read", vm=id_)
        elif check and id_ and not check.is_for(self.session.system(id_)):
            skipped = tr("a check of {system} VMs", system=check.system.capitalize())
        elif check:
            result = self.session.result(check, id_)
        done = self._is_last(id_)
        # That a check is for the other system is no news.
        if result or done or not self.session.is_readable(id_ or ""):
            deployment = self.session.deployment(done) if done and xdist.is_worker(self.config) else None
            report_outcome(item, Outcome(result, skipped, done, deployment), started)
        if done:
            self.session.release(done)
        return True

    def _is_last(self, id_: str | None) -> str:
        """The VM, if this was the last of its items."""
        if id_ is None:
            return ""
        self.expected[id_] -= 1
        return "" if self.expected[id_] else id_


def _takes_every_vm(config: pytest.Config) -> bool:
    """Whether nothing on the command line selects some of the tests, and so perhaps some of the VMs."""
    option = config.option
    selects = ("collectonly", "keyword", "markexpr", "deselect", "lf", "stepwise")
    named = config.args_source is pytest.Config.ArgsSource.ARGS and not option.pyargs
    return not named and not any(getattr(option, name, None) for name in selects)


def _check(item: pytest.Item) -> Check | None:
    return item.check if isinstance(item, CheckItem) else None


def _by_target(items: list[pytest.Item]) -> dict[str | None, list[pytest.Item]]:
    groups: dict[str | None, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(target_of(item), []).append(item)
    return groups
