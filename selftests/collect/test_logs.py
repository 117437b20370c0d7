"""``logs=yes``: the ends of the logs that support asks for, without a probe and without a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_preflight.collect.windows_script import WindowsCollectorRun
from backup_preflight.facts.windows.document import joined
from backup_preflight.recording import Status, parse
from lab.winrm.machine import File
from lab.winrm.machines import healthy
from selftests.collect.guest import SHELLS, Guest, installed
from selftests.collect.test_windows import output_of

LIB, LOG = "/var/lib/waagent", "/var/log/azure"
BACKUP = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
CIPHER = "MIIB" + "k" * 200


@pytest.mark.parametrize("shell", SHELLS)
def test_the_logs_of_a_guest(tmp_path: Path, shell: str) -> None:
    guest = installed(Guest(tmp_path))
    guest.file("/var/log/waagent.log", "first line\n" + "an ordinary line\n" * 6000 + "last line\n")
    guest.file(f"{LOG}/{BACKUP}/extension.log", "https://joe:hunter2@h/?sig=hunter2&x\n")
    guest.file(f"{LOG}/other.log", "other\n")
    guest.file(f"{LIB}/ExtensionsConfig.1.xml", f'{{"protectedSettings":"{CIPHER}=="}}')
    guest.file(f"{LIB}/Certificates.xml", "hunter2")
    run = guest.run(shell, "ln -s /etc/passwd layers/root/var/log/azure/link", logs="yes")
    assert run.errors == ""
    assert run.written == []
    logs = run.recording.subjects("log")
    assert list(logs) == [
        "/var/log/waagent.log",
        f"{LOG}/{BACKUP}/extension.log",
        f"{LIB}/ExtensionsConfig.1.xml",
        f"{LIB}/GoalState.1.xml",
        f"{LIB}/SharedConfig.xml",
        f"{LOG}/other.log",
    ]
    assert logs["/var/log/waagent.log"].text.startswith("an ordinary line\n")
    assert logs["/var/log/waagent.log"].text.endswith("last line\n")
    assert len(logs["/var/log/waagent.log"].body) <= 65536
    assert logs[f"{LOG}/{BACKUP}/extension.log"].text == "https://***@h/?sig=***&x\n"
    assert logs[f"{LIB}/ExtensionsConfig.1.xml"].text == '{"protectedSettings":"***"}'
    assert {name for name, _ in run.recording.sections} == {"run", "log"}
    assert b"hunter2" not in run.output


def test_what_an_ordinary_user_may_not_list_is_denied(tmp_path: Path) -> None:
    run = installed(Guest(tmp_path)).run(wrap="setpriv --reuid 65534 --regid 65534 --clear-groups", logs="yes")
    assert run.section("log", LIB).status is Status.DENIED
    assert run.section("log", "/var/log/waagent.log").status is Status.OK


@pytest.mark.parametrize("full_language", [True, False])
def test_the_logs_of_a_windows_vm(*, full_language: bool) -> None:
    machine = healthy(2022)
    machine.full_language = full_language
    logs = r"C:\WindowsAzure\Logs"
    plugin = rf"{logs}\Plugins\Microsoft.Azure.RecoveryServices.VMSnapshot\1.0.104.0\IaaSBcdrExtension0.log"
    machine.files[rf"{logs}\WaAppAgent.log"] = File(f"한국어 {CIPHER}==\nsig=hunter2&x\n".encode())
    machine.files[plugin] = File(b"line\n")
    run = WindowsCollectorRun(logs=True)
    recording = parse(output_of(machine, run).encode("ascii"), run.nonce)
    found = recording.subjects("log")
    assert list(found) == [rf"{logs}\WaAppAgent.log", rf"{logs}\TransparentInstaller.log", plugin]
    assert joined(found[rf"{logs}\WaAppAgent.log"]) == r'{"text":"\ud55c\uad6d\uc5b4 ***\u000asig=***&x"}'
    assert found[rf"{logs}\TransparentInstaller.log"].status is Status.ABSENT
    assert {name for name, _ in recording.sections} == {"run", "log_paths", "log"}
