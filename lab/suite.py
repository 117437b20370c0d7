"""Running the suite as its users do: its command line, over SSH, against guests of a lab or against recordings."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from backup_preflight.verdict import Result
from lab.client import RunningLab
from lab.shell import LabError

_ROOT = Path(__file__).parents[1]
_SECONDS = 300

Results = Mapping[str, Mapping[str, Result]]
"""Guest → check → result, in the order of the run."""


def read(lab: RunningLab, names: Sequence[str], *options: str, record: Path, user: str = "azureuser") -> Results:
    """Read guests over SSH, with sudo where ``user`` may use it, and judge them; the recordings go to ``record``. Raises LabError."""
    config = f"--ssh-config={lab.directory}/ssh_config"
    hosts = f"--hosts={','.join(f'paramiko://{user}@{name}' for name in names)}"
    # As many at a time as there are processors for the guests: slow answers are none.
    return _run([hosts, config, "--sudo", "--forks=2", f"--record={record}", *options], lab)


def read_image(tree: Path, record: Path) -> Results:
    """Read a root file system that is not booted, and judge it. Raises LabError when the suite itself fails."""
    return _run([f"--hosts=chroot://{tree}", f"--record={record}"], None)


def judge(recordings: Path, *options: str) -> Results:
    """Judge recordings, in a folder or one of them. Raises LabError when the suite itself fails."""
    return _run([f"--hosts=recorded://{recordings}", *options], None)


def _run(options: Sequence[str], lab: RunningLab | None) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:hypothesispytest",
            f"--json={report}",
            *options,
        ]
        done = subprocess.run(
            lab.inside(*command) if lab else command,
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if not report.exists():
            raise LabError(f"the suite wrote no report, exit code {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        vms = json.loads(report.read_text())["vms"]
    return {vm["target"]: {result["check"]: _result(result) for result in vm["results"]} for vm in vms}


def _result(data: Mapping[str, Any]) -> Result:
    """A result of the JSON report, which adds to it what programs would otherwise put together themselves."""
    return Result.from_data({each.name: data[each.name] for each in fields(Result) if each.name in data})
