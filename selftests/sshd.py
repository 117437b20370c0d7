"""A real OpenSSH server on loopback, real accounts, and a network that is only loopback: fixtures for the suite's own tests.

Import the fixtures in a conftest.py: ``loopback_only`` (autouse), ``isolated_network``, ``sshd``, ``accounts``.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "correct-horse-77"
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)  # os.unshare and os.setns are new in Python 3.12
_outside: int | None = None
"""The network that this process was started in, once it has left it."""


def missing(what: str) -> None:
    """Skip the test; in CI, where everything has to be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}: needed in CI")
    pytest.skip(what)


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> None:
    """As root, move this process into a network namespace of its own, which has only loopback."""
    global _outside
    if _outside is not None or os.geteuid() != 0:
        return
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    # Only the calling thread moves; later threads and children follow it.
    if _LIBC.unshare(_CLONE_NEWNET) == 0:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        _outside = here


@contextlib.contextmanager
def way_out() -> Iterator[None]:
    """For downloads: this thread, and what it starts, is for the moment back in the network that ``loopback_only`` has left."""
    if _outside is None:
        yield
        return
    with Path("/proc/thread-self/ns/net").open() as inside:
        _enter(_outside)
        try:
            yield
        finally:
            _enter(inside.fileno())


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture(scope="session")
def isolated_network() -> None:
    """For tests that run the real collector, which asks the Azure fabric's addresses."""
    if _outside is None:
        missing("needs root for a network namespace of its own")


@dataclass(frozen=True)
class Sshd:
    """A running server. ``config``: an ssh_config with which its clients touch nothing of this machine's user."""

    pid: int
    host: str
    port: int
    directory: Path
    user: str
    key: Path
    known_hosts: Path
    config: Path
    log: Path

    @property
    def address(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"

    @property
    def host_key(self) -> Path:
        return self.directory / "host_ed25519"

    def log_text(self) -> str:
        return self.log.read_text()


def plain_root(accounts: str, home: Path) -> str:
    """The text of ``/etc/passwd`` with a home for root that has no start-up files: those of this machine may take long."""
    return re.sub(r"(?m)^(root:.*):[^:]*:([^:]*)$", rf"\1:{home}:\2", accounts)


def generate_key(path: Path, *arguments: str, kind: str = "ed25519") -> Path:
    passphrase = () if "-N" in arguments else ("-N", "")
    size = ("-b", "2048") if kind == "rsa" else ()
    command = ["ssh-keygen", "-q", "-t", kind, *size, "-C", "selftest", "-f", str(path), *passphrase, *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """A temporary directory that every account may read: pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="preflight-selftest-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def running_sshd(
    options: Sequence[str] = (), *, host: str = "127.0.0.1", host_keys: Sequence[str] = ("ed25519",), port: int = 0
) -> Iterator[Sshd]:
    """Start a server with these lines of sshd_config before its own; they win. Stopped, by its pid, at the end. Port 0: a free one.

    After ``loopback_only`` it is as on a machine of its own: who logs in sees no processes of other tests, and none of this user's
    start-up files is run.
    """
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        missing("sshd is missing: apt-get install openssh-server")
        raise AssertionError
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with public_directory() as directory:
        port = port or free_port(host)
        key = generate_key(directory / "id_ed25519")
        authorized = directory / "authorized_keys"
        shutil.copy(key.with_suffix(".pub"), authorized)
        authorized.chmod(0o644)
        known_hosts = directory / "known_hosts"
        for kind in host_keys:
            public = generate_key(directory / f"host_{kind}", kind=kind).with_suffix(".pub").read_text().split()
            if kind == host_keys[0]:
                known_hosts.write_text(f"[{host}]:{port} {public[0]} {public[1]}\n")
        log = directory / "log"
        server = directory / "sshd_config"
        lines = [
            *options,
            f"ListenAddress {host}:{port}",
            *(f"HostKey {directory}/host_{kind}" for kind in host_keys),
            f"AuthorizedKeysFile {authorized}",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "UseDNS no",
            "PermitRootLogin yes",
            "PasswordAuthentication yes",
            "MaxStartups 500:30:1000",
            "LogLevel VERBOSE",
            "PrintMotd no",
        ]
        user = pwd.getpwuid(os.geteuid()).pw_name
        command = [program, "-D", "-f", str(server), "-E", str(log)]
        own = _outside is not None
        if own:
            (directory / "home").mkdir()
            lines += [f"Match User {user}", f"SetEnv HOME={directory}/home"]
            command = ["unshare", "--pid", "--kill-child", "--mount-proc", *command]
        server.write_text("\n".join(lines) + "\n")
        config = directory / "ssh_config"
        config.write_text(
            f"IdentityFile {key}\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {known_hosts}\n"
            "GlobalKnownHostsFile /dev/null\n"
        )
        process = subprocess.Popen(command, start_new_session=True)
        try:
            _wait_until_listening(process, host, port, log)
            pid = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()) if own else process.pid
            yield Sshd(pid, host, port, directory, user, key, known_hosts, config, log)
        finally:
            process.kill()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(f"sshd does not start: {log.read_text() if log.exists() else 'no log'}")
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("sshd does not listen")


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """One server for the session."""
    with running_sshd() as server:
        yield server


@dataclass(frozen=True)
class Account:
    """A local account whose password is PASSWORD."""

    name: str
    home: Path

    @contextlib.contextmanager
    def login_shell(self, shell: str) -> Iterator[None]:
        if not Path(shell).exists():
            missing(f"{shell} is missing")
        _account_tool("usermod", "-s", shell, self.name)
        try:
            yield
        finally:
            _account_tool("usermod", "-s", "/bin/bash", self.name)


@dataclass(frozen=True)
class Accounts:
    """``plain`` may not use sudo; ``sudo`` may, without a password."""

    plain: Account
    sudo: Account


@pytest.fixture(scope="session")
def accounts() -> Iterator[Accounts]:
    """Two accounts, removed at the end. Their names hold this process' id, so that sessions do not meet."""
    if os.geteuid() != 0:
        missing("needs root to create accounts")
    if shutil.which("sudo") is None:
        missing("sudo is missing: apt-get install sudo")
    names = [f"preflight-plain-{os.getpid()}", f"preflight-sudo-{os.getpid()}"]
    sudoers = Path(f"/etc/sudoers.d/preflight-selftest-{os.getpid()}")
    with public_directory() as directory:
        try:
            for name in names:
                _account_tool("useradd", "-m", "-k", "/nonexistent", "-d", str(directory / name), "-s", "/bin/bash", name)
                _account_tool("chpasswd", text=f"{name}:{PASSWORD}\n")
            sudoers.write_text(f"{names[1]} ALL=(ALL) NOPASSWD: ALL\n")
            sudoers.chmod(0o440)
            plain, sudo = (Account(name, directory / name) for name in names)
            yield Accounts(plain, sudo)
        finally:
            sudoers.unlink(missing_ok=True)
            for name in names:
                with contextlib.suppress(KeyError):
                    _end_processes_of(pwd.getpwnam(name).pw_uid)
                    _account_tool("userdel", "-f", name)


def _end_processes_of(uid: int) -> None:
    """Only accounts of this module are passed here, so these are processes that a test started."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                os.kill(int(entry.name), signal.SIGKILL)


def _account_tool(*command: str, text: str | None = None) -> None:
    with Path("/etc/passwd").open() as lock:  # the tools fail at once when another one holds their own lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command[0]}: {done.stderr.strip()}")
