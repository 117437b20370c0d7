"""Every check comes to each of its verdicts, and says it in words an administrator can act on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import Level, catalogue
from backup_preflight.report.message import render
from selftests.checks import cases_agent, cases_backup, cases_network, cases_windows, cases_windows_network
from selftests.checks.case import ADVICE, FAIL, NOT_APPLICABLE, PASS, UNDETERMINED, Case

CASES: list[Case] = cases_agent.CASES + cases_backup.CASES + cases_network.CASES + cases_windows.CASES + cases_windows_network.CASES
GOLDEN = Path(__file__).with_name("golden")
CHECKS = sorted(catalogue())


def _names() -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for case in CASES:
        name = f"{case.check_id}-{case.verdict}"
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name}-{seen[name]}")
    return names


def _first_findings() -> dict[str, Case]:
    """The text's name → the case; a check for both systems has a text for Windows too."""
    found: dict[str, Case] = {}
    for case in CASES:
        if case.verdict in {FAIL, ADVICE}:
            on_windows = case.system == "windows" and catalogue()[case.check_id].system == ""
            found.setdefault(f"{case.check_id}-windows" if on_windows else case.check_id, case)
    return found


FINDINGS = _first_findings()


@pytest.mark.parametrize("case", CASES, ids=_names())
def test_verdict(case: Case) -> None:
    result = case.result()
    said = f"{result.found} {result.reason}"
    assert (result.verdict, result.check) == (case.verdict, case.check_id), said
    assert case.says in said


@pytest.mark.parametrize("check_id", CHECKS)
def test_every_verdict_has_a_case(check_id: str) -> None:
    levels = catalogue()[check_id].levels
    worst = FAIL if Level.MUST in levels.values() else ADVICE
    there = {case.verdict for case in CASES if case.check_id == check_id}
    for verdict in (PASS, worst, UNDETERMINED, NOT_APPLICABLE):
        assert verdict in there, verdict


@pytest.mark.parametrize("check_id", CHECKS)
def test_the_record_is_complete(check_id: str) -> None:
    check = catalogue()[check_id]
    assert set(check.levels) == set(Edition)
    assert check.causes
    assert check.reads
    assert check.fix.endswith((".", ".)"))
    assert check.title != check.id
    for sentence in (check.title, check.problem):
        assert sentence[0].islower() or sentence.split()[0].isupper() or "." in sentence.split()[0] or sentence.split()[0] in NAMES
        assert not sentence.endswith(".")
    assert all(id_ in catalogue() for id_ in check.after)


NAMES = {"Provisioning.Agent", "CPU", "Programs", "Windows", "Local"}
"""Words that a title may begin with although they have a capital."""


@pytest.mark.parametrize("check_id", CHECKS)
def test_a_finding_has_its_six_parts(check_id: str) -> None:
    for case in CASES:
        if case.check_id == check_id and case.verdict in {FAIL, ADVICE}:
            result = case.result()
            for part in (result.cause, result.found, result.wanted, result.fix, result.link, result.page_date, result.headline):
                assert part.strip(), result
            assert check_id in result.headline
            assert result.link.startswith("https://")
            assert all(command.strip() == command and "\n" not in command for command in result.commands)


@pytest.mark.parametrize("check_id", CHECKS)
def test_what_cannot_be_told_says_why_and_what_would_help(check_id: str) -> None:
    for case in CASES:
        if case.check_id == check_id and case.verdict == UNDETERMINED:
            result = case.result()
            assert result.reason
            assert result.remedy


@pytest.mark.parametrize("name", sorted(FINDINGS))
def test_text_of_a_finding(name: str) -> None:
    """Regenerate with UPDATE_GOLDEN=1, and read what changed."""
    said = render(FINDINGS[name].result()).rstrip("\n") + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(said)
    assert path.read_text() == said


def test_no_text_of_a_check_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(FINDINGS) >= set(CHECKS)
