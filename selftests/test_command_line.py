"""The command line as users call it, against a real OpenSSH server and against recordings."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backup_preflight.report.summary import Vm, exit_code
from backup_preflight.verdict import Result, Verdict
from selftests.command import PYTEST
from selftests.sshd import Accounts, Sshd

ROOT = Path(__file__).parent.parent
ENGINES = ("paramiko", "ssh")


def run(*arguments: str, cwd: Path = ROOT, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """pytest; ``path``: where modules for ``-p`` are."""
    command = [*PYTEST, *arguments]
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("PYTEST_XDIST")
        and key not in {"PYTEST_ADDOPTS", "FORCE_COLOR", "PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "TF_BUILD"}
    }
    if path:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(path), environment.get("PYTHONPATH")]))
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env=environment)


def verdicts(report: dict[str, Any], target: str) -> dict[str, str]:
    (vm,) = [vm for vm in report["vms"] if vm["target"] == target]
    return {result["check"]: result["verdict"] for result in vm["results"]}


def report_of(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text())
    jsonschema.validate(report, json.loads((ROOT / "docs/report.schema.json").read_text()))
    return report


@pytest.mark.usefixtures("isolated_network")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_vm_read_as_root(engine: str, sshd: Sshd, tmp_path: Path) -> None:
    """This machine has no agent: one failure, that one, and nothing that hangs on it."""
    if sshd.user != "root" or Path("/usr/sbin/waagent").exists():
        pytest.skip("needs root, and a machine without the Azure agent")
    output = tmp_path / "report.json"
    done = run(f"--hosts={engine}://{sshd.address}", f"--ssh-config={sshd.config}", f"--json={output}", "--record", str(tmp_path / "kept"))
    assert done.returncode == 1, done.stdout + done.stderr
    found = verdicts(report_of(output), sshd.host)
    # A busy machine is rightly said to be busy (LIN-16).
    assert [check for check, verdict in found.items() if verdict == "fail" and check != "LIN-16"] == ["LIN-01"]
    assert found["LIN-02"] == "not applicable"
    assert f"{sshd.host}: the Azure Linux agent is not installed (LIN-01)" in done.stdout
    assert "sudo apt-get install -y -o Dpkg::Options::=--force-confold waagent" in done.stdout
    again = run(f"--hosts=recorded://{tmp_path / 'kept'}", f"--json={output}")
    assert again.returncode == 1
    assert verdicts(report_of(output), sshd.host) == found


@pytest.mark.usefixtures("isolated_network")
@pytest.mark.parametrize(("sudo", "account", "sees_everything"), [(True, "sudo", True), (True, "plain", False), (False, "plain", False)])
def test_an_unprivileged_login(*, sudo: bool, account: str, sees_everything: bool, sshd: Sshd, accounts: Accounts, tmp_path: Path) -> None:
    """Without root nothing root-only is called a failure: it is undetermined, and the remedy fits what was refused."""
    output = tmp_path / "report.json"
    user = getattr(accounts, account).name
    options = [f"--ssh-config={sshd.config}", f"--json={output}", *(["--sudo"] if sudo else [])]
    done = run(f"--hosts=paramiko://{user}@{sshd.host}:{sshd.port}", *options)
    (vm,) = [vm for vm in report_of(output)["vms"] if vm["target"] != "all VMs"]
    found = {result["check"]: result for result in vm["results"]}
    assert ("read as root" in vm["description"]) == sees_everything, done.stdout
    assert (found["LIN-18"]["verdict"] != "undetermined") == sees_everything
    if not sees_everything:
        assert ("sudo was refused" in found["LIN-18"]["remedy"]) == sudo


@pytest.mark.usefixtures("isolated_network")
def test_an_unreachable_vm_is_one_result_and_delays_nobody(sshd: Sshd, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    hosts = f"--hosts=paramiko://127.0.0.1:9,paramiko://{sshd.address}"
    done = run(
        hosts, f"--ssh-config={sshd.config}", f"--json={output}", f"--junitxml={tmp_path / 'junit.xml'}", f"--html={tmp_path / 'r.html'}"
    )
    report = report_of(output)
    dead = [vm for vm in report["vms"] if vm["counts"].get("unreachable")]
    assert len(dead) == 1
    assert [result["check"] for result in dead[0]["results"]] == ["CONNECTION"]
    assert len(report["vms"]) >= 2
    assert done.stdout.count("connection refused") <= 2
    cases = ET.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    unread = [case for case in cases if case.find("error") is not None]
    assert any("could not be read" in (case.find("error").get("message") or "") for case in unread)  # type: ignore[union-attr]
    assert "could not be read" in (tmp_path / "r.html").read_text()


@pytest.mark.usefixtures("isolated_network")
def test_nobody_to_read_is_exit_10() -> None:
    assert run("--hosts=paramiko://root@127.0.0.1:9").returncode == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hosts=a,,b"], "an entry is empty"),
        (["--hosts=sshh://vm"], "did you mean 'ssh'"),
        (["--hosts=vm:99999"], "port"),
        (["--hosts=@/no/such/list"], "/no/such/list"),
        (["--hosts=recorded:///no/such"], "no such file"),
        (["--hosts=recorded://Makefile"], "no recording"),
        (["--hosts=winrm://admin@vm"], "no password for admin; use --ask-pass"),
        (["--error=GuestAgentSnapshotTaskStatus Eror"], "nearest: GuestAgentSnapshotTaskStatusError"),
        (["--error=Snapshot"], "fits"),
        (["--explain=LIN-99"], "nearest: LIN-29"),
        (["--edition=2018"], "invalid choice: '2018'"),
        (["--hosts=vm", "--forks=0"], "--forks=0"),
    ],
)
def test_bad_input_is_one_line_and_exit_4(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "test session starts" not in done.stdout


def test_a_planted_password_is_shown_nowhere(tmp_path: Path) -> None:
    password = "pl4nted-s3cret"
    output = [f"--json={tmp_path / 'r.json'}", f"--junitxml={tmp_path / 'r.xml'}", f"--html={tmp_path / 'r.html'}"]
    done = run(f"--hosts=paramiko://admin:{password}@127.0.0.1:9", "-vv", "-l", "--tb=long", "--log-level=DEBUG", *output)
    everything = done.stdout + done.stderr + "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())
    assert password not in everything
    assert "a password in --hosts can be seen" in done.stdout


def test_an_error_selects_its_causes_in_the_documented_order() -> None:
    done = run("--hosts=recorded://examples/bad-vm.recording", "--error=VM 에이전트가 응답하지", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_agent_is_running[bad-vm]" in done.stdout
    assert "test_disk_sizes" not in done.stdout
    lines = done.stdout.splitlines()
    order = [next(i for i, line in enumerate(lines) if name in line) for name in ("test_agent_is_running", "test_last_snapshot_succeeded")]
    assert order == sorted(order)


def test_the_first_cause_is_named_under_its_error() -> None:
    done = run("--hosts=recorded://examples/bad-vm.recording", "--error=GuestAgentSnapshotTaskStatusError")
    assert "GuestAgentSnapshotTaskStatusError on bad-vm: " in done.stdout
    assert 'of "Unable to perform the operation as the VM Agent is not responsive"' in done.stdout


def test_good_and_bad_recordings_and_their_exit_codes() -> None:
    good = run("--hosts=recorded://examples/good-vm.recording")
    assert good.returncode == 0, good.stdout
    assert "1 VM ready for Azure Backup" in good.stdout
    assert run("--hosts=recorded://examples/bad-vm.recording").returncode == 1
    assert run("--hosts=recorded://examples/unprivileged.recording").returncode == 10
    assert run("--hosts=recorded://examples/unprivileged.recording", "--allow-undetermined").returncode == 0


def test_a_part_of_the_checks_makes_no_vm_ready() -> None:
    done = run("--hosts=recorded://examples/good-vm.recording", "-k", "disk")
    assert done.returncode == 0
    assert "ready for Azure Backup" not in done.stdout
    assert "No failure seen on 1 VM in the 4 of 51 points" in done.stdout


def test_a_check_is_selected_by_its_id() -> None:
    done = run("--hosts=recorded://examples/bad-vm.recording", "-k", "LIN-02 or DSK-02")
    assert "LIN-02" in done.stdout
    assert "1 failed, 2 passed" in done.stdout  # the connection is one of them


def test_no_remedies_are_promised_where_none_are_shown() -> None:
    ran = run("--hosts=recorded://examples/good-vm.recording", "-k", "schedules")
    assert "1 of 1 VM could not be judged in full.\n" in ran.stdout


def test_explain_and_list_errors_need_no_vm() -> None:
    explained = run("--explain", "lin-02")
    assert explained.returncode == 0
    assert explained.stdout.startswith("LIN-02: the Azure Linux agent is not running")
    assert "지정된 디스크 구성은 지원되지 않습니다." in run("--list-errors").stdout
    assert len(run("--explain").stdout.splitlines()) >= 50


def test_it_works_installed_from_any_folder(tmp_path: Path) -> None:
    recording = ROOT / "examples/good-vm.recording"
    done = run("--pyargs", "tests_linux", "tests_network", f"--hosts=recorded://{recording}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 VM ready for Azure Backup" in done.stdout


def test_it_leaves_other_peoples_tests_alone(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_host(host):\n    assert host.backend.get_connection_type() == 'local'\n")
    done = run("--hosts=local://", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "preflight:" not in done.stdout


@pytest.mark.usefixtures("isolated_network")
def test_two_runs_leave_no_trace(sshd: Sshd, accounts: Accounts) -> None:
    """Files of the login's home and of the folders for temporary files, and processes of the user: the same before and after."""
    account = accounts.plain

    owner = pwd.getpwnam(account.name).pw_uid

    def files() -> list[tuple[str, int]]:
        roots = (account.home, Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
        # Not rglob, which fails where another program removes a folder while it looks into it.
        found = (Path(folder, name) for root in roots for folder, folders, names in os.walk(root) for name in (*folders, *names))
        return sorted((str(path), status.st_mtime_ns) for path, status in _owned(found, owner))

    def processes() -> set[Path]:
        return {path for path, _ in _owned(Path("/proc").glob("[0-9]*"), owner)}

    before, running = files(), processes()
    for _ in range(2):
        run(f"--hosts=paramiko://{account.name}@{sshd.host}:{sshd.port}", f"--ssh-config={sshd.config}")
    assert files() == before
    deadline = time.monotonic() + 5  # the server takes a moment to end the login itself
    while left := processes() - running:
        assert time.monotonic() < deadline, left


def _owned(paths: Iterable[Path], owner: int) -> Iterator[tuple[Path, os.stat_result]]:
    """Those that belong to a user; what vanishes meanwhile belongs to nobody."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_uid == owner:
                yield path, status


def test_a_vm_is_not_ready_when_a_check_of_ours_has_failed() -> None:
    crashed = Result("vm", "LIN-02", Verdict.CRASH.value, level="must")
    assert Vm("vm", results=[crashed]).is_open
    assert exit_code([crashed], strict=False, allow_undetermined=True) == 3
