"""Ctrl-C: a real run on a real server, while one VM hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from selftests.command import PYTEST
from selftests.sshd import running_sshd
from selftests.test_command_line import ROOT


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, "the run has ended by itself"
        threading.Event().wait(0.05)


@pytest.mark.parametrize("engine", ["paramiko", "ssh"])
def test_ctrl_c(engine: str, tmp_path: Path) -> None:
    """What is known is reported, the connection is closed, and nobody waits for the VM that hangs."""
    output, json_report, junit = tmp_path / "output", tmp_path / "run.json", tmp_path / "run.xml"
    with running_sshd(["ForceCommand exec sleep 300"]) as server, output.open("w") as stream:
        process = subprocess.Popen(
            [
                *PYTEST, f"--ssh-config={server.config}",
                f"--hosts={engine}://{server.address},recorded://{ROOT}/examples/bad-vm.recording",
                f"--json={json_report}", f"--junitxml={junit}",
            ],
            cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            until(lambda: "Starting session" in server.log_text() and "FAIL  bad-vm" in output.read_text(), process)
            process.send_signal(signal.SIGINT)
            code = process.wait(50)  # less than the deadline of the VM that hangs
        finally:
            process.kill()
            process.wait()
        assert code == 2, output.read_text()
        assert "Traceback" not in output.read_text()
        while not any(word in server.log_text() for word in ("Disconnected", "Connection closed", "Connection reset", "Close session")):
            threading.Event().wait(0.05)
    vms = {vm["target"]: vm["results"] for vm in json.loads(json_report.read_text())["vms"]}
    assert any(result["verdict"] == "fail" for result in vms["bad-vm"])
    assert vms[server.host] == []  # it was not waited for
    assert "bad-vm" in ET.tostring(ET.parse(junit).getroot(), encoding="unicode")
