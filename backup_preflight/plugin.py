"""The pytest plugin: what pytest asks before there is a run. Options are in ``options``, the run in ``run`` and ``reporting``.

Installed, it is loaded into every pytest run, so it acts only on its own checks and stays silent otherwise.
"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from backup_preflight import lang, xdist
from backup_preflight.checks import PACKAGES, find_check
from backup_preflight.errors import UsageError
from backup_preflight.options import PASSWORD, add_options, directory, session_of
from backup_preflight.report import reference
from backup_preflight.report.html_plugin import take_over
from backup_preflight.reporting import HTML, Reporting
from backup_preflight.run import Run
from backup_preflight.session import SESSION
from backup_preflight.targets import password


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options; those of targets (--hosts, --sudo, --ssh-config, …) are testinfra's."""
    add_options(parser)


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
                directory("--html", report.path.parent)
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
        session = session_of(config)
    except UsageError as problem:
        # Raised from None: what was parsed may hold a password.
        raise pytest.UsageError(str(problem)) from None
    gc.freeze()  # all that was imported stays: not to be looked through again, now and five times by pytest at the end
    config.stash[SESSION] = session
    config.pluginmanager.register(Run(config, session), "preflight-run")
    config.pluginmanager.register(Reporting(config, session), "preflight-reports")
    if xdist.is_controller(config):
        config.pluginmanager.register(xdist.Controller(session), "preflight-workers")


def _ours(config: pytest.Config) -> bool:
    """Whether this run names a package of checks, or a folder that holds them."""
    for argument in config.args:
        path = Path(argument.split("::")[0])
        if any(package in {*path.parts, argument.split(".")[0]} or (path / package).is_dir() for package in PACKAGES):
            return True
    return False
