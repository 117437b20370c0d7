"""Every statement of the 2017 page is answered by something that exists."""

from __future__ import annotations

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import Level, catalogue
from backup_preflight.report.portal import notes
from backup_preflight.statements import STATEMENTS, Statement
from selftests.checks import cases_windows, cases_windows_network


def test_no_statement_is_missing() -> None:
    assert [statement.id for statement in STATEMENTS] == [f"S-{number:02}" for number in range(1, 37)]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.id)
def test_its_answer_exists(statement: Statement) -> None:
    assert statement.answers or statement.portal
    assert catalogue().keys() >= set(statement.answers)
    portal = " ".join(notes(None))
    assert all(f"({id_})" in portal for id_ in statement.portal)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.id)
def test_the_2017_edition_judges_by_it(statement: Statement) -> None:
    checks = [catalogue()[id_] for id_ in statement.answers]
    assert not checks or any(check.levels[Edition.Y2017] is not Level.OFF for check in checks)


@pytest.mark.parametrize(
    ("check_id", "words"),
    [
        ("WIN-01", ("LinkID=394789", "as an administrator", "services.msc", "Backup now")),
        ("WIN-03", ("Programs and Features", "newest MSI")),
        ("WIN-04", ("Uninstall it first",)),
        ("WIN-05", ("LinkID=394789", "administrator")),
        ("WIN-06", ("Install .NET Framework", "Backup now")),
        ("WIN-08", ("Enable the service", "the next backup")),
        ("WIN-09", ("Settings > Extensions", "Uninstall", "the next backup installs it again")),
        ("WIN-15", ("set it in the platform", "leave DHCP on")),
    ],
)
def test_steps_of_the_2017_page_are_in_the_fixes(check_id: str, words: tuple[str, ...]) -> None:
    said = [case.result().fix for case in cases_windows.CASES + cases_windows_network.CASES if case.check_id == check_id]
    assert all(any(word in fix for fix in said) for word in words), said


def test_the_registry_value_of_the_2017_page_is_set_by_a_command() -> None:
    case = next(case for case in cases_windows.CASES if case.check_id == "WIN-10" and case.verdict == "advice")
    assert case.result().commands == (r"reg.exe ADD HKLM\SOFTWARE\Microsoft\BcdrAgent /v USEVSSCOPYBACKUP /t REG_SZ /d TRUE /f",)
