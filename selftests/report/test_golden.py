"""What each format makes of the examples, word for word. After a change: UPDATE_GOLDEN=1, and read what changed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from backup_preflight.report import annotations, job_summary, json_report, junit
from selftests.report.runs import GOLDEN, ROOT, examples, many, on_terminal, same_as_golden

NOTHING_ELSE = '<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" tests="0" /></testsuites>'


@pytest.mark.parametrize(
    ("name", "columns", "verbose", "number"),
    [
        ("terminal.txt", None, False, 0),
        ("terminal-verbose.txt", None, True, 0),
        ("terminal-60.txt", 60, False, 0),
        ("terminal-40.txt", 40, False, 0),
        ("terminal-big.txt", None, False, 50),
        ("terminal-big-60.txt", 60, False, 50),
    ],
)
def test_terminal(
    name: str, columns: int | None, verbose: bool, number: int, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = many(number) if number else examples()
    said = on_terminal(pytestconfig, run, columns=columns, verbose=verbose, monkeypatch=monkeypatch)
    same_as_golden(name, said)


def test_json(tmp_path: Path) -> None:
    json_report.write(tmp_path / "report.json", examples())
    said = (tmp_path / "report.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(said), json.loads((ROOT / "docs/report.schema.json").read_text()))
    same_as_golden("report.json", said)


def test_junit(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(NOTHING_ELSE)
    junit.add_suites(path, examples())
    tree = ET.parse(path)
    ET.indent(tree)
    same_as_golden("junit.xml", ET.tostring(tree.getroot(), encoding="unicode") + "\n")


def test_github(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    lines = annotations.pipeline_lines(examples(), {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    same_as_golden("github.txt", "\n".join(lines) + "\n")
    same_as_golden("summary.md", summary.read_text(encoding="utf-8"))


def test_summary_of_many() -> None:
    same_as_golden("summary-big.md", job_summary.markdown(many(50)))


def test_azure(tmp_path: Path) -> None:
    *lines, upload = annotations.pipeline_lines(examples(), {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": str(tmp_path)})
    same_as_golden("azure.txt", "\n".join(lines) + "\n")
    command, path = upload.split("]", 1)
    assert command == "##vso[task.uploadsummary"
    assert Path(path).read_text(encoding="utf-8") == (GOLDEN / "summary.md").read_text(encoding="utf-8")


def test_no_pipeline_no_commands() -> None:
    assert list(annotations.pipeline_lines(examples(), {"GITHUB_ACTIONS": "", "TF_BUILD": "false"})) == []
