"""The pytest plugin: options and hooks. What they do is done elsewhere.

Installed, it is loaded into every pytest run, so it acts only on its own checks and stays silent otherwise.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from backup_preflight import lang, shard, xdist
from backup_preflight.causes import Edition, find_error
from backup_preflight.checks import PACKAGES, Check, catalogue, check_of, find_check
from backup_preflight.collect.forks import FORKS, forks
from backup_preflight.errors import UsageError
from backup_preflight.lang import LANGUAGES, tr, trn
from backup_preflight.logs import LogCollection, Logs
from backup_preflight.protocol import Connection, Outcome, report_outcome, target_of
from backup_preflight.report import json_report, junit, reference
from backup_preflight.report.annotations import pipeline_lines
from backup_preflight.report.html_plugin import HtmlReport, take_over
from backup_preflight.report.message import one_line
from backup_preflight.report.progress import ProgressLine
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm, exit_code, file_order
from backup_preflight.report.terminal import TerminalReport
from backup_preflight.session import FLEET, SESSION, Session
from backup_preflight.targets import PASSWORD_VARIABLE, Options, expand, password, register_backends
from backup_preflight.targets.secret import Secret
from backup_preflight.verdict import Result, Rules, Verdict
from backup_preflight.waivers import Waivers, load_waivers

PASSWORD = pytest.StashKey[Secret | None]()
HTML = pytest.StashKey[HtmlReport]()
_CATEGORIES = {
    Verdict.ADVICE.value: ("advice", "a", ("ADVICE", {"yellow": True})),
    Verdict.WAIVED.value: ("waived", "w", ("WAIVED", {"cyan": True})),
    Verdict.UNDETERMINED.value: ("undetermined", "?", ("UNDETERMINED", {"purple": True})),
    Verdict.UNREACHABLE.value: ("unreachable", "U", ("UNREACHABLE", {"red": True})),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options; those of targets (--hosts, --sudo, --ssh-config, …) are testinfra's."""
    group = parser.getgroup("azure-backup-preflight", "Azure Backup preflight")
    group.addoption(
        "--edition", choices=[edition.value for edition in Edition], default="current", help="judge by the 2017 page or today's"
    )
    group.addoption(
        "--lang", choices=LANGUAGES, default="en", help="language of the findings and reports (default en); the locale does not count"
    )
    group.addoption("--fail-on-advice", action="store_true", help="advice fails the run too")
    group.addoption("--allow-undetermined", action="store_true", help="exit 0 although something could not be seen")
    group.addoption(
        "--waivers", metavar="FILE", help="findings that are accepted until a day, as TOML; they are shown and do not fail the run"
    )
    group.addoption("--error", metavar="TEXT", help="only the causes of this error: a code, or (part of) its heading, English or Korean")
    group.addoption("--list-errors", action="store_true", help="list the errors with their causes, and exit")
    group.addoption("--explain", nargs="?", const="", metavar="ID", help="explain a check (without ID: list them), and exit")
    group.addoption("--record", metavar="DIR", help="keep what was read of each VM, for recorded://DIR")
    group.addoption("--collect-logs", metavar="DIR", help="fetch the agent's logs of VMs with findings, secrets masked")
    group.addoption("--json", metavar="FILE", help="write every result as JSON")
    group.addoption(
        "--storage-endpoint", action="append", default=[], metavar="HOST", help="a storage host the VMs shall reach; repeatable"
    )
    group.addoption("--accept-new-host-keys", action="store_true", help="accept keys of unknown hosts; a changed key is still refused")
    group.addoption("--ask-pass", action="store_true", help=f"ask for the password of winrm:// entries (or set {PASSWORD_VARIABLE})")
    group.addoption("--shard", metavar="I/N", help="only part I of N of the VMs, such as 2/5: for N jobs side by side")
    group.addoption(
        "--forks", type=int, metavar="N", help=f"read at most N VMs at a time (default {FORKS}; fewer where ulimit -n allows no more)"
    )


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """``--explain`` and ``--list-errors`` need no VM. Before any plugin starts a program, the environment loses its password."""
    if _ours(config):
        config.stash[PASSWORD] = password.take()
    lang.use(config.option.lang)
    try:
        if config.option.explain is not None:
            text = reference.explain(find_check(config.option.explain)) if config.option.explain else reference.list_checks()
        elif config.option.list_errors:
            text = reference.list_errors()
        else:
            return None
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    print(text)  # noqa: T201  (the answer itself)
    return 0


