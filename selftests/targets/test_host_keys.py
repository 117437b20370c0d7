"""The server's key is verified, by OpenSSH's rules."""

from __future__ import annotations

import base64
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backup_preflight.errors import Problem
from backup_preflight.targets import Options
from backup_preflight.targets.known_hosts import Verdict, judge, lookup
from selftests.sshd import Sshd, generate_key, running_sshd
from selftests.targets.helpers import ENGINES, facts, of, problem, target


def client(sshd: Sshd, tmp_path: Path, known: str, extra: str = "") -> tuple[Options, Path]:
    """Options of a client with this known_hosts file."""
    file = tmp_path / "known"
    file.write_text(known)
    config = tmp_path / "config"
    text = sshd.config.read_text().replace(str(sshd.known_hosts), str(file))
    config.write_text(extra + "\n" + text)
    return of(sshd, ssh_config=str(config)), file


def public(path: Path) -> str:
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def fingerprint(path: Path) -> str:
    return subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True).stdout.split()[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unknown_key_is_refused(engine: str, sshd: Sshd, tmp_path: Path) -> None:
    options, file = client(sshd, tmp_path, "")
    found = problem(target(f"{engine}://{sshd.address}", options))
    assert found.problem is Problem.HOST_KEY
    assert "ssh-keyscan" in found.remedy
    assert "--accept-new-host-keys" in found.remedy
    assert file.read_text() == ""
    assert "not known: " in found.detail
    if engine == "paramiko":
        assert f"ssh-ed25519 {fingerprint(sshd.host_key)}" in found.detail


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hashed", ["yes", "no"])
def test_accept_new_adds_the_key(engine: str, hashed: str, sshd: Sshd, tmp_path: Path) -> None:
    last = "other.example ssh-ed25519 AAAA" + "\n" * (engine == "ssh")  # OpenSSH 9.2 would go on in the same line
    options, file = client(sshd, tmp_path, last, f"HashKnownHosts {hashed}")
    accept = Options(**{**vars(options), "accept_new_host_keys": True})
    facts(target(f"{engine}://{sshd.address}", accept))
    assert ("|1|" in file.read_text()) == (hashed == "yes")
    facts(target(f"paramiko://{sshd.address}", options))
    facts(target(f"ssh://{sshd.address}", options))


def test_many_at_once_add_the_key_once(sshd: Sshd, tmp_path: Path) -> None:
    options, file = client(sshd, tmp_path, "", "StrictHostKeyChecking accept-new")
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(facts, [target(sshd.address, options)] * 10))
    assert len(file.read_text().splitlines()) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_no_checking_accepts_an_unknown_key(engine: str, sshd: Sshd, tmp_path: Path) -> None:
    options, file = client(sshd, tmp_path, "", "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null")
    facts(target(f"{engine}://{sshd.address}", options))
    assert file.read_text() == ""


@pytest.mark.parametrize("strict", ["yes", "ask", "accept-new", "no", "off"])
def test_a_changed_key_is_always_refused(strict: str, sshd: Sshd, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other")
    known = f"[{sshd.host}]:{sshd.port} {public(other)}\n"
    options, file = client(sshd, tmp_path, known, f"StrictHostKeyChecking {strict}")
    found = problem(target(sshd.address, Options(**{**vars(options), "accept_new_host_keys": True})))
    assert found.problem is Problem.HOST_KEY
    assert fingerprint(other) in found.detail
    assert fingerprint(sshd.host_key) in found.detail
    assert f"ssh-keygen -f {file} -R '[{sshd.host}]:{sshd.port}'" in found.remedy
    assert file.read_text() == known


def test_a_changed_key_is_refused_by_openssh_too(sshd: Sshd, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other")
    options, _ = client(sshd, tmp_path, f"[{sshd.host}]:{sshd.port} {public(other)}\n")
    found = problem(target(f"ssh://{sshd.address}", Options(**{**vars(options), "accept_new_host_keys": True})))
    assert found.problem is Problem.HOST_KEY
    assert f"another host key than the known one: {fingerprint(sshd.host_key)}" in found.detail


def test_a_revoked_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    options, _ = client(sshd, tmp_path, f"@revoked * {public(sshd.host_key)}\n", "StrictHostKeyChecking no")
    found = problem(target(sshd.address, options))
    assert found.problem is Problem.HOST_KEY
    assert "revoked" in found.detail


def test_hashed_entries_count(sshd: Sshd, tmp_path: Path) -> None:
    options, file = client(sshd, tmp_path, f"[{sshd.host}]:{sshd.port} {public(sshd.host_key)}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert file.read_text().startswith("|1|")
    facts(target(sshd.address, options))


@pytest.mark.parametrize("known", ["127.0.0.1", "*", "127.0.0.*,!127.0.0.2", "alias"])
def test_names_of_an_entry(known: str, sshd: Sshd, tmp_path: Path) -> None:
    extra = "HostKeyAlias ALIAS" if known == "alias" else ""
    options, _ = client(sshd, tmp_path, f"{known} {public(sshd.host_key)}\n", extra)
    facts(target(sshd.address, options))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_server_with_several_keys_shows_the_known_one(kind: str, tmp_path: Path) -> None:
    with running_sshd(host_keys=("ed25519", "ecdsa", "rsa")) as server:
        options, _ = client(server, tmp_path, f"[{server.host}]:{server.port} {public(server.directory / f'host_{kind}')}\n")
        facts(target(server.address, options))


def test_a_file_with_odd_lines_is_read(tmp_path: Path) -> None:
    file = tmp_path / "known"
    key = generate_key(tmp_path / "key")
    file.write_bytes(
        b"# comment\n\nh\nh ssh-rsa ###\n@cert-authority * ssh-rsa AAAA\n|1|x|y ssh-rsa AAAA\n|1| ssh-rsa AAAA\n\xff\xfe x y\n"
        + f"h {public(key)} a comment\n".encode()
    )
    found = lookup("h", [tmp_path / "missing", tmp_path, file])
    assert [key.where for key in found] == [f"{file}:9"]
    assert judge(base64.b64decode(public(key).split()[1]), found) is Verdict.KNOWN
