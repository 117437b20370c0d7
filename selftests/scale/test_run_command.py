"""examples/run-command: from what Azure gives back to recordings.

A stand-in for az takes its place, and answers in the format of Microsoft's reference: Azure itself cannot be had here.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selftests.recordings import recording, render
from selftests.scale.helpers import Outcome
from selftests.test_command_line import ROOT

SCRIPT = ROOT / "examples/run-command/run_command.py"
REAL = ROOT / "selftests/real/healthy.recording"
SAS = "sv=2024-11-04&sp=racw&sig=pl4nted"
ID = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/{}"
VMS = [("Prod", "vm1", "Linux"), ("test", "vm1", "Linux"), ("Prod", "cut", "Linux"), ("Prod", "late", "Linux"), ("Prod", "off", "Windows")]

# What it was called with goes to $CALLS; "off" is refused as Azure refuses a VM that is not running.
AZ = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS/calls"
for word; do case $word in @*) cp "${word#@}" "$CALLS/body-$$" ;; esac; done
case $* in
  *virtualMachines/off/*)
    printf 'ERROR: Conflict({"error":{"code":"OperationNotAllowed",' >&2
    printf '"message":"Cannot modify extensions in the VM when the VM is not running."}})' >&2
    exit 1 ;;
  *virtualMachines/late/*get* | *get*virtualMachines/late/*) state=TimedOut code=-1 ;;
  *) state=Succeeded code=0 ;;
esac
case $* in *--method\\ get*)
  printf '{"name":"azure-backup-preflight","location":"koreacentral","properties":{"provisioningState":"Succeeded","instanceView":'
  printf '{"executionState":"%s","executionMessage":"","exitCode":%s,"output":"(the last 4 KiB)","error":"",' $state $code
  printf '"startTime":"2026-05-28T20:26:40+00:00","endTime":"2026-05-28T20:26:46+00:00"}}}' ;;
esac
"""


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one step of the recipe."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/az").write_text(AZ)
    (tmp_path / "bin/az").chmod(0o755)
    (tmp_path / "calls").mkdir()
    (tmp_path / "sas").write_text(f"?{SAS}\n")
    listed = [{"id": ID.format(group, name), "location": "koreacentral", "os": system} for group, name, system in VMS]
    (tmp_path / "vms.json").write_text(json.dumps({"count": len(listed), "data": listed}))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), name, "vms.json", "work", "--jobs", "2", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_from_start_to_report(step: Any, tmp_path: Path) -> None:
    assert step("start", "--container=https://acct.blob.core.windows.net/preflight/", "--sas-file=sas").returncode == 0
    calls = (tmp_path / "calls/calls").read_text()
    assert SAS not in calls  # it would stand in the process list
    bodies = [json.loads(path.read_text()) for path in (tmp_path / "calls").glob("body-*")]
    by_blob = {body["properties"]["outputBlobUri"]: body["properties"]["source"]["script"] for body in bodies}
    assert by_blob.keys() == {f"https://acct.blob.core.windows.net/preflight/{group}/{name}.out?{SAS}" for group, name, _ in VMS}
    scripts = {uri.split("/")[-1].split(".")[0]: text for uri, text in by_blob.items()}
    assert scripts["cut"].startswith("#!/bin/sh")
    assert "param(" in scripts["off"]
    assert step("fetch").stdout == "5 of 5 VMs have ended\n"
    blobs = tmp_path / "blobs"
    for group in ("Prod", "test"):
        (blobs / group).mkdir(parents=True)
        (blobs / group / "vm1.out").write_bytes(render(recording()))
    (blobs / "Prod/cut.out").write_bytes(render(recording())[:-4096])
    done = step("recordings", "--blobs=blobs", "--recordings=kept")
    assert done.stdout == "2 of 5 VMs have a recording; the report names the others too\n"
    assert done.returncode == 1
    outcome = Outcome(tmp_path / "report", f"--hosts=recorded://{tmp_path / 'kept'}")
    assert outcome.vms["Prod/vm1"]["counts"]["pass"] > 30
    found = {id_: vm["results"][0]["found"] for id_, vm in outcome.vms.items() if vm["counts"].get("unreachable")}
    assert "ended as Succeeded, exit code 0; its output is truncated" in found["Prod/cut"]
    assert "ended as TimedOut, exit code -1; it wrote no output blob" in found["Prod/late"]
    assert "Cannot modify extensions in the VM when the VM is not running" in found["Prod/off"]
    assert outcome.code == 10
    assert step("delete").returncode == 0


def test_a_step_says_what_it_lacks(step: Any) -> None:
    done = step("start", "--container=https://acct.blob.core.windows.net/preflight")
    assert done.returncode == 2
    assert "start needs --sas-file" in done.stderr


def test_why_the_blob(tmp_path: Path) -> None:
    """The instance view, and `az vm run-command invoke`, keep the last 4,096 bytes. Not even a compressed recording fits, and the
    end of one is never taken for a whole one."""
    whole = REAL.read_bytes()
    assert len(base64.b64encode(gzip.compress(whole))) > 2 * 4096
    (tmp_path / "vm1.recording").write_bytes(whole[-4096:])
    done = subprocess.run(
        shlex.split(f"{sys.executable} -m pytest -p no:cacheprovider --hosts=recorded://{tmp_path}"),
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 4
    assert "is no recording" in done.stderr
