"""Every report in Korean: its words change, and nothing that a program reads."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backup_preflight import lang
from backup_preflight.causes import CAUSES
from backup_preflight.report import json_report, junit, reference
from backup_preflight.report.html_report import render
from backup_preflight.report.width import columns
from selftests.report.runs import ROOT, examples, many, on_terminal, run_pytest, same_as_golden
from selftests.report.test_golden import NOTHING_ELSE

TEXTS = {"headline", "waived", "waivers", "problem", "cause", "wanted", "fix", "reason", "remedy", "sentence", "lang"}
"""Keys of the JSON report that are for people, and the language itself."""


@pytest.mark.usefixtures("korean")
@pytest.mark.parametrize(
    ("name", "width", "number"), [("terminal-ko.txt", None, 0), ("terminal-60-ko.txt", 60, 0), ("terminal-big-60-ko.txt", 60, 50)]
)
def test_terminal(name: str, width: int | None, number: int, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    said = on_terminal(pytestconfig, many(number) if number else examples(), columns=width, monkeypatch=monkeypatch)
    same_as_golden(name, said)


@pytest.mark.usefixtures("korean")
def test_columns_count_a_korean_character_twice(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prose keeps within the terminal, and the table's columns stand one below the other."""
    said = on_terminal(pytestconfig, examples(), columns=70, monkeypatch=monkeypatch)
    prose = [line for line in said.splitlines() if re.search("[가-힣]", line) and "https://" not in line]
    assert prose
    assert max(map(columns, prose)) <= 70
    wide = on_terminal(pytestconfig, examples(), monkeypatch=monkeypatch).splitlines()
    head = next(place for place, line in enumerate(wide) if line.split()[:2] == ["NOINET", "LINAGENT"])
    begins = {columns(wide[head][: wide[head].index("DISKSIZE")])}
    for name, cell in (("bad-vm", "실패 1  "), ("good-vm", "정상")):
        row = next(line for line in wide[head:] if line.startswith(name))
        starts = [match.start() for match in re.finditer(f"(?:{cell.strip()}|정상)", row)]
        begins.add(columns(row[: starts[4]]))
    assert len(begins) == 1


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_texts(inner) for key, inner in value.items() if key not in TEXTS}
    return [_without_texts(inner) for inner in value] if isinstance(value, list) else value


def _json(path: Path) -> dict[str, Any]:
    json_report.write(path, examples())
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(data, json.loads((ROOT / "docs/report.schema.json").read_text()))
    return data


def test_json_says_the_language_and_only_its_texts_change(tmp_path: Path) -> None:
    english = _json(tmp_path / "en.json")
    lang.use("ko")
    try:
        korean = _json(tmp_path / "ko.json")
    finally:
        lang.use("en")
    assert (english["lang"], korean["lang"]) == ("en", "ko")
    assert _without_texts(korean) == _without_texts(english)
    assert "Azure Backup을 사용할 준비가 되지 않았습니다" in korean["sentence"]


@pytest.mark.usefixtures("korean")
def test_junit(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(NOTHING_ELSE)
    junit.add_suites(path, examples())
    failure = next(case for case in ET.parse(path).iter("testcase") if case.find("failure") is not None)
    said = failure.find("failure")
    assert said is not None
    assert said.get("message") == "bad-vm: Azure Linux 에이전트가 실행되고 있지 않습니다 (LIN-02)"
    assert said.get("type") == "fail"
    assert {item.get("name"): item.get("value") for item in failure.iter("property")}["level"] == "must"
    assert "  해결    에이전트를 시작하세요" in (said.text or "")


@pytest.mark.usefixtures("korean")
def test_list_of_errors_has_each_name_once() -> None:
    said = reference.list_errors()
    assert "UserErrorGuestAgentStatusUnavailable: VM 에이전트를 Azure Backup과 통신할 수 없음\n  2017    1. VM이 인터넷에" in said


def test_command_line(tmp_path: Path) -> None:
    """One run, from the option to the last sentence; a broken option value is a usage error; the locale does not count."""
    korean = run_pytest("--explain", "DSK-01", "--lang", "ko")
    assert "DSK-01: Azure Backup이 지원하는 크기보다 큰 디스크가 있습니다" in korean.stdout
    environment = {"LANG": "ko_KR.UTF-8", "LC_ALL": "ko_KR.UTF-8", "LANGUAGE": "ko"}
    english = run_pytest("--explain", "DSK-01", environment=environment)
    assert "DSK-01: a disk is larger than Azure Backup supports" in english.stdout
    wrong = run_pytest("--explain", "DSK-01", "--lang", "kr")
    assert wrong.returncode == 4
    assert "invalid choice: 'kr'" in wrong.stderr
    report = tmp_path / "report.json"
    done = run_pytest("--hosts=recorded://examples/bad-vm.recording", "--lang=ko", f"--json={report}", "-k", "agent_is_running")
    assert done.returncode == 1
    assert "bad-vm: Azure Linux 에이전트가 실행되고 있지 않습니다 (LIN-02)" in done.stdout
    assert json.loads(report.read_text(encoding="utf-8"))["lang"] == "ko"


class _Labels(HTMLParser):
    """What stands in headings, labels and buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.found += [value for name, value in attrs if name in {"aria-label", "placeholder", "data-text", "data-copied"} and value]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open and self._open[-1] in {"h2", "h3", "dt", "th", "button", "label", "legend", "option"}:
            self.found.append(data.strip())


@pytest.mark.usefixtures("korean")
def test_html(tmp_path: Path) -> None:
    """Headings, labels and buttons are Korean; the script still finds verdicts by their names."""
    page = render(examples(), tmp_path)
    assert '<html lang="ko">' in page
    labels = _Labels()
    labels.feed(page)
    same = {"VM", *(cause.id for cause in CAUSES)}
    assert not [text for text in labels.found if not re.search("[가-힣]", text) and text not in same]
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[0])
    assert data["verdicts"][0] == "pass"
    assert data["words"][0] == "통과"
