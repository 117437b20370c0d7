"""Ways to a VM: jump hosts, a proxy command, several keys, the agent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_preflight.errors import Problem
from backup_preflight.targets import Options
from selftests.sshd import Sshd, free_port, generate_key, running_sshd
from selftests.targets.helpers import ENGINES, facts, of, problem, target


@pytest.fixture(scope="module")
def jump() -> Iterator[Sshd]:
    """A second server, on another address."""
    with running_sshd(host="127.0.0.2") as server:
        yield server


def written(tmp_path: Path, text: str) -> Options:
    config = tmp_path / "config"
    config.write_text(text)
    return Options(ssh_config=str(config), connect_timeout=5.0)


def both(sshd: Sshd, jump: Sshd) -> str:
    """What a client needs to know of both servers."""
    return (
        f"Host vm7\n HostName {sshd.host}\n Port {sshd.port}\n User {sshd.user}\n IdentityFile {sshd.key}\n"
        f" UserKnownHostsFile {sshd.known_hosts}\n"
        f"Host bastion\n HostName {jump.host}\n Port {jump.port}\n User {jump.user}\n IdentityFile {jump.key}\n"
        f" UserKnownHostsFile {jump.known_hosts}\n"
        "Host *\n IdentityAgent none\n GlobalKnownHostsFile /dev/null\n IdentitiesOnly yes\n"
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hops", ["bastion", "bastion,bastion", "bastion,vm7", "ssh://bastion"])
def test_jump_hosts(engine: str, hops: str, sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    options = written(tmp_path, f"Host target\n ProxyJump {hops}\n" + both(sshd, jump).replace("Host vm7", "Host vm7 target"))
    before = jump.log_text().count("Accepted publickey")
    assert facts(target(f"{engine}://target", options))["sudo"] == "no"
    assert jump.log_text().count("Accepted publickey") == before + hops.count("bastion")


def test_the_jump_host_is_checked_too(sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    text = "Host vm7\n ProxyJump bastion\n" + both(sshd, jump).replace(str(jump.known_hosts), "/dev/null")
    found = problem(target("vm7", written(tmp_path, text)))
    assert found.problem is Problem.HOST_KEY
    assert found.detail.startswith("jump host bastion: ")


def test_what_is_wrong_behind_a_jump_host(sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    text = f"Host vm7\n ProxyJump bastion\n Port {free_port('127.0.0.1')}\n" + both(sshd, jump)
    found = problem(target("vm7", written(tmp_path, text)))
    assert found.problem is Problem.TRANSPORT
    assert "jump host bastion does not connect to 127.0.0.1" in found.detail
    assert "nc -vz 127.0.0.1" in found.remedy


def test_a_jump_host_that_does_not_forward(sshd: Sshd, tmp_path: Path) -> None:
    with running_sshd(["AllowTcpForwarding no"], host="127.0.0.3") as closed:
        found = problem(target("vm7", written(tmp_path, "Host vm7\n ProxyJump bastion\n" + both(sshd, closed))))
    assert found.problem is Problem.TRANSPORT
    assert "AllowTcpForwarding" in found.remedy


def test_a_circle_of_jump_hosts(sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    text = "Host vm7\n ProxyJump bastion\nHost bastion\n ProxyJump vm7\n" + both(sshd, jump)
    found = problem(target("vm7", written(tmp_path, text)))
    assert "jump hosts" in found.detail


@pytest.mark.parametrize("engine", ENGINES)
def test_a_proxy_command(engine: str, sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    command = f"ssh -F {tmp_path}/config -W %h:%p bastion"
    options = written(tmp_path, f"Host vm7\n ProxyCommand {command}\n" + both(sshd, jump))
    assert facts(target(f"{engine}://vm7", options))["sudo"] == "no"


def test_a_proxy_command_that_fails(sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    found = problem(target("vm7", written(tmp_path, "Host vm7\n ProxyCommand false %h\n" + both(sshd, jump))))
    assert found.problem is Problem.TRANSPORT
    assert "ProxyCommand false" in found.detail
    assert f"false {sshd.host}" in found.remedy


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_several_keys_of_which_one_fits(kind: str, sshd: Sshd, tmp_path: Path) -> None:
    wrong, right = generate_key(tmp_path / "wrong", kind=kind), generate_key(tmp_path / "right", kind=kind)
    authorized = tmp_path / "authorized"
    authorized.write_text(right.with_suffix(".pub").read_text())
    with running_sshd([f"AuthorizedKeysFile {authorized}"]) as server:
        text = server.config.read_text().replace(
            f"IdentityFile {server.key}", f"IdentityFile {tmp_path}/none\nIdentityFile {wrong}\nIdentityFile {right}"
        )
        assert facts(target(server.address, written(tmp_path, text)))["sudo"] == "no"
    assert sshd.port != server.port


def test_the_identity_option(sshd: Sshd, tmp_path: Path) -> None:
    text = sshd.config.read_text().replace(f"IdentityFile {sshd.key}", f"IdentityFile {tmp_path}/none")
    options = Options(**{**vars(written(tmp_path, text)), "ssh_identity_file": str(sshd.key)})
    for engine in ENGINES:
        assert facts(target(f"{engine}://{sshd.address}", options))["sudo"] == "no"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """An ssh-agent's socket."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield path
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def test_an_encrypted_key_through_the_agent(agent: Path, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes(sshd.key.read_bytes())
    locked.chmod(0o600)
    subprocess.run(["ssh-add", "-q", str(locked)], env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a-passphrase", "-f", str(locked)], check=True)
    base = sshd.config.read_text().replace(f"IdentityFile {sshd.key}", f"IdentityFile {locked}")
    lost = problem(target(sshd.address, written(tmp_path, base)))
    assert lost.problem is Problem.AUTHENTICATION
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    for text in (
        base.replace("IdentityAgent none", "").replace("IdentitiesOnly yes", ""),
        base.replace("IdentityAgent none", f"IdentityAgent {agent}").replace("IdentitiesOnly yes", ""),
    ):
        assert facts(target(sshd.address, written(tmp_path, text)))["sudo"] == "no"
    (tmp_path / "locked.pub").write_text(sshd.key.with_suffix(".pub").read_text())
    assert facts(target(sshd.address, written(tmp_path, base.replace("IdentityAgent none", ""))))["sudo"] == "no"


def test_more_keys_in_the_agent_than_the_server_lets_us_try(agent: Path, sshd: Sshd, tmp_path: Path) -> None:
    for number in range(8):
        key = generate_key(tmp_path / f"key{number}")
        subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True)
    text = sshd.config.read_text().replace("IdentityAgent none", f"IdentityAgent {agent}").replace("IdentitiesOnly yes", "")
    text = text.replace(f"IdentityFile {sshd.key}", f"IdentityFile {tmp_path}/none")
    found = problem(target(sshd.address, written(tmp_path, text)))
    assert found.problem is Problem.AUTHENTICATION
    assert "IdentitiesOnly" in found.remedy
    assert facts(target(sshd.address, of(sshd, ssh_config=str(tmp_path / "config"), ssh_identity_file=str(sshd.key))))
