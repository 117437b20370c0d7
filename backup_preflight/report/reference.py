"""``--explain`` and ``--list-errors``: the catalogue of checks and errors as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from backup_preflight.causes import ERRORS, BackupError, Edition
from backup_preflight.checks import Check, Needs, catalogue
from backup_preflight.verdict import Rules, cause_line


def explain(check: Check) -> str:
    """One check in full."""
    levels = ", ".join(f"{level.value} ({edition.value})" for edition, level in check.levels.items())
    parts = [
        ("Wanted", check.title),
        ("Cause", "\n".join(cause_line(cause, Rules(Edition.CURRENT)) for cause in check.causes)),
        ("Level", levels),
        ("Reads", check.reads),
        ("Needs", f"{needs(check)}; {privilege(check)}"),
        ("Fix", check.fix),
        ("After", ", ".join(check.after)),
        ("See", "\n".join(f"{page.url} (page of {page.date})" for page in map(check.source, (Edition.CURRENT, Edition.Y2017)))),
    ]
    lines = [f"{check.id}: {check.problem}"]
    for label, content in parts:
        if content:
            lines += _labelled(label, content)
    return "\n".join(lines)


def needs(check: Check) -> str:
    """What the guest has to be."""
    return {Needs.BOOTED: "a booted guest", Needs.AZURE: "a booted guest on Azure", Needs.NOTHING: "an image or a booted guest"}[
        check.needs
    ]


def privilege(check: Check) -> str:
    """Who can tell."""
    if not check.root:
        return "any user"
    return {"linux": "root (or --sudo)", "windows": "an administrator"}.get(check.system, "root (or --sudo), an administrator")


def list_checks() -> str:
    """Every check in one line."""
    return "\n".join(f"{check.id:<7} {check.title}" for check in catalogue().values())


def list_errors() -> str:
    """Every error with its causes in the documented order, in both editions."""
    return "\n\n".join("\n".join(_error(error)) for error in ERRORS)


def _error(error: BackupError) -> Iterator[str]:
    yield f"{error.code}: {error.heading}"
    if error.heading_ko:
        yield f"  {error.heading_ko}"
    for edition in Edition:
        causes = error.in_2017 if edition is Edition.Y2017 else error.now
        for position, cause in enumerate(causes, 1):
            yield f"  {edition.value:<8}{position}. {cause.title} [{cause.id}]"
    if error.checks:
        yield f"  checks  {', '.join(error.checks)}"
    if error.portal:
        yield f"  portal  {error.portal}"


def _labelled(label: str, content: str) -> list[str]:
    wrapped = [line for part in content.splitlines() for line in textwrap.wrap(part, 100, break_on_hyphens=False, break_long_words=False)]
    return [f"  {label if not index else '':<8}{line}" for index, line in enumerate(wrapped)]