@pytest.hookimpl(specname="pytest_configure", tryfirst=True)
def pytest_configure_html(config: pytest.Config) -> None:
    """Before pytest-html begins with a page of its own. Raises pytest.UsageError."""
    if not xdist.is_worker(config) and _ours(config):
        try:
            report = take_over(config)
            if report:
                _directory("--html", report.path.parent)
                config.stash[HTML] = report
                config.pluginmanager.register(report, "preflight-html")
        except UsageError as problem:
            raise pytest.UsageError(str(problem)) from None


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the targets apart before any work, so that bad input is one line. Raises pytest.UsageError."""
    if config.option.help or config.option.version or not _ours(config):
        return
    lang.use(config.option.lang)
    try:
        session = _session(config)
    except UsageError as problem:
        # Raised from None: what was parsed may hold a password.
        raise pytest.UsageError(str(problem)) from None
    config.stash[SESSION] = session
    run = Run(config, session)
    config.pluginmanager.register(run, "preflight-run")
    if xdist.is_controller(config):
        config.pluginmanager.register(xdist.Controller(run), "preflight-workers")


def _ours(config: pytest.Config) -> bool:
    """Whether this run names a package of checks, or a folder that holds them."""
    for argument in config.args:
        path = Path(argument.split("::")[0])
        if any(package in {*path.parts, argument.split(".")[0]} or (path / package).is_dir() for package in PACKAGES):
            return True
    return False


def _session(config: pytest.Config) -> Session:
    option = config.option
    rules = Rules(Edition(option.edition), find_error(option.error) if option.error else None)
    record = _directory("--record", Path(option.record)) if option.record else None
    waivers = load_waivers(Path(option.waivers)) if option.waivers else Waivers()
    register_backends()
    password.forbid_core_files()
    if share := xdist.share_of(config):
        return Session(share.targets, [], rules, share.forks, record, waivers)
    number, remarks = forks(option.forks)
    part = shard.parse(option.shard) if option.shard else None
    targets, notes = expand(
        Options(
            hosts=option.hosts,
            connection=option.connection,
            ssh_config=option.ssh_config,
            ssh_identity_file=option.ssh_identity_file,
            sudo=option.sudo,
            sudo_user=option.sudo_user,
            ansible_inventory=option.ansible_inventory,
            force_ansible=option.force_ansible,
            accept_new_host_keys=option.accept_new_host_keys,
            storage_endpoints=tuple(option.storage_endpoint),
            password=_password(config),
        )
    )
    if option.collect_logs:
        _directory("--collect-logs", Path(option.collect_logs))
    if option.json:
        _directory("--json", Path(option.json).parent)
    return Session(targets, [*notes, *remarks], rules, number, record, waivers, part)


def _password(config: pytest.Config) -> Secret | None:
    """For the ``winrm://`` entries without one: typed in, else what the environment held. Raises UsageError."""
    return password.ask() if config.option.ask_pass else config.stash.get(PASSWORD, None)


