"""A password works, is warned of once, and shows nowhere, whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_preflight.errors import ConnectionProblem, Problem, UsageError
from backup_preflight.targets import Options, expand
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.parse import parse
from selftests.sshd import PASSWORD, Accounts, Sshd, free_port, missing, running_sshd
from selftests.targets.helpers import everything_shown, facts, listener, of, problem, target

PLANTED = "Pl4nted"


def entry(accounts: Accounts, sshd: Sshd, password: str = PASSWORD) -> str:
    return f"paramiko://{accounts.plain.name}:{password}@{sshd.host}:{sshd.port}"


def without_keys(sshd: Sshd, tmp_path: Path) -> Options:
    config = tmp_path / "config"
    config.write_text(sshd.config.read_text().replace(str(sshd.key), str(tmp_path / "no-key")))
    return of(sshd, ssh_config=str(config))


def test_it_logs_in(sshd: Sshd, accounts: Accounts, tmp_path: Path) -> None:
    assert facts(target(entry(accounts, sshd), without_keys(sshd, tmp_path)))["sudo"] == "no"


def test_it_logs_in_by_keyboard_interactive(accounts: Accounts, tmp_path: Path) -> None:
    if not Path("/etc/pam.d/sshd").exists():
        missing("/etc/pam.d/sshd is missing")
    with running_sshd(["UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"]) as server:
        assert facts(target(entry(accounts, server), without_keys(server, tmp_path)))["sudo"] == "no"


def test_a_server_that_takes_none_is_not_told_it(accounts: Accounts, tmp_path: Path) -> None:
    with running_sshd(["PasswordAuthentication no", "KbdInteractiveAuthentication no"]) as server:
        found = problem(target(entry(accounts, server), without_keys(server, tmp_path)))
        assert "Failed " not in server.log_text()
    assert found.problem is Problem.AUTHENTICATION
    assert "the server takes: publickey" in found.detail
    assert "the password" not in found.detail


def test_a_wrong_one_is_sent_once(sshd: Sshd, accounts: Accounts, tmp_path: Path) -> None:
    before = sshd.log_text().count("Failed ")
    found = problem(target(entry(accounts, sshd, PLANTED), without_keys(sshd, tmp_path)))
    assert found.problem is Problem.AUTHENTICATION
    assert "the password" in found.detail
    assert sshd.log_text().count("Failed ") == before + 1


@pytest.mark.parametrize("failure", ["wrong", "refused", "dns", "silent", "unknown key"])
def test_it_is_never_shown(failure: str, sshd: Sshd, accounts: Accounts, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    login = f"{accounts.plain.name}:{PLANTED}"
    with listener(None) as silent:
        hosts = {
            "wrong": f"{login}@{sshd.host}:{sshd.port}",
            "refused": f"{login}@127.0.0.1:{free_port('127.0.0.1')}",
            "dns": f"{login}@vm7.invalid",
            "silent": f"{login}@127.0.0.1:{silent}?timeout=1",
            "unknown key": f"{login}@localhost:{sshd.port}",
        }
        found = target(hosts[failure], without_keys(sshd, tmp_path))
        backend = found.backend()
        shown = repr(found) + repr(found.spec) + repr(backend) + repr(vars(backend)) + found.id
        attempts: list[Callable[[], object]] = [found.read, lambda: backend.run("true")]
        for attempt in attempts:
            with pytest.raises(ConnectionProblem) as caught:
                attempt()
            shown += everything_shown(caught.value)
    assert PLANTED not in shown + caplog.text


@pytest.mark.parametrize(
    "hosts",
    [
        f"u:{PLANTED}@x@a",
        f"u:x@{PLANTED}@a",
        f"u:{PLANTED},b@a",
        f"u:x/{PLANTED}@a",
        f"u:{PLANTED}/x@a",
        f"u:x#{PLANTED}@a",
        f"u:x?{PLANTED}@a",
        f"u:{PLANTED}?x@a",
        f"u:1?{PLANTED}@a",
        f"u:p[{PLANTED}@a",
        f"u:{PLANTED}://x@a",
        f"u:{PLANTED}@a:port",
        f"u:{PLANTED}@",
        f"ssh://u:{PLANTED}@a",
        f"docker://u:{PLANTED}@a",
        f"chroot://u:{PLANTED}@a",
        f"local://u:{PLANTED}@a",
        f"winrm://u:{PLANTED}@a?no_ssl=true&auth=basic",
        f"winrm://u:{PLANTED}@a?auth=ntml",
        f"wnrm://u:{PLANTED}@a",
        f"paramiko://u:{PLANTED}@a?sudu=true",
    ],
)
def test_it_is_not_shown_when_the_entry_is_wrong(hosts: str) -> None:
    options = Options(hosts=hosts)
    with pytest.raises(UsageError) as caught:
        expand(options)
    assert PLANTED not in everything_shown(caught.value) + repr(options)
    assert "\n" not in str(caught.value)


def test_an_encoded_one_is_decoded() -> None:
    spec = parse(Entry("u:p%40s%2Fs%23%3A%2C@a", "--hosts"), Options())
    assert spec.password is not None
    assert spec.password.reveal() == "p@s/s#:,"
    assert "***" in repr(spec)
    assert "%40" not in repr(spec)


def test_one_warning_for_the_whole_run() -> None:
    targets, notes = expand(Options(hosts=f"u:{PLANTED}@a,u:{PLANTED}@b"))
    assert [target.id for target in targets] == ["a", "b"]
    assert len(notes) == 1
    assert PLANTED not in notes[0]


def test_a_list_draws_no_warning_of_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(f"u:{PLANTED},x@a\n")
    (found,), notes = expand(Options(hosts=f"@{file}"))
    assert found.id == "a"
    assert notes == []
