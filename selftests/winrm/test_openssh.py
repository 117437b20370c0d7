"""ssh:// to Windows: a real sshd, behind which a stand-in for cmd.exe and PowerShell answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_preflight.errors import Problem
from backup_preflight.facts.vm import facts_of
from selftests.sshd import Sshd, running_sshd
from selftests.targets.helpers import ENGINES, STANDIN, of, problem, target

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def windows_sshd() -> Iterator[Sshd]:
    command = f"ForceCommand cd {ROOT} && exec {sys.executable} -m lab.winrm.openssh"
    with running_sshd([command]) as server:
        yield server


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sudo", ["", "?sudo=true"])
def test_the_collector_for_windows_is_sent_where_no_posix_shell_answers(engine: str, sudo: str, windows_sshd: Sshd) -> None:
    recording = target(f"{engine}://{windows_sshd.address}{sudo}", of(windows_sshd)).read()
    assert recording.system == "windows"
    assert facts_of(recording).description.endswith("read as administrator")
    logins = [line for line in windows_sshd.log_text().splitlines() if "Accepted publickey" in line]
    assert logins


def test_over_our_own_client_one_login_is_enough(windows_sshd: Sshd) -> None:
    before = windows_sshd.log_text().count("Accepted publickey")
    target(f"paramiko://{windows_sshd.address}", of(windows_sshd)).read()
    assert windows_sshd.log_text().count("Accepted publickey") == before + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_neither_is_one_clear_problem(engine: str) -> None:
    with running_sshd(["ForceCommand echo no shell here; exit 3"]) as server:
        found = problem(target(f"{engine}://{server.address}", of(server), STANDIN))
    assert found.problem is Problem.NOT_LINUX
    assert "no shell here" in found.detail
    assert "winrm://" in found.remedy
