"""The command line as users call it, against the stand-in: one report for both systems, passwords from everywhere, none shown."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.winrm.machines import healthy, service_key
from lab.winrm.server import StandIn
from selftests.command import PYTEST
from selftests.sshd import Sshd
from selftests.test_command_line import ROOT, report_of, run, verdicts
from selftests.winrm.helpers import ACCOUNT, windows


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFLIGHT_PASSWORD", ACCOUNT.password)


def entry(server: StandIn) -> str:
    return f"winrm://{ACCOUNT.user}@127.0.0.1:{server.port}?no_ssl=true"


@pytest.mark.usefixtures("password")
def test_a_good_vm_is_ready_and_its_recording_too(tmp_path: Path) -> None:
    with windows() as server:
        done = run(f"--hosts={entry(server)}", "--storage-endpoint=umsa1k2j3h4g5f6d.blob.core.windows.net", f"--record={tmp_path / 'kept'}")
        assert server.service.total <= 10
    # The described machine's clock stands still in 2026-05: only that may be wrong with it.
    assert "read as administrator" in done.stdout
    again = run(f"--hosts=recorded://{tmp_path / 'kept'}", "--storage-endpoint=umsa1k2j3h4g5f6d.blob.core.windows.net")
    assert done.returncode == again.returncode == 0, done.stdout
    assert "1 VM ready for Azure Backup" in again.stdout


@pytest.mark.usefixtures("password")
def test_the_cause_is_named_in_the_documented_order(tmp_path: Path) -> None:
    machine = healthy(culture="ko-KR")
    machine.registry[service_key("IaasVmProvider")]["Start"] = 3
    machine.registry[service_key("WindowsAzureGuestAgent")]["Start"] = 4
    with windows(machine) as server:
        done = run(f"--hosts={entry(server)}", "--error=GuestAgentSnapshotTaskStatusError", f"--json={tmp_path / 'r.json'}")
    assert done.returncode == 1
    assert "Set-Service -Name WindowsAzureGuestAgent -StartupType Automatic" in done.stdout
    assert "GuestAgentSnapshotTaskStatusError on 127.0.0.1: the service WindowsAzureGuestAgent does not start" in done.stdout
    assert "WIN-08" not in verdicts(report_of(tmp_path / "r.json"), "127.0.0.1")


@pytest.mark.usefixtures("isolated_network", "password")
def test_a_mixed_run_gives_one_report(sshd: Sshd, tmp_path: Path) -> None:
    if Path("/usr/sbin/waagent").exists():
        pytest.skip("needs a machine without the Azure agent")
    output = tmp_path / "report.json"
    with windows() as server:
        hosts = f"--hosts=paramiko://{sshd.user}@localhost:{sshd.port},{entry(server)}"
        done = run(hosts, f"--ssh-config={sshd.config}", f"--json={output}", "--accept-new-host-keys", "--sudo")
    report = report_of(output)
    by_system: dict[str, Any] = {vm["system"]: vm for vm in report["vms"] if vm["system"]}
    assert by_system.keys() == {"linux", "windows"}
    for system, prefix in (("linux", "WIN-"), ("windows", "LIN-")):
        assert not [result for result in by_system[system]["results"] if result["check"].startswith(prefix)]
    assert verdicts(report, by_system["linux"]["target"])["LIN-01"] == "fail"
    assert verdicts(report, by_system["windows"]["target"])["WIN-01"] == "pass"
    assert done.stdout.count("VM x cause") == 1


def test_a_password_can_be_typed_in() -> None:
    with windows() as server:
        command = [*PYTEST, f"--hosts={entry(server)}", "--ask-pass", "-k", "guest_agent"]
        parent, child = pty.openpty()
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=child, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=_new_terminal(child)
        )
        os.close(child)
        assert b"Password of the winrm:// entries:" in os.read(parent, 200)
        os.write(parent, ACCOUNT.password.encode() + b"\n")
        output, _ = process.communicate(timeout=60)
        os.close(parent)
    assert process.returncode == 0, output
    assert ACCOUNT.password not in output


def _new_terminal(child: int) -> Any:
    def attach() -> None:
        os.setsid()
        import fcntl
        import termios

        fcntl.ioctl(child, termios.TIOCSCTTY, 0)

    return attach


def test_without_a_terminal_nobody_is_asked() -> None:
    done = subprocess.run(
        [*PYTEST, "--hosts=winrm://u@a", "--ask-pass"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    assert done.returncode == 4
    assert "PREFLIGHT_PASSWORD" in done.stderr


@pytest.mark.parametrize("where", ["entry", "environment"])
def test_a_planted_password_is_shown_nowhere(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = "Pl4nted-s3cret"
    if where == "environment":
        monkeypatch.setenv("PREFLIGHT_PASSWORD", planted)
    user = f"{ACCOUNT.user}:{planted}" if where == "entry" else ACCOUNT.user
    output = [f"--json={tmp_path / 'r.json'}", f"--junitxml={tmp_path / 'r.xml'}", f"--html={tmp_path / 'r.html'}"]
    with windows() as server:
        hosts = f"--hosts=winrm://{user}@127.0.0.1:{server.port}?no_ssl=true"
        done = run(hosts, "-vv", "-l", "--tb=long", "--log-level=DEBUG", *output)
    assert done.returncode == 10
    everything = done.stdout + done.stderr + "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())
    assert planted not in everything
    assert "is refused (auth=negotiate)" in done.stdout
