"""``--html`` as users call it: one file through pytest-html's option, whatever else runs, and however the run ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backup_preflight.report.html_report import render
from selftests.report.browser.runs import fleet
from selftests.test_command_line import ROOT, run

BAD = "--hosts=recorded://examples/bad-vm.recording"


def test_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    done = run(BAD, f"--html={tmp_path / 'new' / 'report.html'}")
    assert done.returncode == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]
    assert f"HTML report: {(tmp_path / 'new/report.html').as_uri()}" in done.stdout
    page = (tmp_path / "new/report.html").read_text()
    assert "bad-vm is not ready for Azure Backup: 3 to mend; start with LIN-02." in page
    assert "sudo systemctl restart walinuxagent.service" in page


def test_nothing_in_it_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    run(BAD, f"--html={tmp_path / 'report.html'}")
    page = (tmp_path / "report.html").read_text()
    assert re.search(r"default-src &#39;none&#39;; style-src &#39;sha256-\S{44}&#39;; script-src &#39;sha256-\S{44}&#39;;", page)
    assert not re.search(r"(?i)<(script|img|iframe|object|embed|link)\b[^>]*\b(src|href)=(?!\"data:,\")", page)
    assert not re.search(r"(?i)@import|url\(|\bstyle=|\son\w+=", page)


def test_tests_that_are_not_ours_stand_in_a_table(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "@pytest.mark.parametrize('value', ['<script>alert(1)</script>'])\n"
        "def test_bad(value): assert value == 'x'\n"
    )
    (tmp_path / "test_broken.py").write_text("import no_such_module\n")
    done = run(BAD, "tests_linux", str(tmp_path), f"--html={tmp_path / 'r.html'}", "--continue-on-collection-errors")
    page = (tmp_path / "r.html").read_text()
    table = page[page.index("Other tests of this run") :]
    assert done.returncode == 1
    assert "test_other.py::test_good" in table
    assert "&lt;script&gt;alert(1)" in table
    assert "No module named &#39;no_such_module&#39;" in table
    assert "<script>alert(1)" not in page
    assert "the Azure Linux agent is not running" in page


def test_pytest_htmls_hooks_and_css_work(tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text(
        "def pytest_html_report_title(report):\n    report.title = 'Build 42'\n"
        "def pytest_html_results_summary(prefix):\n    prefix.append('<p>of <b>main</b></p>')\n"
    )
    (tmp_path / "brand.css").write_text("h1 { color: teal }\n")
    done = run("-p", "hooks", BAD, f"--html={tmp_path / 'r.html'}", f"--css={tmp_path / 'brand.css'}", path=tmp_path)
    assert done.returncode == 1, done.stderr
    page = (tmp_path / "r.html").read_text()
    assert "<h1>Build 42</h1>" in page
    assert "<p>of <b>main</b></p>" in page
    assert "h1 { color: teal }" in page


def test_an_interrupted_run_says_what_it_knows(tmp_path: Path) -> None:
    (tmp_path / "interrupting.py").write_text(
        "seen = []\ndef pytest_runtest_logreport(report):\n    seen.append(report)\n    if len(seen) > 150:\n"
        "        raise KeyboardInterrupt\n"
    )
    done = run("-p", "interrupting", "--hosts=recorded://examples", f"--html={tmp_path / 'r.html'}", path=tmp_path)
    assert done.returncode == 2
    page = (tmp_path / "r.html").read_text()
    assert "exit code 2" in page
    assert '"id":"unprivileged"' in page


def test_it_is_written_once_under_xdist(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    done = run(BAD, "-n2", f"--html={tmp_path / 'r.html'}", "-p", "xdist")
    assert done.returncode == 1, done.stdout
    assert "bad-vm is not ready for Azure Backup: 3 to mend; start with LIN-02." in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--html=examples"], "examples is a directory: name a file"),
        (["--html=README.md/r.html"], "give a place that you may write to"),
        (["--html=r.html", "--css=no-such.css"], "--css: "),
    ],
)
def test_bad_input_is_one_line_and_exit_4(arguments: list[str], said: str) -> None:
    done = run(BAD, *arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (ROOT / "r.html").exists()


def test_runs_of_others_keep_pytest_htmls_page(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_good(): pass\n")
    run("--html=r.html", cwd=tmp_path)
    assert "pytest-html" in (tmp_path / "r.html").read_text()


def test_every_text_is_there_once() -> None:
    """Twice the VMs with the same findings cost little."""
    small, big = (len(render(fleet(count), Path()).encode()) for count in (300, 600))
    assert big - small < 300 * 600
