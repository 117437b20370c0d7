"""``--html=FILE``: the run as one page that needs nothing but itself.

The template (html/page.html.jinja) holds every word; what a run over many VMs would make too long is left to the script, which unfolds it
from a block of data. Nothing that a VM says can become markup: the template escapes, the script sets text only, and the page's
Content-Security-Policy allows its own style and script by their hashes and no connection at all.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from markupsafe import Markup

from backup_preflight.lang import language, tr, trn
from backup_preflight.report.html_data import SYMBOLS, bounded, command, group_views, grouped_by_cause, ordered, page_data
from backup_preflight.report.portal import notes
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import ORDER, State

_FOLDER = Path(__file__).parent / "html"
_FIRST = 30
"""VMs that a finding names at once."""


@dataclass(frozen=True)
class OtherTest:
    """A test of this run that is none of ours."""

    name: str
    outcome: str
    seconds: float
    text: str


@dataclass
class Extras:
    """What pytest-html lets its user add: a title, style, and markup around the summary."""

    title: str = "Azure Backup preflight"
    css: str = ""
    prefix: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    postfix: list[str] = field(default_factory=list)


def render(report: RunReport, folder: Path, others: Sequence[OtherTest] = (), extras: Extras | None = None) -> str:
    """The page; ``folder`` is where it will lie."""
    extras = extras or Extras()
    vms = ordered(report)
    views = group_views(report.groups(), vms)
    style = _read("style.css") + extras.css
    script = _read("script.js")
    states = Counter(vm.state for vm in report.machines)
    verdicts = Counter(result.verdict for vm in report.vms for result in vm.results)
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            lang=language(),
            report=report,
            vms=vms,
            causes=grouped_by_cause(views),
            data=page_data(report, vms, views, folder),
            states=[(state, states[state]) for state in State if states[state] or state is not State.PARTLY],
            verdicts=[(verdict, verdicts[verdict.value]) for verdict in ORDER if verdicts[verdict.value]],
            symbols=SYMBOLS,
            portal=notes(report.error),
            others=others,
            first=_FIRST,
            extras={name: Markup("\n".join(getattr(extras, name))) for name in ("prefix", "summary", "postfix")},  # noqa: S704  (as pytest-html does)
            title=extras.title,
            style=Markup(style),  # noqa: S704  (our own file, and what --css names)
            script=Markup(script),  # noqa: S704  (our own file)
            policy=_policy(style, script),
        )
    )


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["command"] = command
    environment.globals.update(tr=tr, trn=trn)
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment


def _shown(value: object) -> object:
    """Every text on its way into the page, whatever the template does with it."""
    return bounded(value) if type(value) is str else value


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
