"""Both SSH engines run the script, whatever the account and its login shell."""

from __future__ import annotations

import os
import pwd
from concurrent.futures import ThreadPoolExecutor

import pytest

from backup_preflight.collect.script import collector_text
from backup_preflight.targets import register_backends
from selftests.sshd import Account, Accounts, Sshd
from selftests.targets.helpers import ENGINES, STANDIN, facts, of, target

SHELLS = ("/bin/bash", "/bin/rbash", "/bin/dash", "/usr/bin/tcsh", "/usr/bin/fish")


def entry(engine: str, server: Sshd, account: Account | None = None) -> str:
    user = account.name if account else server.user
    return f"{engine}://{user}@{server.host}:{server.port}"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_script_runs_as_the_login_user(engine: str, sshd: Sshd) -> None:
    found = target(entry(engine, sshd), of(sshd, storage_endpoints=("a.example", "b.example")))
    recording = found.read()
    assert recording.section("run").text.splitlines() == [
        f"uid={os.geteuid()}",
        "sudo=no",
        "image=no",
        "storage=a.example,b.example",
    ]
    assert recording.target == found.id == sshd.host
    assert recording.started is not None
    assert recording.finished is not None
    assert recording.started <= recording.finished


@pytest.mark.parametrize("engine", ENGINES)
def test_root_needs_no_sudo(engine: str, sshd: Sshd) -> None:
    if os.geteuid() != 0:
        pytest.skip("the server's user is not root")
    assert facts(target(entry(engine, sshd), of(sshd, sudo=True)))["sudo"] == "no"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shell", SHELLS)
def test_any_login_shell_with_sudo(engine: str, shell: str, sshd: Sshd, accounts: Accounts) -> None:
    (accounts.sudo.home / ".bashrc").write_text("echo noise on stdout; echo noise on stderr >&2\n")
    with accounts.sudo.login_shell(shell):
        found = facts(target(entry(engine, sshd, accounts.sudo), of(sshd, sudo=True)))
    assert (found["uid"], found["sudo"]) == ("0", "yes")


@pytest.mark.parametrize("shell", SHELLS)
def test_any_login_shell_without_sudo(shell: str, sshd: Sshd, accounts: Accounts) -> None:
    (accounts.plain.home / ".bashrc").write_text("echo noise on stdout; echo noise on stderr >&2\n")
    with accounts.plain.login_shell(shell):
        found = facts(target(entry("paramiko", sshd, accounts.plain), of(sshd)))
    assert (found["uid"], found["sudo"]) == (str(pwd.getpwnam(accounts.plain.name).pw_uid), "no")


@pytest.mark.parametrize("shell", SHELLS)
def test_refused_sudo_runs_without_it_and_says_so(shell: str, sshd: Sshd, accounts: Accounts) -> None:
    with accounts.plain.login_shell(shell):
        found = facts(target(entry("paramiko", sshd, accounts.plain), of(sshd, sudo=True)))
    assert found["uid"] == str(pwd.getpwnam(accounts.plain.name).pw_uid)
    assert found["sudo"] == "refused"


@pytest.mark.parametrize("engine", ENGINES)
def test_sudo_to_another_user(engine: str, sshd: Sshd, accounts: Accounts) -> None:
    found = facts(target(entry(engine, sshd, accounts.sudo), of(sshd, sudo=True, sudo_user=accounts.plain.name)))
    assert found["uid"] == str(pwd.getpwnam(accounts.plain.name).pw_uid)
    assert found["sudo"] == "yes"


@pytest.mark.parametrize("engine", ENGINES)
def test_three_megabytes_of_stderr_do_not_block(engine: str, sshd: Sshd) -> None:
    noisy = "dd if=/dev/zero bs=1000000 count=3 2>/dev/null | tr '\\0' x >&2; echo the end >&2\n" + STANDIN
    recording = target(entry(engine, sshd), of(sshd), noisy).read()
    assert recording.stderr.endswith("the end\n")
    assert len(recording.stderr) == 2000


@pytest.mark.parametrize("engine", ENGINES)
def test_a_script_larger_than_any_window(engine: str, sshd: Sshd) -> None:
    large = "# " + "x" * 3_000_000 + "\n" + STANDIN
    assert facts(target(entry(engine, sshd), of(sshd), large))["sudo"] == "no"


def test_ten_at_a_time(sshd: Sshd) -> None:
    targets = [target(entry(engine, sshd), of(sshd)) for engine in ENGINES for _ in range(5)]
    with ThreadPoolExecutor(10) as pool:
        assert [found["sudo"] for found in pool.map(facts, targets)] == ["no"] * 10


def test_one_login_for_one_read(sshd: Sshd) -> None:
    before = sshd.log_text().count("Accepted publickey")
    target(entry("paramiko", sshd), of(sshd)).read()
    assert sshd.log_text().count("Accepted publickey") == before + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_testinfra_runs_commands_over_the_same_backend(engine: str, sshd: Sshd) -> None:
    import testinfra

    backend = target(entry(engine, sshd), of(sshd)).backend()
    result = backend.run("printf %s; echo \xe4 >&2; exit 3", "a b")
    assert (result.rc, result.stdout, result.stderr) == (3, "a b", "\xe4\n")
    register_backends()
    host = testinfra.get_host(entry(engine, sshd), ssh_config=str(sshd.config), timeout=5)
    assert host.run("echo hello").stdout == "hello\n"
    assert type(host.backend) is type(backend)


@pytest.mark.parametrize("engine", ENGINES)
def test_testinfra_with_sudo_never_waits_for_a_password(engine: str, sshd: Sshd, accounts: Accounts) -> None:
    refused = target(entry(engine, sshd, accounts.plain), of(sshd, sudo=True)).backend().run("id -u")
    allowed = target(entry(engine, sshd, accounts.sudo), of(sshd, sudo=True)).backend().run("id -u")
    assert refused.rc == 1
    assert "password is required" in refused.stderr
    assert allowed.stdout.splitlines()[-1] == "0"


@pytest.mark.usefixtures("isolated_network")
@pytest.mark.parametrize("engine", ENGINES)
def test_the_real_collector(engine: str, sshd: Sshd, accounts: Accounts) -> None:
    found = target(entry(engine, sshd, accounts.sudo), of(sshd, sudo=True), collector_text())
    assert "sudo=yes" in found.read().section("run").text
