"""One entry of ``--hosts``, read: what it holds, and the rules for names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from backup_preflight.errors import UsageError
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.paths import expand_user, why_unreadable
from backup_preflight.targets.secret import Secret
from backup_preflight.targets.winrm_settings import WinRm

SSH_SCHEMES = ("paramiko", "ssh")
CONTAINER_SCHEMES = ("docker", "podman", "lxc", "kubectl", "openshift", "salt")
SCHEMES = (*SSH_SCHEMES, "winrm", *CONTAINER_SCHEMES, "local", "chroot", "ansible", "recorded")
ENCODE = "percent-encode special characters of a user or password (@ is %40, : %3A, / %2F, # %23, ? %3F, comma %2C)"

_HOST = re.compile(r"(?!-)[A-Za-z0-9._:%-]+")
_SUDO_USER = re.compile(r"(?!-)[\w.@+-]+")
_USER = re.compile(r"(?!-)[\w.@+\\-]+")


@dataclass(frozen=True)
class Spec:
    """One entry, read: which machine, by which transport, with which settings."""

    entry: Entry
    scheme: str
    name: str
    user: str | None = None
    password: Secret | None = None
    port: int | None = None
    sudo: bool = False
    sudo_user: str | None = None
    timeout: float = 10.0
    ssh_config: Path | None = None
    ssh_identity_file: Path | None = None
    ssh_arguments: tuple[str, ...] = ()
    accept_new_host_keys: bool = False
    ansible_inventory: str | None = None
    force_ansible: bool = False
    tool: tuple[tuple[str, str], ...] = ()
    winrm: WinRm = field(default_factory=WinRm)
    label: str = ""
    """The name in an inventory, where ``name`` is only its address."""
    system: str = ""
    """``linux`` or ``windows`` where that is known before anything is read."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """A remedy: the choice that was probably meant, else all of them."""
    known = list(choices)
    close = get_close_matches(word.lower(), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"


def check_host(entry: Entry, host: str) -> str:
    """The host name, if no program on the way can take it for an option or a command. Raises UsageError."""
    if not host:
        raise entry.error("it names no host; remove the empty entry or write a host name")
    if not _HOST.fullmatch(host):
        raise entry.error("a host name has only letters, digits and ._:%- and does not begin with '-'")
    return host


def check_user(entry: Entry, user: str) -> str:
    """The user name, likewise. Raises UsageError."""
    if not _USER.fullmatch(user):
        raise entry.error(f"the user name is empty, begins with '-' or has a character that is not allowed; {ENCODE}")
    return user


def check_sudo_user(entry: Entry, user: str | None) -> str | None:
    """The user for sudo; it stands in a shell's command line. Raises UsageError."""
    if user is not None and not _SUDO_USER.fullmatch(user):
        raise entry.error("sudo_user begins with '-' or has a character that is not allowed in a user name")
    return user


def existing_file(value: str, what: str) -> Path:
    """The file, which must be readable. Raises UsageError."""
    path = expand_user(value)
    if reason := why_unreadable(path):
        raise UsageError(f"{what} {value}: {reason}; name a file that you can read")
    return path
