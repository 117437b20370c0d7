"""Each way in which a VM cannot be read gives one clear problem, in time."""

from __future__ import annotations

import errno
import os
import socket
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight import recording
from backup_preflight.errors import Problem
from backup_preflight.targets import tcp
from selftests.sshd import Accounts, Sshd, free_port, generate_key, running_sshd
from selftests.targets.helpers import ENGINES, STANDIN, listener, of, problem, target


@pytest.mark.parametrize("engine", ENGINES)
def test_a_name_that_does_not_exist(engine: str, sshd: Sshd) -> None:
    found = problem(target(f"{engine}://vm7.invalid", of(sshd)))
    assert found.problem is Problem.DNS
    assert "vm7.invalid" in found.detail


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refused_connection(engine: str, sshd: Sshd) -> None:
    port = free_port("127.0.0.1")
    found = problem(target(f"{engine}://127.0.0.1:{port}", of(sshd)))
    assert found.problem is Problem.REFUSED
    assert str(port) in found.detail


@pytest.mark.usefixtures("isolated_network")
@pytest.mark.parametrize("engine", ENGINES)
def test_no_route(engine: str, sshd: Sshd) -> None:
    assert problem(target(f"{engine}://192.0.2.1", of(sshd))).problem is Problem.NO_ROUTE


@pytest.mark.parametrize("engine", ENGINES)
def test_no_tcp_answer(engine: str, sshd: Sshd) -> None:
    with socket.socket() as server, ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        stack.enter_context(socket.create_connection(server.getsockname()))  # the queue is full: the next SYN gets no answer
        port = server.getsockname()[1]
        found = problem(target(f"{engine}://127.0.0.1:{port}", of(sshd, connect_timeout=1.0)))
    assert found.problem is Problem.TIMEOUT
    assert "firewall" in found.remedy
    if engine == "paramiko":
        assert "no TCP answer in 1 s" in found.detail


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_says_nothing(engine: str, sshd: Sshd) -> None:
    with listener(None) as port:
        found = problem(target(f"{engine}://127.0.0.1:{port}", of(sshd, connect_timeout=1.0)))
    assert found.problem is Problem.TIMEOUT
    assert "banner" in found.detail


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-1.5-old\r\n", b"SSH-2.0-x\r\n" + bytes(range(256)) * 9, b"\xff\n" * 9],
)
def test_a_server_that_closes_at_once(engine: str, answer: bytes, sshd: Sshd) -> None:
    with listener(answer) as port:
        found = problem(target(f"{engine}://127.0.0.1:{port}", of(sshd)))
    assert found.problem in (Problem.DROPPED, Problem.NOT_SSH, Problem.KEY_EXCHANGE, Problem.TRANSPORT)


def test_a_handshake_that_breaks_off_leaves_no_timer(sshd: Sshd) -> None:
    with listener(b"SSH-2.0-x\r\n") as port:
        problem(target(f"paramiko://127.0.0.1:{port}", of(sshd)))
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refused_key(engine: str, sshd: Sshd, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other")
    config = tmp_path / "config"
    config.write_text(sshd.config.read_text().replace(str(sshd.key), str(other)))
    found = problem(target(f"{engine}://{sshd.address}", of(sshd, ssh_config=str(config))))
    assert found.problem is Problem.AUTHENTICATION
    assert "publickey" in found.detail
    if engine == "paramiko":
        assert str(other) in found.detail


def test_an_encrypted_key_without_agent(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    locked = generate_key(tmp_path / "locked", "-N", "a-passphrase")
    config = tmp_path / "config"
    config.write_text(sshd.config.read_text().replace(str(sshd.key), str(locked)))
    found = problem(target(sshd.address, of(sshd, ssh_config=str(config))))
    assert found.problem is Problem.AUTHENTICATION
    assert f"ssh-add {locked}" in found.remedy
    assert "ssh://" in found.remedy


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("begun", [True, False])
def test_a_connection_lost_in_the_middle(engine: str, begun: bool, sshd: Sshd) -> None:
    script = (STANDIN.splitlines()[1] + "\n") * begun + "kill -9 $PPID\n"
    found = problem(target(f"{engine}://{sshd.address}", of(sshd), script))
    assert found.problem is Problem.DROPPED


@pytest.mark.parametrize("engine", ENGINES)
def test_output_without_end(engine: str, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backup_preflight.targets.output.MAX_BYTES", 100_000)
    found = problem(target(f"{engine}://{sshd.address}", of(sshd), "yes spam\n"))
    assert found.problem is Problem.OUTPUT
    assert "'spam spam" in found.detail


@pytest.mark.parametrize("entry", [*ENGINES, "local"])
def test_a_script_without_end(entry: str, sshd: Sshd) -> None:
    found = target("local://" if entry == "local" else f"{entry}://{sshd.address}", of(sshd), "sleep 30\n")
    assert problem(replace(found, seconds=0.5)).problem is Problem.TIMEOUT


@pytest.mark.parametrize("engine", ENGINES)
def test_a_complete_recording_counts_though_a_process_keeps_the_connection_open(engine: str, sshd: Sshd) -> None:
    found = target(f"{engine}://{sshd.address}", of(sshd), STANDIN + "sleep 6 &\n")
    assert replace(found, seconds=4.0).read().section("run").status is recording.Status.OK


@pytest.mark.parametrize("engine", ENGINES)
def test_a_forced_command(engine: str) -> None:
    with running_sshd(["ForceCommand echo 'This account is not available.'"]) as server:
        found = problem(target(f"{engine}://{server.address}", of(server)))
    assert found.problem is Problem.NOT_LINUX
    assert "This account is not available." in found.detail
    assert "winrm://" in found.remedy


@pytest.mark.parametrize("engine", ENGINES)
def test_a_login_shell_that_is_none(engine: str, sshd: Sshd, accounts: Accounts) -> None:
    with accounts.plain.login_shell("/usr/sbin/nologin"):
        found = problem(target(f"{engine}://{accounts.plain.name}@{sshd.host}:{sshd.port}", of(sshd)))
    assert found.problem is Problem.NOT_LINUX
    assert "not available" in found.detail


def test_no_session_allowed() -> None:
    with running_sshd(["MaxSessions 0"]) as server:
        found = problem(target(server.address, of(server)))
    assert found.problem is Problem.TRANSPORT
    assert "MaxSessions" in found.remedy


@pytest.mark.parametrize(
    ("code", "problem_found"),
    [
        (errno.EHOSTUNREACH, Problem.NO_ROUTE),
        (errno.EPERM, Problem.NO_ROUTE),
        (errno.ECONNREFUSED, Problem.REFUSED),
        (errno.ETIMEDOUT, Problem.TIMEOUT),
        (errno.EMFILE, Problem.TRANSPORT),
    ],
)
def test_what_an_error_of_connect_means(code: int, problem_found: Problem) -> None:
    found = tcp._tcp_problem(OSError(code, os.strerror(code)), "vm7 port 22", 22, 10)
    assert found.problem is problem_found
    assert "vm7 port 22" in found.detail
