"""``--explain`` and ``--list-errors``: the catalogue of checks and errors as text."""

from __future__ import annotations

from collections.abc import Iterator

from backup_preflight.causes import ERRORS, BackupError, Edition, Page
from backup_preflight.checks import Check, Needs, catalogue
from backup_preflight.lang import tr
from backup_preflight.report.message import LABEL
from backup_preflight.report.width import padded, wrap
from backup_preflight.verdict import Rules, cause_line


def explain(check: Check) -> str:
    """One check in full."""
    levels = ", ".join(f"{tr(level.value)} ({edition.value})" for edition, level in check.levels.items())
    parts = [
        (tr("Wanted"), tr(check.title)),
        (tr("Cause"), "\n".join(cause_line(cause, Rules(Edition.CURRENT)) for cause in check.causes)),
        (tr("Level"), levels),
        (tr("Reads"), tr(check.reads)),
        (tr("Needs"), f"{needs(check)}; {privilege(check)}"),
        (tr("Fix"), tr(check.fix)),
        (tr("After"), ", ".join(check.after)),
        (tr("See"), "\n".join(_page(page) for page in map(check.source, (Edition.CURRENT, Edition.Y2017)))),
    ]
    lines = [f"{check.id}: {tr(check.problem)}"]
    for label, content in parts:
        if content:
            lines += _labelled(label, content)
    return "\n".join(lines)


def needs(check: Check) -> str:
    """What the guest has to be."""
    return {
        Needs.BOOTED: tr("a booted guest"),
        Needs.AZURE: tr("a booted guest on Azure"),
        Needs.NOTHING: tr("an image or a booted guest"),
    }[check.needs]


def privilege(check: Check) -> str:
    """Who can tell."""
    if not check.root:
        return tr("any user")
    words = {"linux": tr("root (or --sudo)"), "windows": tr("an administrator")}
    return words.get(check.system) or ", ".join(words.values())


def list_checks() -> str:
    """Every check in one line."""
    return "\n".join(f"{check.id:<7} {tr(check.title)}" for check in catalogue().values())


def list_errors() -> str:
    """Every error with its causes in the documented order, in both editions."""
    return "\n\n".join("\n".join(_error(error)) for error in ERRORS)


def _error(error: BackupError) -> Iterator[str]:
    yield f"{error.code}: {error.name}"
    if error.heading_ko and error.heading_ko != error.name:
        yield f"  {error.heading_ko}"
    for edition in Edition:
        causes = error.in_2017 if edition is Edition.Y2017 else error.now
        for position, cause in enumerate(causes, 1):
            yield f"  {edition.value:<8}{position}. {cause.name} [{cause.id}]"
    if error.checks:
        yield f"  {padded(tr('checks'), LABEL)}{', '.join(error.checks)}"
    if error.portal:
        yield f"  {padded(tr('portal'), LABEL)}{tr(error.portal)}"


def _page(page: Page) -> str:
    return f"{page.url} {tr('(page of {date})', date=page.date)}"


def _labelled(label: str, content: str) -> list[str]:
    wrapped = [line for part in content.splitlines() for line in wrap(part, 100, 100)]
    return [f"  {padded(label if not index else '', LABEL)}{line}" for index, line in enumerate(wrapped)]
