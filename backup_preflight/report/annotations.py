"""What the pipeline that runs us shows beside its own log: annotations, and a summary. GitHub Actions and Azure Pipelines.

Both take commands from lines of the output. Both show the first ten of each kind only, so that each finding is said once, with the
VMs that have it, and the tenth line says how many more there are.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backup_preflight.lang import tr
from backup_preflight.report import job_summary
from backup_preflight.report.message import one_line
from backup_preflight.report.run_report import Group, RunReport, headline, named
from backup_preflight.verdict import Result, Verdict

_SHOWN = 10
_NAMES = 20
_LONGEST = 1000
"""Characters of one part of an annotation."""


@dataclass(frozen=True)
class Annotation:
    """``level``: error, warning or notice. ``where``: the VMs. One line each."""

    level: str
    title: str
    where: str
    remedy: str


def selected(report: RunReport) -> list[Annotation]:
    """What fails the run is an error, what keeps it from being judged a warning, and what it only shows a notice."""
    found = [_finding(report, group) for group in report.groups() if group.verdict is not Verdict.UNDETERMINED]
    found += [_unseen(report, remedy, results) for remedy, results in report.unseen().items()]
    kept: list[Annotation] = []
    for level in ("error", "warning", "notice"):
        same = [annotation for annotation in found if annotation.level == level]
        if len(same) > _SHOWN:
            more = tr("{number} more findings of this kind: see the job's summary and the reports", number=len(same) - _SHOWN + 1)
            same[_SHOWN - 1 :] = [Annotation(level, "Azure Backup preflight", "all VMs", more)]
        kept += same
    return kept


def _finding(report: RunReport, group: Group) -> Annotation:
    first = group.results[0]
    level = "error" if any(map(report.gates, group.results)) else "notice"
    # Without the commands, which are those of one VM.
    return _annotation(level, f"{first.check}: {group.problem}", named(group.targets, _NAMES), first.fix or first.remedy)


def _unseen(report: RunReport, remedy: str, results: tuple[Result, ...]) -> Annotation:
    level = "warning" if any(map(report.gates, results)) else "notice"
    checks = ", ".join(dict.fromkeys(result.check for result in results))
    targets = list(dict.fromkeys(result.target for result in results))
    return _annotation(level, headline(results), named(targets, _NAMES), f"{checks}: {remedy}")


def _annotation(level: str, title: str, where: str, remedy: str) -> Annotation:
    return Annotation(level, one_line(title)[:_LONGEST], one_line(where)[:_LONGEST], one_line(remedy)[:_LONGEST])


def write_github(report: RunReport, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The lines to print; the summary goes to the file that GitHub names. Raises OSError."""
    for annotation in selected(report):
        yield f"::{annotation.level} title={_github_property(annotation.title)}::{_github_data(f'{annotation.where}: {annotation.remedy}')}"
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(job_summary.markdown(report))


def write_azure(report: RunReport, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The lines to print; the summary goes to a file of its own, which the agent takes when the step is over. Raises OSError."""
    for annotation in selected(report):
        kind = "error" if annotation.level == "error" else "warning"
        yield f"##vso[task.logissue type={kind}]{_azure(f'{annotation.title} ({annotation.where}): {annotation.remedy}')}"
    folder = Path(tempfile.mkdtemp(dir=environment.get("AGENT_TEMPDIRECTORY")))
    path = folder / "Azure Backup preflight.md"
    path.write_text(job_summary.markdown(report), encoding="utf-8", errors="backslashreplace")
    yield f"##vso[task.uploadsummary]{_azure(str(path))}"


def pipeline_lines(report: RunReport, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The commands for the pipeline we run in, if any. Raises OSError."""
    if environment.get("GITHUB_ACTIONS", "").lower() == "true":
        yield from write_github(report, environment)
    if environment.get("TF_BUILD", "").lower() == "true":
        yield from write_azure(report, environment)


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def _azure(text: str) -> str:
    text = text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace("]", "%5D").replace(";", "%3B")
