"""Targets: everything between ``--hosts`` and "run one script on that VM and give me its bytes".

``expand(Options)`` gives targets; ``Target.read()`` gives a Recording, or raises one clear ConnectionProblem.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from backup_preflight.errors import UsageError
from backup_preflight.recording import Recording
from backup_preflight.targets import hostlist, ids
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.inventory import expand_ansible
from backup_preflight.targets.live import LiveTarget
from backup_preflight.targets.options import Options
from backup_preflight.targets.parse import parse
from backup_preflight.targets.password import PASSWORD_VARIABLE
from backup_preflight.targets.recorded import RecordedTarget, check_unique, expand_recorded
from backup_preflight.targets.spec import SCHEMES, Spec, existing_file, nearest
from backup_preflight.targets.ssh_config import resolve
from backup_preflight.targets.testinfra_backends import register_backends
from backup_preflight.targets.winrm_settings import WITHOUT_PASSWORD

__all__ = ["PASSWORD_VARIABLE", "LiveTarget", "Options", "RecordedTarget", "Target", "expand", "register_backends"]

_EXPANDERS = {"ansible": expand_ansible, "recorded": expand_recorded}
_ENDPOINT = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}")

_WARNING = (
    "a password in --hosts can be seen in the process list, the shell history and CI logs; "
    "use a key, --ask-pass (winrm://), or a list that only you can read: --hosts=@FILE"
)


class Target(Protocol):
    """One VM to read."""

    @property
    def id(self) -> str:
        """Unique and stable, without a secret: the pytest id and the name in reports."""

    @property
    def scheme(self) -> str:
        """The transport."""

    @property
    def system(self) -> str:
        """``linux`` or ``windows`` where that is known before the VM is read, else empty."""

    def read(self) -> Recording:
        """Everything that is known of the VM. Raises ConnectionProblem, for ``recorded://`` NotARecording."""


def expand(options: Options) -> tuple[list[Target], list[str]]:
    """The targets in the order written, and notes for the user. Raises UsageError; opens no connection."""
    try:
        return _expand(options)
    except UsageError as error:
        # Raised anew, so that no traceback shows the variables of a frame that took a password apart.
        failure = type(error)(str(error))
    raise failure


def _expand(options: Options) -> tuple[list[Target], list[str]]:
    _check(options)
    entries = hostlist.entries(options.hosts)
    if options.hosts is None and options.ansible_inventory:
        entries = [Entry("ansible://all", "--ansible-inventory")]
    specs: list[Spec] = []
    for entry in entries:
        spec = parse(entry, options)
        specs += _EXPANDERS[spec.scheme](spec) if spec.scheme in _EXPANDERS else [spec]
    unique, notes = _merge([_with_password(spec, options) for spec in specs])
    check_unique(unique)
    for spec in {spec.ssh_config: spec for spec in unique if spec.scheme == "paramiko"}.values():
        resolve(spec.name, spec.user, spec.port, spec.ssh_config)  # a broken file ends the run here, not in every VM
    if any(spec.password is not None and spec.entry.origin == hostlist.ORIGIN for spec in unique):
        notes.append(_WARNING)
    return [_target(identifier, spec, options) for identifier, spec in zip(ids.assign(unique), unique, strict=True)], notes


def _target(identifier: str, spec: Spec, options: Options) -> Target:
    if spec.scheme == "recorded":
        return RecordedTarget(identifier, Path(spec.name), spec.system)
    return LiveTarget(identifier, spec, options.storage_endpoints)


def _with_password(spec: Spec, options: Options) -> Spec:
    """A ``winrm://`` entry with user and password, where its way to log in takes them. Raises UsageError."""
    if spec.scheme != "winrm" or spec.winrm.auth in WITHOUT_PASSWORD:
        return spec
    if spec.user is None:
        raise spec.entry.error("it names no user; write winrm://USER@HOST (a domain account: winrm://DOMAIN%5CUSER@HOST)")
    password = spec.password or options.password
    if password is None:
        raise spec.entry.error(f"no password for {spec.user}; use --ask-pass, or set the environment variable {PASSWORD_VARIABLE}")
    return replace(spec, password=password)


def _check(options: Options) -> None:
    if options.connection is not None and options.connection not in SCHEMES:
        raise UsageError(f"--connection={options.connection}: unknown transport; {nearest(options.connection, SCHEMES)}")
    for value, option in ((options.ssh_config, "--ssh-config"), (options.ssh_identity_file, "--ssh-identity-file")):
        if value is not None:
            existing_file(value, option)
    for name in options.storage_endpoints:
        if not _ENDPOINT.fullmatch(name):
            raise UsageError(f"--storage-endpoint={name}: this is no host name; write one such as account.blob.core.windows.net")


def _merge(specs: list[Spec]) -> tuple[list[Spec], list[str]]:
    """Entries that mean the same are read once."""
    seen: dict[Spec, int] = {}
    first: dict[Spec, Spec] = {}
    for spec in specs:
        key = replace(spec, entry=Entry("", ""))
        seen[key] = seen.get(key, 0) + 1
        first.setdefault(key, spec)
    notes = [f"{key.label or key.name} is named {count} times; it is read once" for key, count in seen.items() if count > 1]
    return list(first.values()), notes
