"""A real Chromium, and the accessibility checker axe-core of npm's registry."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from backup_preflight.report.html_report import render
from backup_preflight.report.run_report import RunReport
from lab.client import cache_directory
from selftests.sshd import missing, way_out

HERE = Path(__file__).parent
SIZE = {"width": 1280, "height": 900}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without its windows, which takes half the time, or as it is. Not for the session: Playwright occupies the event loop."""
    program = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
    if not program:
        missing("needs Chromium (Debian: chromium-headless-shell, or chromium)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program)
        yield found
        found.close()


class Show:
    """Opens reports, as files. What the browser complains of, and whatever it asks of the network, is in ``problems``."""

    def __init__(self, browser: Browser, directory: Path) -> None:
        self.browser, self.directory = browser, directory
        self.problems: list[str] = []

    def __call__(self, report: RunReport, state: str = "", *, setup: str = "", **context: Any) -> Page:
        """The page; ``state`` is the end of its address, ``setup`` a script that runs before those of the page."""
        file = self.directory / "report.html"
        file.write_text(render(report, self.directory), encoding="utf-8")
        page = self.browser.new_context(**{"viewport": SIZE, **context}).new_page()
        page.set_default_timeout(120_000)  # a machine may be busy
        page.add_init_script(
            setup + ";addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective, e.blockedURI))"
        )
        page.on("console", lambda message: self.problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: request.url.startswith((file.as_uri(), "data:")) or self.problems.append(request.url))
        page.goto(file.as_uri() + state)
        return page


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Opens reports; afterwards the browser must not have complained."""
    found = Show(browser, tmp_path)
    yield found
    for context in browser.contexts:
        context.close()
    assert found.problems == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, installed once as package-lock.json says."""
    npm = shutil.which("npm")
    if not npm:
        missing("needs npm (Debian: npm)")
    lock = (HERE / "package-lock.json").read_bytes()
    target = cache_directory() / f"axe-{hashlib.sha256(lock).hexdigest()[:12]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, unfinished)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            with way_out():
                done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, check=False)
            if done.returncode:
                missing(f"npm ci cannot install axe-core: {done.stderr.strip()[-500:]}")
            unfinished.rename(target)
    return (target / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
