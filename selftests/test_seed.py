"""docs/seed.md: every statement of the 2017 page about Linux and the network is answered by something that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import Level, catalogue
from backup_preflight.report.portal import notes

TABLE = (Path(__file__).parent.parent / "docs/seed.md").read_text()
ROWS = dict(re.findall(r"(?m)^\| (S-\d\d) \| .* \| (.*) \|$", TABLE))
WINDOWS = {f"S-{number:02}" for number in (10, 11, 12, 13, 14, 15, 17, 26, 32)}


def test_no_statement_is_missing() -> None:
    assert ROWS.keys() | WINDOWS == {f"S-{number:02}" for number in range(1, 37)}


@pytest.mark.parametrize("statement", ROWS)
def test_its_answer_exists(statement: str) -> None:
    portal = " ".join(notes(None))
    for id_ in re.findall(r"[A-Z]{2,3}-\d\d", ROWS[statement]):
        assert id_ in catalogue() or f"({id_})" in portal, id_


@pytest.mark.parametrize("statement", ROWS)
def test_the_2017_edition_judges_by_it(statement: str) -> None:
    checks = [catalogue()[id_] for id_ in re.findall(r"[A-Z]{2,3}-\d\d", ROWS[statement]) if id_ in catalogue()]
    assert not checks or any(check.levels[Edition.Y2017] is not Level.OFF for check in checks)
