"""Lines fit the terminal, and columns align, whatever alphabet they are in."""

from __future__ import annotations

import io

import pytest

from backup_preflight.report.width import columns, padded, wrap
from selftests.report.runs import examples, many, on_terminal

KOREAN = "가상 머신의 에이전트가 실행되고 있지 않습니다"


@pytest.mark.parametrize("text", ["the agent is not running on this virtual machine", KOREAN])
def test_wrapped_lines_fit_and_lose_nothing(text: str) -> None:
    lines = wrap(text, 20, 16)
    assert len(lines) > 1
    assert columns(lines[0]) <= 20
    assert all(columns(line) <= 16 for line in lines[1:])
    assert " ".join(lines) == text


def test_a_long_word_stays_whole() -> None:
    assert (
        wrap("see /var/lib/waagent/history/2026/waagent_status.json now", 10, 10)[1] == "/var/lib/waagent/history/2026/waagent_status.json"
    )


def test_korean_aligns() -> None:
    assert columns(padded("가상", 8)) == columns(padded("vm", 8)) == 8


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("number", [0, 45])
def test_prose_fits_the_terminal(width: int, number: int, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is for copying, and single long words, are longer."""
    said = on_terminal(pytestconfig, many(number) if number else examples(), columns=width, monkeypatch=monkeypatch)
    for line in said.splitlines():
        if columns(line) > width:
            words = line.split()
            assert words[0] in {"sudo", "See", "Fix"} or len(words) == 1, line


def test_a_pipe_gets_whole_lines(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    said = on_terminal(pytestconfig, examples(), monkeypatch=monkeypatch)
    assert "    Wanted  the agent's daemon and its extension worker both run\n" in said


def test_colour_only_where_pytest_gives_it(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = on_terminal(pytestconfig, examples(), monkeypatch=monkeypatch)
    monkeypatch.setenv("PY_COLORS", "1")
    coloured = on_terminal(pytestconfig, examples(), monkeypatch=monkeypatch, file=io.StringIO())
    assert "\x1b" not in plain
    assert "\x1b[31m  FAIL" in coloured
