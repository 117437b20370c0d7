"""A whole run with secrets in everything it is given: they show in no argv, environment, id, log, traceback, report or recording."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backup_preflight.targets.password import PASSWORD_VARIABLE
from selftests.command import PYTEST
from selftests.security.watch import children, watched, watching
from selftests.sshd import PASSWORD, Accounts, Sshd, free_port, generate_key
from selftests.targets.helpers import listener
from selftests.winrm.helpers import ACCOUNT, windows

ROOT = Path(__file__).parents[2]
SECRET = "Pl4nted"
PASSPHRASE = f"{SECRET}-passphrase"
LOUD = ("-vv", "--tb=long", "-l", "--full-trace", "--setup-show", "--durations=3", "-rA")


def arguments(directory: Path) -> list[str]:
    """Every report that there is, and every log, as loud as can be."""
    reports = [f"--json={directory}/report.json", f"--junitxml={directory}/report.xml", f"--html={directory}/report.html"]
    logs = ["--log-level=DEBUG", "--log-cli-level=DEBUG", f"--log-file={directory}/log", f"--debug={directory}/debug"]
    return [*LOUD, *reports, *logs, f"--record={directory}/recordings"]


def suite(directory: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the suite; what its children were started with is in ``execve``, below the reports' directory."""
    command = watched(directory / "execve", [*PYTEST, *options, *arguments(directory)])
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False, env={**os.environ, **environment})


def leaks(directory: Path, done: subprocess.CompletedProcess[str], *secrets: str) -> list[str]:
    """Where one of the secrets shows."""
    shown = {"standard output": done.stdout, "standard error": done.stderr, "children": "\n".join(children(directory / "execve"))}
    for path in directory.rglob("*"):
        if path.is_file() and path.name != "execve":
            shown[path.name] = path.read_text(errors="replace")
    return [f"{where}: {secret}" for where, text in shown.items() for secret in secrets if secret in text]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Where only a run writes; its input lies elsewhere."""
    directory = tmp_path / "reports"
    directory.mkdir()
    return directory


@pytest.mark.usefixtures("isolated_network")
def test_ssh(sshd: Sshd, accounts: Accounts, tmp_path: Path, reports: Path) -> None:
    """A password that works, wrong ones, a silent server, a locked key, an inventory, a proxy command: all in one run."""
    locked = generate_key(tmp_path / "locked", "-N", PASSPHRASE)
    inventory = {
        "_meta": {
            "hostvars": {
                "of-inventory": {
                    "ansible_connection": "paramiko",
                    "ansible_host": "127.0.0.1",
                    "ansible_port": sshd.port,
                    "ansible_user": accounts.plain.name,
                    "ansible_password": f"{SECRET}-inventory",
                    "ansible_become": True,
                    "ansible_become_password": f"{SECRET}-sudo",
                }
            }
        },
        "all": {"hosts": ["of-inventory"]},
    }
    (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    tool = tmp_path / "bin" / "ansible-inventory"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\nexec cat "$3"\n')
    tool.chmod(0o755)
    config = tmp_path / "config"
    nowhere = free_port("127.0.0.1")
    config.write_text(
        f"Host locked\n HostName {sshd.host}\n Port {sshd.port}\n IdentityFile {locked}\n"
        f"Host behind\n ProxyCommand sh -c 'env >/dev/null; exit 1'\nHost *\n"
        + sshd.config.read_text().replace(str(sshd.key), str(tmp_path / "no-key"))
    )
    log = tmp_path / "sshd-execve"
    with listener(None) as silent:
        list_ = tmp_path / "list"
        list_.write_text(
            f"paramiko://{accounts.plain.name}:{PASSWORD}@{sshd.host}:{sshd.port}?sudo=true\n"
            f"paramiko://{accounts.sudo.name}:{SECRET}-wrong@{sshd.host}:{sshd.port}\n"
            f"paramiko://root:{SECRET}-silent@127.0.0.1:{silent}?timeout=2\n"
            f"paramiko://root:{SECRET}-refused@127.0.0.1:{nowhere}\n"
            f"paramiko://root:{SECRET}-behind@behind\n"
            f"paramiko://{accounts.plain.name}@locked\nssh://{accounts.sudo.name}@locked?ssh_identity_file={sshd.key}\n"
            "ansible://all\n"
        )
        with watching(sshd.pid, log):
            done = suite(
                reports,
                f"--hosts=@{list_}",
                f"--ssh-config={config}",
                f"--ansible-inventory={tmp_path}/inventory.json",
                **{PASSWORD_VARIABLE: f"{SECRET}-environment", "PATH": f"{tool.parent}:{os.environ['PATH']}"},
            )
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    targets = {vm["target"]: vm["counts"] for vm in json.loads((reports / "report.json").read_text())["vms"]}
    assert len([counts for counts in targets.values() if counts.get("unreachable")]) == 6, targets
    assert len([counts for counts in targets.values() if counts.get("pass", 0) > 3]) == 2, targets
    started = " ".join(children(reports / "execve"))
    assert all(program in started for program in ("ansible-inventory", '"ssh"', "env >/dev/null")), (
        "a child that is of interest did not run"
    )
    private = locked.read_text().splitlines()[2]
    assert leaks(reports, done, SECRET, PASSWORD, PASSPHRASE, private) == []
    server = log.read_text(errors="replace")
    assert "sudo" in server, "the server was not watched"
    assert SECRET not in server
    assert PASSWORD not in server


@pytest.mark.parametrize("right", [True, False])
def test_winrm(right: bool, reports: Path) -> None:
    password = ACCOUNT.password if right else f"{SECRET}-wrong"
    with windows() as server:
        host = f"winrm://{ACCOUNT.user}@127.0.0.1:{server.port}?no_ssl=true"
        done = suite(reports, f"--hosts={host}", **{PASSWORD_VARIABLE: password})
    assert done.returncode == (0 if right else 10), done.stdout[-3000:] + done.stderr[-3000:]
    assert leaks(reports, done, password) == []


def test_a_crash_writes_no_core_file(tmp_path: Path) -> None:
    """The memory of this process holds what it was given."""
    program = "from backup_preflight.targets import password; password.forbid_core_files(); import os; os.abort()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode < 0
    assert list(tmp_path.iterdir()) == []


def test_no_program_inherits_the_variable(reports: Path) -> None:
    """Neither in a run that needs the password, nor in one that does not."""
    done = suite(reports, "--hosts=local://", "-k", "nothing_has_this_name", **{PASSWORD_VARIABLE: SECRET})
    assert leaks(reports, done, SECRET) == []


def test_workers_of_xdist_are_told_the_password(reports: Path) -> None:
    pytest.importorskip("xdist")
    with windows() as server:
        host = f"winrm://{ACCOUNT.user}@127.0.0.1:{server.port}?no_ssl=true"
        done = suite(reports, f"--hosts={host}", "-n2", **{PASSWORD_VARIABLE: ACCOUNT.password})
    assert "could not be read" not in done.stdout
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert leaks(reports, done, ACCOUNT.password) == []
