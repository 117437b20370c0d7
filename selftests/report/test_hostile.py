"""VMs that mean ill: whatever they say, no format breaks, and nothing of it steers a terminal, a browser or a pipeline."""

from __future__ import annotations

import html
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from backup_preflight.report import annotations, job_summary, json_report, junit
from backup_preflight.report.message import one_line, printable, render
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm
from backup_preflight.verdict import Result, Verdict
from selftests.report.runs import ROOT, on_terminal, report, run_pytest
from selftests.report.test_golden import NOTHING_ELSE

VALUES = {
    "ansi": "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "quotes": "\"'`$(reboot)`\\",
    "long": "A" * (1 << 20),
    "right to left": "\u202egnp.exe\u2066\u200f\u061c",
    "control": "".join(map(chr, [*range(32), *range(127, 160)])),
    "cdata": "]]>&amp;<![CDATA[",
    "xml": "\ufffe\uffff\udfff\ud800",
    "github": "\n::error title=x::injected\n  ::add-mask::x\n::stop-commands::x\r::set-output name=x::y",
    "azure": "\n##vso[task.setvariable variable=PATH]x\n##[error]x ##VSO[task.complete result=Succeeded;]",
    "markdown": "|x|\n# heading\n```\n[link](https://evil.example) https://evil.example www.evil.example @all **b** <!-- -->\n</details>",
    "percent": "%0A%0D%25%AZP25%3A",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "korean": "\uac00\uc0c1 \uba38\uc2e0 \uc774\ub984 " * 20,
    "empty": "",
}


def hostile(value: str) -> RunReport:
    """A run in which every text of every verdict is this one, even the VM's name."""
    vm = Vm(f"vm{value[:300]}", description=value, system="linux")
    for verdict in Verdict:
        vm.results.append(
            Result(
                target=vm.id,
                check="LIN-02",
                verdict=verdict.value,
                problem=value,
                causes=("LINAGENT",),
                cause=value,
                level="must",
                found=value,
                wanted=value,
                fix=value,
                commands=(value, value),
                reason=value,
                remedy=value,
                link="https://learn.microsoft.com/",
                page_date="2025-11-12",
            )
        )
    return report(vm)


HOSTILE = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)


def is_command(line: str) -> bool:
    """Whether GitHub's runner or the agent of Azure Pipelines would do something with a line of the log."""
    return line.strip().startswith("::") or "##[" in line or "##vso[" in line.casefold()


@HOSTILE
@pytest.mark.parametrize("columns", [None, 40])
@pytest.mark.parametrize("verbose", [False, True])
def test_terminal(value: str, columns: int | None, verbose: bool, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    said = on_terminal(pytestconfig, hostile(value), columns=columns, verbose=verbose, monkeypatch=monkeypatch)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\u2066\ud800-\udfff]", said)
    assert not [line for line in said.split("\n") if is_command(line)]
    assert max(map(len, said.split("\n"))) < 10_000
    assert said.rstrip().split("\n")[-1].strip()


