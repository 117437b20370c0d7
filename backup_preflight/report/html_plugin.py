"""``--html`` is pytest-html's option. Its own page stops being usable near 3,000 rows and keeps every test in memory, so in runs of
our checks ours is written instead: always one file. The title, the markup around the summary (``pytest_html_report_title``,
``pytest_html_results_summary``) and ``--css`` work as pytest-html documents them; tests that are not ours stand in a table.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from backup_preflight.errors import UsageError
from backup_preflight.report.files import write_whole
from backup_preflight.report.html_report import Extras, OtherTest, render
from backup_preflight.report.run_report import RunReport

_OUTCOMES = {"passed": 0, "skipped": 1, "failed": 2}
_LONGEST = 20_000
"""Characters kept of what a test of somebody else's has said."""


def take_over(config: pytest.Config) -> HtmlReport | None:
    """The report that --html asks for, if it does; pytest-html then makes none. Raises UsageError."""
    path = config.getoption("htmlpath", None)
    if not path:
        return None
    config.option.htmlpath = None
    file = _expanded(path)
    if file.is_dir():
        raise UsageError(f"--html: {file} is a directory: name a file")
    return HtmlReport(config, file, "".join(_css(_expanded(name)) for name in config.option.css))


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser().absolute()


def _css(path: Path) -> str:
    try:
        return "\n" + path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"--css: {path}: {getattr(error, 'strerror', None) or 'no text in UTF-8'}") from None


class HtmlReport:
    """The hooks that gather what is not in the run report. ``write`` makes the file."""

    def __init__(self, config: pytest.Config, path: Path, css: str) -> None:
        self.path = path
        self.title = Extras.title
        """May be set by ``pytest_html_report_title``."""
        self._config = config
        self._css = css
        self._others: dict[str, OtherTest] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Let conftest.py name the page."""
        self._config.hook.pytest_html_report_title(report=self)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one line of each test that is not ours: its worst phase."""
        if not getattr(report, "preflight_check", False):
            self._add(report, report.duration)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read is a result."""
        if report.failed:
            self._add(report, 0.0)

    def _add(self, report: pytest.TestReport | pytest.CollectReport, seconds: float) -> None:
        before = self._others.get(report.nodeid, OtherTest(report.nodeid, "passed", 0.0, ""))
        worst = max(before.outcome, report.outcome, key=lambda outcome: _OUTCOMES.get(outcome, 0))
        text = "\n".join(filter(None, [before.text, report.longreprtext]))[:_LONGEST]
        self._others[report.nodeid] = OtherTest(report.nodeid, worst, before.seconds + seconds, text)

    def write(self, report: RunReport, session: pytest.Session) -> None:
        """Write the page. Raises OSError."""
        extras = Extras(self.title, self._css)
        added: dict[str, Any] = {"prefix": extras.prefix, "summary": extras.summary, "postfix": extras.postfix}
        self._config.hook.pytest_html_results_summary(**added, session=session)
        page = render(report, self.path.parent, list(self._others.values()), extras)
        write_whole(self.path, [page])
