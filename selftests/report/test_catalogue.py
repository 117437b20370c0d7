"""docs/catalogue.md is what the checks' records say now, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from backup_preflight.checks import catalogue
from backup_preflight.report.catalogue import page
from backup_preflight.statements import STATEMENTS

PAGE = Path(__file__).parents[2] / "docs/catalogue.md"


def test_page_is_up_to_date() -> None:
    """After a change: make docs."""
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/catalogue.md is stale: run make docs"


def test_every_check_and_every_statement_is_in_it() -> None:
    headings = re.findall(r"(?m)^#### ([A-Z]+-\d+): ", page())
    assert sorted(headings) == list(catalogue())
    assert re.findall(r"(?m)^\| (S-\d\d) \|", page()) == [statement.id for statement in STATEMENTS]


def test_every_link_within_the_page_has_a_target() -> None:
    text = page()
    headings = {re.sub(r"\W+", "-", heading.lower()) for heading in re.findall(r"(?m)^##+ (.*)$", text)}
    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors | headings


def test_every_row_is_one_cell_wide() -> None:
    """Whatever a text of a check holds, it breaks no table."""
    rows = [line for line in page().splitlines() if re.match(r"\| (Unmet|Reads|Fix) ", line)]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)
