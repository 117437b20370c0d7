"""The collector through Azure's managed Run Command, for VMs that nothing reaches over the network. See README.md beside this file.

Not tried on Azure: written from Microsoft's reference (api-version 2024-07-01). What comes back is read strictly: half a recording
is none, and a VM without one gets a file that says why, so that the report names it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backup_preflight import recording
from backup_preflight.collect import script, windows_script
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.recording import NotARecording, Recording

NAME = "azure-backup-preflight"
API = "api-version=2024-07-01"
SECONDS = 300
"""Limit of one run on the VM; the collector ends within 15 s."""


@dataclass(frozen=True)
class Vm:
    """One VM of the list that ``az vm list`` or ``az graph query`` wrote."""

    id: str
    location: str
    os: str

    @property
    def target(self) -> str:
        """``group/name``: names alone are not unique."""
        parts = self.id.strip("/").split("/")
        return f"{parts[3]}/{parts[7]}"

    @property
    def url(self) -> str:
        """Of its Run Command."""
        return f"https://management.azure.com{self.id}/runCommands/{NAME}?{API}"

    def file(self, work: Path, kind: str) -> Path:
        """Where something about it is kept."""
        path = work / f"{self.target}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def vms(path: Path) -> list[Vm]:
    """The list, as ``az`` prints it: an array, or an object with ``data`` (az graph)."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Vm(each["id"], each["location"], each["os"]) for each in (found["data"] if isinstance(found, dict) else found)]


def body(vm: Vm, container: str, sas: str) -> dict[str, Any]:
    """What starts the run. The blob is the way back: the instance view keeps only the last 4 KiB, a recording has 25 to 45."""
    text = windows_script.collector_text() if vm.os.lower() == "windows" else script.collector_text()
    return {
        "location": vm.location,
        "properties": {
            "source": {"script": text},
            "asyncExecution": True,
            "timeoutInSeconds": SECONDS,
            "outputBlobUri": f"{container.rstrip('/')}/{vm.target}.out?{sas.strip().lstrip('?')}",
        },
    }


def az(method: str, url: str, content: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """``az rest``; the body in a file that only we can read, because it holds the SAS."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        command = ["az", "rest", "--only-show-errors", "--method", method, "--uri", url]
        if content:
            json.dump(content, file)
            file.flush()
            command += ["--body", f"@{file.name}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def start(vm: Vm, work: Path, container: str, sas: str) -> None:
    """Begin the run on one VM; what az refuses is kept."""
    vm.file(work, "view.json").unlink(missing_ok=True)
    done = az("put", vm.url, body(vm, container, sas))
    vm.file(work, "error").write_text(done.stderr if done.returncode else "", encoding="utf-8")


def fetch(vm: Vm, work: Path) -> bool:
    """Ask how it ended; False while it runs."""
    if vm.file(work, "error").read_text(encoding="utf-8"):
        return True
    done = az("get", f"{vm.url}&$expand=instanceView")
    if done.returncode:
        vm.file(work, "error").write_text(done.stderr, encoding="utf-8")
        return True
    vm.file(work, "view.json").write_text(done.stdout, encoding="utf-8")
    return _view(done.stdout).get("executionState") not in {"Pending", "Running", "Unknown"}


def outcome(vm: Vm, work: Path, blobs: Path) -> Recording | ConnectionProblem:
    """The VM's recording, or why there is none.

    The times of the instance view are the VM's own, so they do not become those of the recording, by which its clock is judged.
    """
    error, view, blob = vm.file(work, "error"), vm.file(work, "view.json"), blobs / f"{vm.target}.out"
    if error.exists() and (said := error.read_text(encoding="utf-8").strip()):
        return _problem(Problem.TRANSPORT, f"Azure refused Run Command: {said[:500]}", "start the VM, and mend its agent: LIN-01 to LIN-10")
    state = _view(view.read_text(encoding="utf-8")) if view.exists() else {}
    ended = f"Run Command ended as {state.get('executionState', 'unknown')}, exit code {state.get('exitCode', 'unknown')}"
    try:
        found = recording.parse(blob.read_bytes() if blob.exists() else b"")
    except NotARecording as wrong:
        problem = Problem.TIMEOUT if state.get("executionState") == "TimedOut" else Problem.TRANSPORT
        remedy = "check that the VM reaches the storage account of the blob, and that the SAS is valid; else read it over SSH or WinRM"
        what = f"its output {wrong}" if blob.exists() else "it wrote no output blob"
        return _problem(problem, f"{ended}; {what}{_quoted(state.get('error'))}", remedy)
    return replace(found, target=vm.target)


def _view(text: str) -> dict[str, Any]:
    """The instance view of az's answer."""
    found = json.loads(text).get("properties", {}).get("instanceView")
    return found if isinstance(found, dict) else {}


def _problem(problem: Problem, detail: str, remedy: str) -> ConnectionProblem:
    return ConnectionProblem(problem, " ".join(detail.split()), remedy)


def _quoted(said: object) -> str:
    return f"; the VM says: {str(said).strip()[:300]}" if said else ""


def say(text: str) -> None:
    """One line for the person who started it."""
    sys.stdout.write(text + "\n")


def main(arguments: list[str]) -> int:
    """0: done; 1: some VMs still run (fetch), or have no recording (recordings)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["start", "fetch", "recordings", "delete"])
    parser.add_argument("list", type=Path, help="JSON: id, location, os of each VM")
    parser.add_argument("work", type=Path, help="a folder for what is known of each run")
    parser.add_argument("--container", help="start: https://ACCOUNT.blob.core.windows.net/CONTAINER")
    parser.add_argument("--sas-file", type=Path, help="start: a file with a SAS token for it (permissions racw)")
    parser.add_argument("--blobs", type=Path, help="recordings: the folder that the container was downloaded to")
    parser.add_argument("--recordings", type=Path, help="recordings: where they go, for recorded://")
    parser.add_argument("--jobs", type=int, default=16, help="VMs at a time; each is an az process")
    given = parser.parse_args(arguments)
    fleet = vms(given.list)
    wanted = {"start": ("container", "sas_file"), "recordings": ("blobs", "recordings")}.get(given.step, ())
    for name in wanted:
        if getattr(given, name) is None:
            parser.error(f"{given.step} needs --{name.replace('_', '-')}")
    with ThreadPoolExecutor(given.jobs) as pool:
        if given.step == "start":
            sas = given.sas_file.read_text(encoding="utf-8")
            list(pool.map(lambda vm: start(vm, given.work, given.container, sas), fleet))
            return 0
        if given.step == "fetch":
            running = sum(not ended for ended in pool.map(lambda vm: fetch(vm, given.work), fleet))
            say(f"{len(fleet) - running} of {len(fleet)} VMs have ended")
            return min(running, 1)
        if given.step == "delete":
            list(pool.map(lambda vm: az("delete", vm.url), fleet))
            return 0
    given.recordings.mkdir(parents=True, exist_ok=True)
    missing = 0
    for vm in fleet:
        found = outcome(vm, given.work, given.blobs)
        if isinstance(found, Recording):
            recording.save(found, given.recordings, vm.target)
        else:
            recording.save_problem(found, given.recordings, vm.target)
            missing += 1
    say(f"{len(fleet) - missing} of {len(fleet)} VMs have a recording; the report names the others too")
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