def _directory(name: str, path: Path) -> Path:
    """The directory, made if it is not there, before hours of reading come to nothing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{name}: {path}: {error.strerror}: give a place that you may write to") from None
    return path


class Run:
    """The hooks of a run that has checks in it."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self.config = config
        self.session = session
        self.error = session.rules.error
        self.edition = session.rules.edition
        self.vms: dict[str, Vm] = {}
        self.expected: dict[str, int] = {}
        logs, is_worker = config.option.collect_logs, xdist.is_worker(config)
        self.logs = LogCollection(Path(logs), session.forks) if logs and not is_worker else None
        self.fetched: dict[str, Logs] = {}
        self.started = datetime.now(timezone.utc)
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        self.report = TerminalReport(terminal, len(session.targets), verbose=config.option.verbose > 0) if terminal else None
        self.junit = junit.keep_ours_out(config)
        self.progress: ProgressLine | None = None
        if self.report and self.report.screen.is_terminal and config.option.verbose >= 0:
            self.progress = ProgressLine(self.report.screen)
            session.on_wait(self.progress.show)
        if terminal and config.option.verbose <= 1:
            terminal.showfspath = False

    def pytest_report_header(self) -> list[str]:
        """What is about to happen; the notes are about the input."""
        count = len(self.session.targets)
        begin = trn(
            "azure backup preflight: {number} VM, edition {edition}; reads only, changes nothing",
            "azure backup preflight: {number} VMs, edition {edition}; reads only, changes nothing",
            count,
            edition=self.edition.value,
        )
        if part := self.session.shard:
            begin = tr(
                "azure backup preflight: shard {shard}: {number} of {all} VMs, edition {edition}; reads only, changes nothing",
                shard=part,
                number=count,
                all=self.session.every,
                edition=self.edition.value,
            )
        return [begin, *(tr("note: {note}", note=one_line(note)) for note in self.session.notes)]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test per VM."""
        if "target" in metafunc.fixturenames and metafunc.module.__name__.split(".")[0] in PACKAGES:
            check = check_of(metafunc.function)
            targets = [each for each in self.session.targets.values() if not (check and each.system) or check.is_for(each.system)]
            metafunc.parametrize("target", targets, ids=[each.id for each in targets], scope="session", indirect=True)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """VM by VM, each after its connection; with ``--error`` its causes only, in the documented order."""
        if self.error:
            wanted = self._steps()
            kept = [item for item in items if (check := _check(item)) and check.id in wanted]
            self.config.hook.pytest_deselected(items=[item for item in items if item not in kept])
            items[:] = sorted(kept, key=lambda item: wanted[_check(item).id])  # type: ignore[union-attr]
        groups = _by_target(items)
        # What pytest makes of a check that none of the VMs is for.
        groups[None] = [item for item in groups.get(None, []) if "target" not in getattr(item, "fixturenames", ())]
        items.clear()
        for id_ in self.session.targets:
            if group := groups.get(id_):
                name = f"connection[{id_}]"
                items += [Connection.from_parent(session, name=name, nodeid=f"preflight::{name}", target=id_), *group]
                self.expected[id_] = 1 + sum(_check(item) is not None for item in group)
        if not self.session.targets:
            groups[None] = [item for item in groups[None] if not _check(item)]
        if xdist.is_worker(self.config):
            items[:0] = groups[None]  # the controller sees by its connection where each VM begins
        else:
            items += groups[None]

    def _steps(self) -> dict[str, int]:
        """Check id → its place in the documented order of the error's causes."""
        if self.error is None:
            return {}
        checks = [catalogue()[id_] for id_ in self.error.checks]
        for cause in self.error.causes(self.edition):
            checks += [check for check in catalogue().values() if cause in check.causes]
        return {check.id: place for place, check in reversed(list(enumerate(checks)))}

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
        for id_ in self.session.finished([id_ for id_ in groups if id_ is not None]):
            if self.progress:
                self.progress.clear()
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

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """Advice and undetermined are counted under their own names; only -vv shows each test."""
        if (result := _result(report)) is None:
            silent = getattr(report, "preflight_check", False) and report.skipped and self.config.option.verbose <= 1
            return ("skipped", "", "") if silent else None
        category, letter, word = _CATEGORIES.get(result.verdict, (report.outcome, "", report.outcome.upper()))
        return (category, letter, word) if self.config.option.verbose > 1 else (category, "", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result in, and show a VM as soon as its last one is there."""
        if result := _result(report):
            self.vms.setdefault(result.target, Vm(result.target)).add(result)
        done = self.vms.get(getattr(report, "preflight_done", ""))
        if done and self.logs and _wants_logs(done):
            self.logs.start(self.session.targets[done.id])
        if done and self.report:
            self._sort(done)
            self.report.done(done)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """The exit code, and the reports: around what pytest and the other plugins write at the end."""
        if self.progress:
            self.progress.clear()  # an interrupted run leaves it
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not self.session.targets:
            session.exitstatus = pytest.ExitCode.OK  # a shard with no VM in it: nothing to do is no failure of the job
        results = [result for vm in self.vms.values() for result in vm.results]
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            option = self.config.option
            code = exit_code(results, strict=option.fail_on_advice, allow_undetermined=option.allow_undetermined)
            foreign = _foreign_failures(session, results)
            session.exitstatus = code or (exitstatus if foreign else 0)
            if not foreign:
                # The report has said it all; pytest's own list would say it again, in quadratic time.
                self.config.option.tbstyle = "no"
                if self.report:
                    self.report.hush()
        if self.logs:
            self.fetched = self.logs.finish(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)
        self.session.close()
        if xdist.is_worker(self.config):
            return (yield)
        self.outcome = self._run_report(int(session.exitstatus))
        outcome = yield
        problems = self._write(self.outcome, session)
        if problems:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        if self.report and self.vms and not self.config.option.collectonly:
            self.report.close(self.outcome, problems)
        return outcome

    def _run_report(self, exit_code: int) -> RunReport:
        for target in self.session.targets:
            self.vms.setdefault(target, Vm(target))  # an interrupted run has not come to every VM
        order = {id_: place for place, id_ in enumerate(self.session.targets)}
        vms = sorted(self.vms.values(), key=lambda vm: order.get(vm.id, len(order)))
        for vm in vms:
            self._sort(vm)
        option = self.config.option
        return RunReport(
            vms=tuple(vms),
            edition=self.edition,
            exit_code=exit_code,
            started=self.started,
            seconds=(datetime.now(timezone.utc) - self.started).total_seconds(),
            error=self.error,
            notes=tuple(self.session.notes),
            waivers=self.session.waivers,
            logs=self.fetched,
            strict=option.fail_on_advice,
            allow_undetermined=option.allow_undetermined,
        )

    def _sort(self, vm: Vm) -> None:
        """Put the results in one order, in whatever they came: that of the error's causes, else as the checks stand in the files."""
        vm.results.sort(key=lambda result: self._order.get(result.check, -1))

    @functools.cached_property
    def _order(self) -> dict[str, int]:
        return self._steps() or file_order()

    def _write(self, report: RunReport, session: pytest.Session) -> list[str]:
        """Every format that was asked for. What could not be written, and why."""
        problems: list[str] = []
        if html := self.config.stash.get(HTML, None):
            with _noted(f"--html={html.path}", problems):
                html.write(report, session)
                if self.report:
                    self.report.screen.line(tr("HTML report: {address}", address=html.path.as_uri()))
        if target := self.config.option.json:
            with _noted(f"--json={target}", problems):
                json_report.write(Path(target), report)
        if self.junit:
            with _noted(f"--junitxml={self.junit}", problems):
                junit.add_suites(self.junit, report)
        if self.report:
            with _noted(tr("the pipeline's summary"), problems):
                for line in pipeline_lines(report):
                    self.report.screen.command(line)
        return problems

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What the findings come to."""
        if not self.session.targets:
            nothing = tr(
                "Shard {shard} holds none of the {all} VMs of this run: nothing to do.", shard=self.session.shard, all=self.session.every
            )
            terminalreporter.write_line(nothing, bold=True)
        if self.report and self.vms and not self.config.option.collectonly:
            self.report.finish(self.outcome)


@contextlib.contextmanager
def _noted(name: str, problems: list[str]) -> Iterator[None]:
    """What cannot be written does not keep the other reports from being written."""
    try:
        yield
    except OSError as error:
        problems.append(tr("{what} could not be written: {why}", what=name, why=error.strerror))


def _takes_every_vm(config: pytest.Config) -> bool:
    """Whether nothing on the command line selects some of the tests, and so perhaps some of the VMs."""
    option = config.option
    selects = ("collectonly", "keyword", "markexpr", "deselect", "lf", "stepwise")
    named = config.args_source is pytest.Config.ArgsSource.ARGS and not option.pyargs
    return not named and not any(getattr(option, name, None) for name in selects)


def _check(item: pytest.Item) -> Check | None:
    return check_of(getattr(item, "function", None))


def _by_target(items: list[pytest.Item]) -> dict[str | None, list[pytest.Item]]:
    groups: dict[str | None, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(target_of(item), []).append(item)
    return groups


def _result(report: pytest.TestReport) -> Result | None:
    found = getattr(report, "preflight", None)
    return Result.from_data(found) if isinstance(found, dict) else found


def _wants_logs(vm: Vm) -> bool:
    """Whether somebody will look into this VM: it could be read, and something was found."""
    return vm.id != FLEET and not vm.of(Verdict.UNREACHABLE) and any(result.is_finding for result in vm.results)


def _foreign_failures(session: pytest.Session, results: list[Result]) -> bool:
    """Whether a test that is no check of ours has failed."""
    ours = {Verdict.FAIL.value, Verdict.CRASH.value, Verdict.UNDETERMINED.value, Verdict.UNREACHABLE.value}
    return session.testsfailed > sum(result.verdict in ours for result in results)
