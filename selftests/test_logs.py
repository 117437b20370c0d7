"""``--collect-logs``: what is fetched of VMs with findings, where it lies, and what is masked."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from backup_preflight.logs import _write
from backup_preflight.recording import Recording, Section, Status
from backup_preflight.redact import redact
from selftests.sshd import Sshd
from selftests.test_command_line import report_of, run


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("https://joe:hunter2@host/path", "https://***@host/path"),
        ("https://s.blob.core.windows.net/c?sv=1&amp;sig=hunter2%3D&se=3", "https://s.blob.core.windows.net/c?sv=1&amp;sig=***&se=3"),
        ('{"protectedSettings": "hunter2", "x": 1}', '{"protectedSettings": "***", "x": 1}'),
        (r'"{\"protectedSettings\":\"hunter2\",\"x\":1}"', r'"{\"protectedSettings\":\"***\",\"x\":1}"'),
        ("&quot;password&quot;:&quot;hunter2&quot;", "&quot;password&quot;:&quot;***&quot;"),
        ('{"adminPassword" : "hunter2"}', '{"adminPassword" : "***"}'),
        ("<AdminPassword>hunter2</AdminPassword>", "<AdminPassword>***</AdminPassword>"),
        ('<Data encoding="b64">hunter2</Data>', '<Data encoding="b64">***</Data>'),
        ("AccountName=a;AccountKey=hunter2==;End=x", "AccountName=a;AccountKey=***;End=x"),
        ("PASSWORD=hunter2 USER=joe", "PASSWORD=*** USER=joe"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer ***"),
        ("got bearer hunter2hunter2 from", "got bearer *** from"),
        ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nnext", "-----BEGIN RSA PRIVATE KEY----- ***\nnext"),
        ("-----BEGIN CERTIFICATE-----\nhunter2 and cut off", "-----BEGIN CERTIFICATE----- ***"),
        ("settings: MIIB" + "k" * 90 + "==", "settings: ***"),
    ],
)
def test_secrets_are_masked(line: str, masked: str) -> None:
    assert redact(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-20T07:12:01Z INFO ExtHandler [HEARTBEAT] Agent WALinuxAgent-2.12.0.2 is running as the goal state agent",
        "thumbprint 0123456789ABCDEF0123456789ABCDEF01234567 of the certificate",
        "sha256 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "GET https://s.blob.core.windows.net/container/blob HTTP/1.1",
        "/var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9217.0/main/handle.py -enable",
    ],
)
def test_what_support_reads_stays(line: str) -> None:
    assert redact(line) == line


def recorded(logs: dict[str, Section], system: str = "linux") -> Recording:
    return Recording(system, MappingProxyType({("log", path): section for path, section in logs.items()}), b"")


def test_a_vm_chooses_no_place_outside_its_folder(tmp_path: Path) -> None:
    hostile = ["../../etc/cron.d/x", "/", "..", "a" * 400, "a\\b:c|d", "a/b", "a_b", "x\x00y", "CON\x1b[2J"]
    folder = tmp_path / "logs" / "vm"
    found = _write(recorded({path: Section(Status.OK, b"x") for path in hostile}), folder)
    assert len(found.files) == len(hostile)
    assert sorted(path.name for path in folder.iterdir()) == sorted(found.files)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder] == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_could_not_be_read_is_said(tmp_path: Path) -> None:
    found = _write(recorded({"/var/lib/waagent": Section(Status.DENIED, detail="/var/lib/waagent")}), tmp_path / "vm")
    assert found.files == ()
    assert found.problems == ("/var/lib/waagent: denied: /var/lib/waagent",)
    assert not (tmp_path / "vm").exists()


def test_a_collector_that_knows_no_logs(tmp_path: Path) -> None:
    assert "install that of this version" in _write(recorded({}), tmp_path / "vm").problems[0]


def test_the_text_of_a_windows_log(tmp_path: Path) -> None:
    body = b'{"text":"\\ud55c\\uad6d password=hu\nnter2"}'
    found = _write(recorded({r"C:\WindowsAzure\Logs\WaAppAgent.log": Section(Status.OK, body)}, "windows"), tmp_path)
    assert found.files == ("C__WindowsAzure_Logs_WaAppAgent.log",)
    assert (tmp_path / found.files[0]).read_text(encoding="utf-8") == "한국 password=***"


@pytest.mark.usefixtures("isolated_network")
def test_a_vm_with_findings_over_ssh(sshd: Sshd, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    done = run(
        f"--hosts=ssh://{sshd.address},recorded://examples/bad-vm.recording,recorded://examples/good-vm.recording",
        f"--ssh-config={sshd.config}",
        f"--json={output}",
        f"--collect-logs={tmp_path / 'logs'}",
    )
    logs = {vm["target"]: vm["logs"] for vm in report_of(output)["vms"]}
    assert logs["good-vm"] is None
    assert logs["bad-vm"]["problems"] == ["a recording has no logs: run it on the VM"]
    assert logs[sshd.host]["files"] or logs[sshd.host]["problems"], done.stdout
    assert f"logs of {sshd.host}: " in done.stdout


def test_a_place_that_cannot_be_written_is_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("--hosts=recorded://examples", f"--collect-logs={tmp_path / 'file' / 'logs'}")
    assert done.returncode == 4
    assert "--collect-logs: " in done.stderr
