"""Fleets of recordings, and runs of the command line over them."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

from selftests.recordings import Changes, edited, recording, render
from selftests.test_command_line import run

NO_AGENT: Changes = {"processes": ""}
"""A VM whose agent does not run."""


def deployment(name: str) -> Changes:
    """A VM of that cloud service."""
    return {"deployment": f'<Deployment name="{name}" guid="{{0}}" incarnation="0">\n<Service name="vm">'}


def write(directory: Path, name: str, changes: Changes | None = None) -> Path:
    """One recording, as --record writes it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.recording"
    path.write_bytes(render(recording(changes), meta={"target": name, "started": 1.0, "finished": 2.0, "stderr": ""}))
    return path


def fleet(directory: Path, count: int, *, bad: int = 0, changes: Changes | None = None) -> list[str]:
    """So many VMs; the agent of the first ``bad`` does not run."""
    names = [f"vm{number:03}" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        seen = edited("run", clock=1_780_000_000)  # the same for all: only names differ
        write(directory, name, {**(changes or {}), **(NO_AGENT if number < bad else {}), "run": seen})
    return names


class Outcome:
    """One run, and its reports."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        files = {kind: directory / f"report.{kind}" for kind in ("json", "xml")}
        for file in files.values():
            file.unlink(missing_ok=True)
        self.done: subprocess.CompletedProcess[str] = run(f"--json={files['json']}", f"--junitxml={files['xml']}", *arguments)
        self.text = self.done.stdout + self.done.stderr
        self.code = self.done.returncode
        self.json: dict[str, Any] = json.loads(files["json"].read_text()) if files["json"].exists() else {}
        self.junit = _cases(files["xml"]) if files["xml"].exists() else {}

    @property
    def vms(self) -> dict[str, dict[str, Any]]:
        """The VMs of the JSON report."""
        return {vm["target"]: vm for vm in self.json["vms"]}

    @property
    def sections(self) -> Counter[str]:
        """What the terminal says of the VMs, in whatever order: each VM's lines together."""
        body = self.done.stdout.partition("reads only, changes nothing")[2].partition("VM x cause")[0]
        blocks: list[list[str]] = []
        for line in body.splitlines():
            if line and not line.startswith((" ", "-")):
                blocks.append([])
            if blocks and line.strip():
                blocks[-1].append(line)
        return Counter("\n".join(block) for block in blocks if len(block) > 1)

    @property
    def closing(self) -> str:
        """What the terminal says in the end, without times and files."""
        lines = self.done.stdout.partition("VM x cause")[2].splitlines()[1:]
        until = next(number for number, line in enumerate(lines) if "generated xml file" in line)
        return "\n".join(lines[:until])


def _cases(path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Test case → outcome and message. pytest names a test once."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for case in ET.parse(path).getroot().iter("testcase"):
        key = (case.get("classname") or "", case.get("name") or "")
        assert key not in found, key
        child = next((child for child in case if child.tag in {"failure", "error", "skipped"}), None)
        found[key] = (child.tag, child.get("message") or "") if child is not None else ("passed", "")
    return found
