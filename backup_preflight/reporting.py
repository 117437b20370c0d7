"""What becomes of the results: they are gathered by VM, shown as each VM is done, and written in every format that was asked for."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from backup_preflight import xdist
from backup_preflight.checks import documented_order
from backup_preflight.lang import tr, trn
from backup_preflight.logs import LogCollection, Logs
from backup_preflight.report import json_report, junit
from backup_preflight.report.annotations import pipeline_lines
from backup_preflight.report.html_plugin import HtmlReport
from backup_preflight.report.message import one_line
from backup_preflight.report.progress import ProgressLine
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm, exit_code, file_order
from backup_preflight.report.terminal import TerminalReport
from backup_preflight.session import FLEET, Session
from backup_preflight.verdict import Result, Verdict

HTML = pytest.StashKey[HtmlReport]()
_CATEGORIES = {
    Verdict.ADVICE.value: ("advice", "a", ("ADVICE", {"yellow": True})),
    Verdict.WAIVED.value: ("waived", "w", ("WAIVED", {"cyan": True})),
    Verdict.UNDETERMINED.value: ("undetermined", "?", ("UNDETERMINED", {"purple": True})),
    Verdict.UNREACHABLE.value: ("unreachable", "U", ("UNREACHABLE", {"red": True})),
}

_WANTS_PASSED = set("pP")
"""Of pytest's ``-r``: it lists what has passed."""


class Reporting:
    """The hooks that take the results in and give the reports."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self.config = config
        self.session = session
        self.error = session.rules.error
        self.edition = session.rules.edition
        self.vms: dict[str, Vm] = {}
        logs, is_worker = config.option.collect_logs, xdist.is_worker(config)
        self.logs = LogCollection(Path(logs), session.forks) if logs and not is_worker else None
        self.fetched: dict[str, Logs] = {}
        self.started = datetime.now(timezone.utc)
        self.terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
        terminal = self.terminal
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

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """Advice and undetermined are counted under their own names; only -vv shows each test."""
        if (result := _result(report)) is None:
            silent = getattr(report, "preflight_check", False) and report.skipped and self.config.option.verbose <= 1
            return ("skipped", "", "") if silent else None
        category, letter, word = _CATEGORIES.get(result.verdict, (report.outcome, "", report.outcome.upper()))
        return (category, letter, word) if self.config.option.verbose > 1 else (category, "", "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result in, and show a VM as soon as its last one is there."""
        self._clear_progress()
        if result := _result(report):
            self.vms.setdefault(result.target, Vm(result.target)).add(result)
        done = self.vms.get(getattr(report, "preflight_done", ""))
        if done and self.logs and _wants_logs(done):
            self.logs.start(self.session.targets[done.id])
        if done and self.report:
            self._sort(done)
            self.report.done(done)

    @pytest.hookimpl(specname="pytest_runtest_logreport", trylast=True)
    def forget(self, report: pytest.TestReport) -> None:
        """pytest's terminal keeps every report only to count them: of a check that has passed a stand-in is enough."""
        if self.terminal and report.passed and (result := _result(report)) and not _WANTS_PASSED & set(self.terminal.reportchars):
            category, _, _ = self.pytest_report_teststatus(report) or (report.outcome, "", "")
            if counted := self.terminal.stats.get(category):
                counted[-1] = result.verdict

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Before pytest begins the line of an item."""
        self._clear_progress()

    def _clear_progress(self) -> None:
        if self.progress:
            self.progress.clear()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """The exit code, and the reports: around what pytest and the other plugins write at the end."""
        self._clear_progress()  # an interrupted run leaves it
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
        return documented_order(self.error, self.edition) if self.error else file_order()

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
