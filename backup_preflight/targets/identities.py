"""The keys that a login may use: those of the agent and those in files."""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.agent import AgentSSH

from backup_preflight.targets.host_config import HostConfig
from backup_preflight.targets.paths import expand_user

_DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519")


@dataclass
class Attempt:
    """What was tried, for the message."""

    methods: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    password_sent: bool = False


class Agent(AgentSSH):
    """The agent behind one socket; paramiko's own class knows only $SSH_AUTH_SOCK."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the socket."""
        self._close()  # type: ignore[attr-defined]


def open_agent(config: HostConfig, timeout: float) -> Agent | None:
    """The agent that the configuration or the environment names, if it answers."""
    path = config.get("identityagent", "SSH_AUTH_SOCK")
    if path == "SSH_AUTH_SOCK":
        path = os.environ.get("SSH_AUTH_SOCK", "none")
    elif path.startswith("$"):
        path = os.path.expandvars(path)
    if path.lower() == "none":
        return None
    try:
        return Agent(str(expand_user(config.expand(path))), timeout)
    except (OSError, paramiko.SSHException):
        return None


def candidates(config: HostConfig, agent: Agent | None, identity: Path | None, attempt: Attempt) -> Iterator[paramiko.PKey]:
    """Keys in OpenSSH's order: those of the agent that the configuration names, the agent's others, then files.

    A key file given for this run comes first of all, lest an agent with many keys uses up the server's patience.
    """
    configured = config.paths("identityfile")
    files = ([identity] if identity else []) + (configured or [Path("~/.ssh").expanduser() / name for name in _DEFAULT_KEYS])
    agent_keys = {key.asbytes(): key for key in (agent.get_keys() if agent else ())}
    named = [file for file in files if _public_blob(file) in agent_keys]
    ordered = [file for file in files if file == identity and file not in named]
    for file in ordered:
        yield from _from_file(file, attempt)
    for file in named:
        if key := agent_keys.pop(_public_blob(file), None):
            attempt.keys.append(f"{file} (agent)")
            yield key
    if not config.is_set("identitiesonly"):
        for key in agent_keys.values():
            attempt.keys.append(f"{key.comment or key.get_name()} (agent)")
            yield key
    for file in files:
        if file not in named and file not in ordered:
            yield from _from_file(file, attempt)


def _public_blob(file: Path) -> bytes:
    """The public key beside a private key file; empty when there is none."""
    for path in (file.with_name(file.name + ".pub"), file):
        fields = _words(path)
        if len(fields) > 1 and fields[0].startswith(("ssh-", "ecdsa-", "sk-")):
            with contextlib.suppress(ValueError):
                return base64.b64decode(fields[1])
    return b""


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []


def _key(file: Path) -> paramiko.PKey:
    """The key in a file, read once for all VMs. Raises what paramiko does."""
    with _READING:
        return _read_key(file)


@functools.cache
def _read_key(file: Path) -> paramiko.PKey:
    return paramiko.PKey.from_path(file)


_READING = threading.Lock()


def _from_file(file: Path, attempt: Attempt) -> Iterator[paramiko.PKey]:
    try:
        key = _key(file)
    except FileNotFoundError:
        return
    except (TypeError, paramiko.PasswordRequiredException):
        attempt.locked.append(str(file))
        return
    except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        attempt.unusable.append(f"{file} ({getattr(error, 'strerror', None) or 'not a private key that paramiko reads'})")
        return
    attempt.keys.append(str(file))
    yield key
