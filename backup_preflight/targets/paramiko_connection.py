"""One SSH connection over paramiko: TCP, ProxyCommand or ProxyJump, handshake, host key, login."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import Protocol

import paramiko

from backup_preflight.errors import ConnectionProblem, Problem, UsageError
from backup_preflight.targets.handshake import shake_hands
from backup_preflight.targets.host_config import HostConfig
from backup_preflight.targets.login import log_in
from backup_preflight.targets.spec import Spec
from backup_preflight.targets.ssh_config import resolve
from backup_preflight.targets.tcp import forward_problem, open_tcp

KEEPALIVE_SECONDS = 15
_MAX_JUMPS = 8


class _Closable(Protocol):
    def close(self) -> None: ...


@dataclass
class Connection:
    """A logged-in transport and what it stands on (jump hosts, a proxy process)."""

    transport: paramiko.Transport
    below: list[_Closable] = field(default_factory=list)

    def close(self) -> None:
        """Close all of it, the innermost first."""
        for part in (self.transport, *reversed(self.below)):
            part.close()


class _Process:
    """A ProxyCommand."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def connect(spec: Spec, deadline: float) -> Connection:
    """Open one connection, before ``deadline`` (``time.monotonic()``). Raises ConnectionProblem."""
    try:
        config = resolve(spec.name, spec.user, spec.port, spec.ssh_config)
        return _connect(config, spec, deadline, via=None, depth=0)
    except UsageError as error:
        raise ConnectionProblem(Problem.TRANSPORT, str(error), f"see what OpenSSH makes of it: ssh -G {spec.name}") from None


def _connect(config: HostConfig, spec: Spec, deadline: float, via: list[str] | None, depth: int) -> Connection:
    if depth > _MAX_JUMPS:
        raise ConnectionProblem(Problem.TRANSPORT, f"more than {_MAX_JUMPS} jump hosts", "correct ProxyJump in the ssh config")
    below: list[_Closable] = []
    timeout = min(spec.timeout, max(0.1, deadline - time.monotonic()))
    sock: socket.socket | paramiko.Channel
    try:
        hops = config.jump_hosts if via is None else via
        if hops:
            sock = _through(hops, config, spec, deadline, depth, below)
        elif via is None and config.proxy_command:
            sock = _through_command(config.proxy_command, below)
        else:
            sock = open_tcp(config, timeout)
        transport = shake_hands(sock, config, timeout, accept_new=spec.accept_new_host_keys)
    except BaseException:
        _close_all(below)
        raise
    connection = Connection(transport, below)
    try:
        password = spec.password if depth == 0 else None
        log_in(transport, config, identity=spec.ssh_identity_file, password=password, timeout=timeout)
        transport.set_keepalive(KEEPALIVE_SECONDS)
    except BaseException:
        connection.close()
        raise
    return connection


def _through(hops: list[str], config: HostConfig, spec: Spec, deadline: float, depth: int, below: list[_Closable]) -> paramiko.Channel:
    match = re.fullmatch(r"(?:ssh://)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?", hops[-1])
    if not match:
        raise ConnectionProblem(Problem.TRANSPORT, f"ProxyJump {hops[-1]!r} is no [user@]host[:port]", "correct the ssh config")
    name = match[2] or match[3]
    try:
        hop = resolve(name, match[1], int(match[4]) if match[4] else None, spec.ssh_config)
        jump = _connect(hop, spec, deadline, via=hops[:-1] or None, depth=depth + 1)
    except ConnectionProblem as problem:
        raise ConnectionProblem(problem.problem, f"jump host {name}: {problem.detail}", problem.remedy) from None
    below.append(jump)
    timeout = min(spec.timeout, max(0.1, deadline - time.monotonic()))
    try:
        return jump.transport.open_channel("direct-tcpip", (config.host, config.port), ("127.0.0.1", 0), timeout=timeout)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise forward_problem(error, name, config) from None


def _through_command(command: str, below: list[_Closable]) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        # As OpenSSH: by the shell, with "exec" so that closing ends the program itself.
        process = subprocess.Popen(  # noqa: S602
            f"exec {command}",
            shell=True,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    below.append(_Process(process))
    return ours


def _close_all(parts: list[_Closable]) -> None:
    for part in reversed(parts):
        part.close()
