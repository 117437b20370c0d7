"""What is sent to a VM."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from backup_preflight.collect.script import CollectorRun, collector_text
from selftests.targets.helpers import STANDIN


def test_every_run_has_its_own_nonce() -> None:
    nonces = {CollectorRun(collector=STANDIN).nonce for _ in range(100)}
    assert len(nonces) == 100
    assert all(len(nonce) == 32 for nonce in nonces)


def test_parameters_come_before_the_collector() -> None:
    run = CollectorRun(("a.example", "b.example"), image=True, collector="true\n", nonce="0" * 32)
    assert run.stdin.decode().splitlines() == [
        f"nonce={'0' * 32}",
        "storage_endpoints=a.example,b.example",
        "image=yes",
        "logs=no",
        "sudo=no",
        "true",
    ]
    assert run.command == "sh -s"


def test_the_nonce_is_in_no_command_line_of_a_transport_with_standard_input() -> None:
    run = CollectorRun(sudo=True, collector=STANDIN)
    assert run.nonce not in run.command


@pytest.mark.parametrize("user", [None, "backup"])
def test_the_command_with_sudo_is_one_word_for_any_shell(user: str | None) -> None:
    command = CollectorRun(sudo=True, sudo_user=user, collector=STANDIN).command
    assert command.count("'") == 2
    assert not set("!\n`") & set(command)
    assert ("sudo -n -u backup sh -s" in command) == (user == "backup")


def test_the_real_collector_fits_into_one_argument() -> None:
    run = CollectorRun(("a" * 250,), sudo=True, collector=collector_text())
    assert len(run.command_without_stdin) < 128 * 1024  # Linux: MAX_ARG_STRLEN


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox sh", "ksh", "mksh", "zsh"])
@pytest.mark.parametrize("sudo", [True, False])
def test_it_runs_in_any_posix_shell(shell: str, sudo: bool) -> None:
    if not shutil.which(shell.split()[0]):
        pytest.skip(f"{shell} is not installed here")
    run = CollectorRun(sudo=sudo, collector=STANDIN)
    for command, stdin in ((run.command, run.stdin), (run.command_without_stdin, b"")):
        done = subprocess.run([*shell.split(), "-c", command], input=stdin, capture_output=True, check=True)
        assert done.stdout.decode().endswith(f"{run.nonce} done 1\n")


def test_sudo_that_fails_in_the_middle_is_not_run_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    tools = tmp_path_factory.mktemp("bin")
    for name, script in (("id", "echo 1000"), ("sudo", "cat >/dev/null; echo begun; exit 2")):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    run = CollectorRun(sudo=True, collector=STANDIN)
    environment = {"PATH": f"{tools}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", run.command], input=run.stdin, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, b"begun\n")
