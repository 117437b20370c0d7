"""``docs/catalogue.md``, made of the checks' own records: ``python -m backup_preflight.report.catalogue docs/catalogue.md``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from backup_preflight.causes import CAUSES, ERRORS, BackupError, Cause, Page
from backup_preflight.checks import LIMITS, Check, Level, Limits, catalogue
from backup_preflight.facts.disks import GIB
from backup_preflight.report.reference import needs, privilege
from backup_preflight.statements import STATEMENTS, Statement

_INTRODUCTION = """\
# Catalogue of the checks

Made from the checks' own records by `make docs`; do not edit it by hand. `pytest --explain ID` prints the same of one check,
[adding-a-check.md](adding-a-check.md) says how to add one."""

_SYSTEMS = {"linux": "Linux", "windows": "Windows", "": "Linux and Windows"}
_LIMITS = "Limits of the editions"
_STATEMENTS = "The page of September 2017"


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, "", *_contents(), *_checks(), *_limits(), *_statements()])


def _contents() -> Iterator[str]:
    for system, causes in _groups().items():
        yield f"- {_SYSTEMS[system]}"
        for cause, checks in causes.items():
            yield f"  - [{cause.title}](#{_group_anchor(system, cause)}): {_links(check.id for check in checks)}"
    yield f"- [{_LIMITS}](#{_anchor(_LIMITS)})"
    yield f"- [{_STATEMENTS}, statement by statement](#{_anchor(_STATEMENTS)})"
    yield ""


def _groups() -> dict[str, dict[Cause, list[Check]]]:
    """System → main cause → its checks; causes in the documents' order."""
    checks = catalogue().values()
    by_cause = {
        system: {cause: [check for check in checks if check.system == system and check.causes[0] is cause] for cause in CAUSES}
        for system in _SYSTEMS
    }
    return {system: {cause: found for cause, found in causes.items() if found} for system, causes in by_cause.items()}


def _checks() -> Iterator[str]:
    for system, causes in _groups().items():
        yield f"## {_SYSTEMS[system]}"
        yield ""
        for cause, checks in causes.items():
            yield f'<a id="{_group_anchor(system, cause)}"></a>'
            yield ""
            yield f"### {_SYSTEMS[system]}: {cause.title}"
            yield ""
            for check in checks:
                yield from _check(check)


def _check(check: Check) -> Iterator[str]:
    limits = f" ([limits](#{_anchor(_LIMITS)}))" if "limits" in check.facts else ""
    rules = {edition: level for edition, level in check.levels.items() if level is not Level.OFF}
    rows = {
        "Unmet": _plain(check.problem),
        "Why": "<br>".join(_why(cause) for cause in check.causes),
        "Errors": ", ".join(f"`{error.code}`" for error in _errors(check)),
        "Reads": _plain(check.reads),
        "Needs": f"{needs(check)}; {privilege(check)}",
        "Editions": ", ".join(f"{edition.value}: {level.value}" for edition, level in rules.items()) + limits,
        "Fix": _plain(check.fix),
        "After": _links(check.after),
        "Source": "<br>".join(f"{edition.value}: {_source(check.source(edition))}" for edition in rules),
        "2017 page": _links((statement.id for statement in STATEMENTS if check.id in statement.answers), _anchor(_STATEMENTS)),
    }
    yield f'<a id="{check.id.lower()}"></a>'
    yield ""
    yield f"#### {check.id}: {_plain(check.title)}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for label, content in rows.items():
        if content:
            yield f"| {label} | {content} |"
    yield ""


def _errors(check: Check) -> list[BackupError]:
    """The errors of the portal that lead to the check, in either edition."""
    causes = set(check.causes)
    return [error for error in ERRORS if check.id in error.checks or causes & {*error.in_2017, *error.now}]


def _why(cause: Cause) -> str:
    return f"{cause.title} ({cause.id})"


def _limits() -> Iterator[str]:
    yield f"## {_LIMITS}"
    yield ""
    yield f"| | {' | '.join(edition.value for edition in LIMITS)} |"
    yield "|---|" + "---|" * len(LIMITS)
    shown = [_shown(limits) for limits in LIMITS.values()]
    for what in shown[0]:
        yield f"| {what} | {' | '.join(limits[what] for limits in shown)} |"
    yield ""


def _shown(limits: Limits) -> dict[str, str]:
    return {
        "largest disk (must)": f"{limits.disk_size // GIB:,} GiB",
        "largest disk (advice)": f"{limits.disk_size_advice // GIB:,} GiB",
        "data disks": str(limits.data_disks),
        "oldest Linux agent (must)": _version(limits.agent_version),
        "oldest Windows agent (must)": _version(limits.windows_agent_version),
        "oldest Windows agent (advice)": _version(limits.windows_agent_advice),
    }


def _statements() -> Iterator[str]:
    yield f"## {_STATEMENTS}"
    yield ""
    yield 'Where each statement of "Troubleshoot Azure Backup failure: issues with agent and/or extension" (English of 2017-09-08,'
    yield "Korean of 2017-10-11) is answered. Portal notes (CP-01 and others that no guest can tell) stand at the end of every report."
    yield ""
    yield "| id | statement, in our words | answered by |"
    yield "|---|---|---|"
    for statement in STATEMENTS:
        yield f"| {statement.id} | {_plain(statement.text)} | {_answers(statement)} |"
    yield ""


def _answers(statement: Statement) -> str:
    parts = [
        _links(statement.checks),
        f"fix of {_links(statement.fixes)}" if statement.fixes else "",
        f"portal note {', '.join(statement.portal)}" if statement.portal else "",
    ]
    return "; ".join(filter(None, parts))


def _source(source: Page) -> str:
    return f"[{source.url.partition('learn.microsoft.com/')[2]}]({source.url}), {source.date}"


def _links(ids: Iterable[str], anchor: str = "") -> str:
    return ", ".join(f"[{id_}](#{anchor or id_.lower()})" for id_ in ids)


def _group_anchor(system: str, cause: Cause) -> str:
    return f"{system or 'both'}-{cause.id.lower()}"


def _anchor(heading: str) -> str:
    return re.sub(r"\W+", "-", heading.lower())


def _version(parts: tuple[int, ...]) -> str:
    return ".".join(map(str, parts))


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, within a cell."""
    return re.sub(r"([|*_<>\\$])", r"\\\1", text)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
