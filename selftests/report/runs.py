"""Runs to render: the examples, many VMs, and VMs that mean ill. No connection, no clock."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import load
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm, exit_code, file_order
from backup_preflight.report.terminal import TerminalReport
from backup_preflight.verdict import Judge, Result, Rules, Verdict, read
from selftests.command import PYTEST

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden")
PIPELINES = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TF_BUILD", "AGENT_TEMPDIRECTORY")


def example(name: str) -> Vm:
    """A VM of examples/, judged by all checks of its system."""
    facts = facts_of(replace(load(ROOT / f"examples/{name}.recording"), target=name))
    judge = Judge(name, facts, Rules(Edition.CURRENT), {})
    vm = Vm(name)
    vm.add(read(name, facts.description, "linux", "linux 0, sha256 of no version"))
    for id_ in file_order():
        if not catalogue()[id_].of_fleet:
            vm.add(judge.result(catalogue()[id_]))
    return vm


def examples() -> RunReport:
    return report(*map(example, ("bad-vm", "good-vm", "unprivileged")))


def many(number: int) -> RunReport:
    """So many VMs: every third one bad, every third one good, the others read without root; and one that is off."""
    kinds = [example(name) for name in ("bad-vm", "good-vm", "unprivileged")]
    vms = [renamed(kinds[place % 3], f"vm{place}") for place in range(number)]
    off = Result(
        "vm-off", "CONNECTION", Verdict.UNREACHABLE.value, problem="could not be read: timeout", found="no answer", fix="Start it."
    )
    return report(*vms, Vm("vm-off", results=[off]))


def renamed(vm: Vm, name: str) -> Vm:
    return replace(vm, id=name, results=[replace(result, target=name) for result in vm.results])


def report(*vms: Vm, **changes: Any) -> RunReport:
    results = [result for vm in vms for result in vm.results]
    code = exit_code(results, strict=False, allow_undetermined=False)
    made = RunReport(vms, Edition.CURRENT, code, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), 1.5, suite="0")
    return replace(made, **changes)


def on_terminal(
    config: pytest.Config,
    run: RunReport,
    *,
    columns: int | None = None,
    verbose: bool = False,
    file: io.TextIOBase | None = None,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """What a terminal of so many columns shows of a run; without columns it is a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    written = file or io.StringIO()
    shown = TerminalReport(TerminalReporter(config, written), len(run.machines), verbose=verbose)  # type: ignore[arg-type]
    for vm in run.vms:
        shown.done(vm)
    shown.finish(run)
    shown.close(run, [])
    written.seek(0)
    return written.read()


def run_pytest(*arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The suite as users run it, in no pipeline unless ``environment`` says so."""
    unwanted = {"PYTEST_ADDOPTS", "FORCE_COLOR", "PYTEST_CURRENT_TEST", *PIPELINES}
    kept = {key: value for key, value in os.environ.items() if key not in unwanted}
    command = [*PYTEST, *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**kept, **(environment or {}), "PYTHONPATH": str(ROOT)},
    )


def same_as_golden(name: str, said: str) -> None:
    """Regenerate with UPDATE_GOLDEN=1, and read what changed."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(said, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == said
