"""The example pipelines: they parse, call the suite with options that it has, and publish what it writes even when the gate is shut."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from selftests.report.runs import ROOT, run_pytest

FOLDER = ROOT / "examples/pipelines"
GITHUB, AZURE = "github-actions.yml", "azure-pipelines.yml"


def steps(name: str) -> list[dict[str, Any]]:
    pipeline = yaml.safe_load((FOLDER / name).read_text())
    jobs = pipeline["jobs"]
    (job,) = jobs.values() if isinstance(jobs, dict) else jobs
    found: list[dict[str, Any]] = job["steps"]
    return found


def script(step: dict[str, Any]) -> str:
    return str(step.get("run") or step.get("bash") or step.get("inputs", {}).get("inlineScript", ""))


def the_check(name: str) -> dict[str, Any]:
    (step,) = [step for step in steps(name) if "pytest" in script(step)]
    return step


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Every long option that --help shows; of --junitxml it shows the other spelling."""
    return {*re.findall(r"--[a-z-]+", run_pytest("--help").stdout), "--junitxml"}


def test_every_example_is_looked_at() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {GITHUB, AZURE}


@pytest.mark.parametrize("name", [GITHUB, AZURE])
def test_it_uses_options_that_there_are(name: str, options: set[str]) -> None:
    command = script(the_check(name)).split("pytest ", 1)[1]
    used = set(re.findall(r"(?<!\S)--[a-z-]+", command))
    assert used <= options
    assert {"--junitxml", "--json", "--html", "--hosts"} <= used


@pytest.mark.parametrize(("name", "always"), [(GITHUB, "if"), (AZURE, "condition")])
def test_the_gate_shuts_and_the_reports_are_there_all_the_same(name: str, always: str) -> None:
    everything = steps(name)
    gate = the_check(name)
    assert not {"continue-on-error", "continueOnError", always} & set(gate)
    assert "||" not in script(gate)
    after = everything[everything.index(gate) + 1 :]
    assert len(after) >= 2
    assert all(step[always] in {"always()", "succeededOrFailed()"} for step in after)
    assert after[-1][always] == "always()"
    assert "az group delete" in script(after[-1])


def test_azure_pipelines_gets_the_file_that_is_written() -> None:
    (publish,) = [step for step in steps(AZURE) if step.get("task", "").startswith("PublishTestResults@")]
    assert f"--junitxml={publish['inputs']['testResultsFiles']}" in script(the_check(AZURE))


def test_nothing_from_outside_is_pasted_into_a_script() -> None:
    """Expressions of GitHub inside a script would be run as shell; values go through the environment."""
    assert not [step for step in steps(GITHUB) if "${{" in script(step)]


def test_the_readme_shows_the_way_here() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in (GITHUB, AZURE):
        assert f"examples/pipelines/{name}" in readme
        assert Path(ROOT / f"examples/pipelines/{name}").is_file()
