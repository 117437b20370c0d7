"""examples/ansible with the real ansible-core over real sshd: recordings that recorded:// judges as it judges its own."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selftests.scale.helpers import Outcome
from selftests.sshd import Accounts, Sshd, missing
from selftests.test_command_line import ROOT

PLAYBOOK = ROOT / "examples/ansible/preflight.yml"


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        missing("ansible-playbook is missing: pip install ansible-core")
    assert found
    return found


def play(program: str, inventory: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }
    command = [program, "-i", str(inventory), str(PLAYBOOK), *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=400, check=False)


@pytest.mark.usefixtures("isolated_network")
def test_an_inventory_becomes_recordings(program: str, sshd: Sshd, accounts: Accounts, tmp_path: Path) -> None:
    """With become, without, where become is refused, and of a VM that is dead."""
    common = f"ansible_ssh_common_args='-F {sshd.config}' ansible_host={sshd.host} ansible_port={sshd.port}"
    inventory = tmp_path / "inventory"
    inventory.write_text(
        f"with-become ansible_user={accounts.sudo.name} {common}\n"
        f"without-become ansible_user={accounts.plain.name} ansible_become=false {common}\n"
        f"refused ansible_user={accounts.plain.name} {common}\n"
        f"dead ansible_user=root ansible_port=9 ansible_host=127.0.0.1 ansible_ssh_common_args='-F {sshd.config}'\n"
    )
    roots = [str(accounts.plain.home), str(accounts.sudo.home), "/tmp", "/var/tmp", "/dev/shm"]
    owners = ["-user", accounts.plain.name, "-o", "-user", accounts.sudo.name]

    def files() -> set[str]:
        command = ["find", *roots, "(", *owners, ")", "-printf", "%p %T@\n"]
        return set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())

    before, kept = files(), tmp_path / "kept"
    done = play(program, inventory, tmp_path, "-e", f"preflight_recordings={kept}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert files() == before
    assert "azure-backup-preflight 1 linux" not in done.stdout  # no log of 40 KB for each VM
    assert sorted(path.name for path in kept.iterdir()) == [
        "dead.recording",
        "refused.recording",
        "with-become.recording",
        "without-become.recording",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    meta = json.loads((kept / "with-become.recording").read_text().splitlines()[0].removeprefix("#azure-backup-preflight "))
    assert 0 <= meta["finished"] - meta["started"] < 600
    outcome = Outcome(tmp_path, f"--hosts=recorded://{kept}")
    assert "read as root" in outcome.vms["with-become"]["description"]
    assert "read as root" not in outcome.vms["without-become"]["description"]
    for name in ("refused", "dead"):
        (result,) = outcome.vms[name]["results"]
        assert (result["verdict"], result["check"]) == ("unreachable", "CONNECTION")
        assert "Ansible could not run the collector: " in result["found"]
    assert "refused" in outcome.vms["dead"]["results"][0]["found"]  # ssh's own words
    direct = Outcome(tmp_path, f"--hosts=ssh://{accounts.sudo.name}@{sshd.host}:{sshd.port}", f"--ssh-config={sshd.config}", "--sudo")
    (own,) = [vm for vm in direct.json["vms"] if vm["system"]]
    theirs = outcome.vms["with-become"]
    assert _verdicts(theirs) == _verdicts(own)


def _verdicts(vm: dict[str, Any]) -> dict[str, str]:
    """Check → verdict; not of CPU and memory, whose load is another one each time it is read."""
    return {each["check"]: each["verdict"] for each in vm["results"] if each["check"] not in {"LIN-16", "LIN-17"}}


@pytest.mark.usefixtures("isolated_network")
def test_the_job_can_judge_too(program: str, sshd: Sshd, tmp_path: Path) -> None:
    """As AWX would: one job that fails when a VM is not ready."""
    inventory = tmp_path / "inventory"
    inventory.write_text(f"dead ansible_user=root ansible_port=9 ansible_host=127.0.0.1 ansible_ssh_common_args='-F {sshd.config}'\n")
    report = tmp_path / "report.json"
    options = {"preflight_judge": True, "preflight_options": [f"--json={report}"], "preflight_recordings": str(tmp_path / "kept")}
    done = play(program, inventory, tmp_path, "-e", json.dumps(options))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "dead: could not be read: transport" in done.stdout
    assert json.loads(report.read_text())["exit_code"] == 10