@HOSTILE
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_windows_console(value: str, encoding: str, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a console cannot show becomes an escape; lines stay lines."""
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr("sys.stdout", written)
    said = on_terminal(pytestconfig, hostile(value), file=written, monkeypatch=monkeypatch)
    assert "\n  FAIL  " in said


@HOSTILE
def test_junit(value: str, tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(NOTHING_ELSE)
    run = hostile(value)
    junit.add_suites(path, run)
    (suite,) = ET.parse(path).getroot()
    cases = suite.findall("testcase")
    assert len(cases) == len(Verdict)
    failure = next(case.find("failure") for case in cases if case.find("failure") is not None)
    assert failure is not None
    assert failure.text == render(run.vms[0].of(Verdict.FAIL)[0])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]", path.read_text(encoding="utf-8"))


@HOSTILE
def test_json(value: str, tmp_path: Path) -> None:
    """The only format that keeps a value as it is."""
    path = tmp_path / "report.json"
    json_report.write(path, hostile(value))
    said = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(said, json.loads((ROOT / "docs/report.schema.json").read_text()))
    assert said["vms"][0]["results"][0]["found"] == value


@HOSTILE
def test_github(value: str, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    lines = list(annotations.pipeline_lines(hostile(value), {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}))
    for line in lines:
        assert "\n" not in line
        assert "\r" not in line
        command = re.fullmatch(r"::(error|warning|notice) title=([^:,]*)::(.*)", line)
        assert command, line
        assert len(line.encode()) < 16_000
    assert summary.stat().st_size <= job_summary.LARGEST


@HOSTILE
def test_azure(value: str, tmp_path: Path) -> None:
    for line in annotations.pipeline_lines(hostile(value), {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": str(tmp_path)}):
        assert "\n" not in line
        assert "\r" not in line
        command = re.fullmatch(r"##vso\[task\.(?:logissue type=(?:error|warning)|uploadsummary)\](.*)", line)
        assert command, line
        assert "##vso[" not in command[1]
        assert "]" not in command[1]


@HOSTILE
def test_summary(value: str) -> None:
    """No tag but our own two, no link but Microsoft's, no heading but ours; a fence holds its commands."""
    said = job_summary.markdown(hostile(value))
    prose = re.sub(r"^(`{3,})sh\n.*?\n\1$", "", said, flags=re.DOTALL | re.MULTILINE)
    tags = set(re.findall(r"<[^>]*>", prose))
    assert tags <= {"<details>", "</details>", "<summary>", "</summary>", "<https://learn.microsoft.com/>"}
    assert re.findall(r"^#.*", prose, flags=re.MULTILINE) == ["## Azure Backup preflight"]
    assert "](" not in prose
    assert not re.search(r"https?://(?!learn\.microsoft\.com/)|www\.|@", prose)
    rows = [line for line in prose.split("\n") if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    shown = html.unescape(prose)
    assert one_line(value[:100]) in shown


def test_a_summary_of_very_many_findings_fits() -> None:
    results = [Result("vm", "LIN-02", "fail", problem=f"problem {number}", found="x" * 5000) for number in range(500)]
    said = job_summary.markdown(report(Vm("vm", results=results)))
    assert len(said.encode()) <= job_summary.LARGEST
    assert "more parts do not fit in here" in said


@pytest.mark.parametrize(("level", "word"), [("error", "::error "), ("notice", "::notice ")])
def test_only_as_many_annotations_as_are_shown(level: str, word: str) -> None:
    verdict = {"error": "fail", "notice": "advice"}[level]
    results = [Result("vm", "LIN-02", verdict, problem=f"problem {number}", fix="Mend it.") for number in range(12)]
    lines = list(annotations.pipeline_lines(report(Vm("vm", results=results)), {"GITHUB_ACTIONS": "true"}))
    assert len(lines) == 10
    assert all(line.startswith(word) for line in lines)
    assert "3 more findings of this kind" in lines[-1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", "\\x3a:error::x"),
        ("  ::error::x", "  \\x3a:error::x"),
        ("fd00::4 is fine", "fd00::4 is fine"),
        ("a ##vso[x]", "a \\x23#vso[x]"),
        ("##[error]", "\\x23#[error]"),
        ("###[x]", "#\\x23#[x]"),
        ("a\x1b[0m\u202eb\ud800", "a\\x1b[0m\\u202eb\\ud800"),
        ("# heading ## two", "# heading ## two"),
    ],
)
def test_what_is_made_visible(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_a_recording_that_means_ill(tmp_path: Path) -> None:
    """From the bytes of a VM to every format, as users run it."""
    good = (ROOT / "examples/bad-vm.recording").read_bytes()
    evil = good.replace(b'{"target": "bad-vm"', b'{"target": "::error::x\\n##vso[task.complete]<b>"')
    evil = evil.replace(b"Debian GNU/Linux 12 (bookworm)", b"\n::error::os ##vso[task.complete]</script>]]>\x1b[2J".replace(b"\n", b" "))
    evil = evil.replace(b"DHCP=no", b"DHCP=no\n::warning::x")
    (tmp_path / "evil.recording").write_bytes(evil)
    summary = tmp_path / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    outputs = [f"--junitxml={tmp_path / 'j.xml'}", f"--json={tmp_path / 'j.json'}"]
    done = run_pytest(f"--hosts=recorded://{tmp_path}", "-vv", *outputs, environment=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    commands = [line for line in done.stdout.splitlines() if is_command(line)]
    assert len(commands) == 3
    assert all(line.startswith("::error title=") for line in commands)
    assert "\x1b" not in done.stdout
    ET.parse(tmp_path / "j.xml")
    assert json.loads((tmp_path / "j.json").read_text())["exit_code"] == 1
    assert "<script" not in summary.read_text()
