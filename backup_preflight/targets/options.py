"""What the command line says about targets."""

from __future__ import annotations

from dataclasses import dataclass, field

from backup_preflight.targets.secret import Secret


@dataclass(frozen=True)
class Options:
    """The options that concern targets, as plain data; ``hosts`` may hold a password and is not in the repr.

    ``connect_timeout`` is in seconds; ``storage_endpoints`` are host names that the VM shall reach;
    ``password`` is for the ``winrm://`` entries that have none.
    """

    hosts: str | None = field(default=None, repr=False)
    connection: str | None = None
    ssh_config: str | None = None
    ssh_identity_file: str | None = None
    sudo: bool = False
    sudo_user: str | None = None
    ansible_inventory: str | None = None
    force_ansible: bool = False
    accept_new_host_keys: bool = False
    connect_timeout: float = 10.0
    storage_endpoints: tuple[str, ...] = ()
    password: Secret | None = None
