"""``ansible://PATTERN``: the hosts of an Ansible inventory, as entries of our own transports.

The inventory is read by testinfra (``ansible-inventory --list``). Its connection variables are translated here, because
testinfra writes a password into a host spec without encoding it.
"""

from __future__ import annotations

import os
import shlex
from configparser import ConfigParser
from dataclasses import replace
from typing import Any

from testinfra.utils.ansible_runner import AnsibleRunner

from backup_preflight.targets.entry import Entry
from backup_preflight.targets.secret import Secret
from backup_preflight.targets.spec import Spec, check_host, check_sudo_user, check_user, existing_file
from backup_preflight.targets.winrm_settings import winrm_settings

_CONNECTIONS = {
    "ssh": "ssh",
    "smart": "ssh",
    "paramiko": "paramiko",
    "paramiko_ssh": "paramiko",
    "local": "local",
    "docker": "docker",
    "community.docker.docker": "docker",
    "podman": "podman",
    "containers.podman.podman": "podman",
    "lxc": "lxc",
    "lxd": "lxc",
}
_WINDOWS = ("winrm", "psrp")
HTTP_PORT = 5985
"""Ansible takes WinRM on this port for HTTP, on any other for HTTPS."""


def expand_ansible(spec: Spec) -> list[Spec]:
    """One entry per host that the pattern selects. Raises UsageError."""
    inventory_file = spec.ansible_inventory
    if inventory_file and "," not in inventory_file and not os.path.exists(inventory_file):  # noqa: PTH110  (never raises)
        raise spec.entry.error(f"the inventory {inventory_file} does not exist; correct --ansible-inventory")
    runner = AnsibleRunner.get_runner(spec.ansible_inventory)
    try:
        names = runner.get_hosts(spec.name)
        inventory = runner.inventory
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise spec.entry.error(_inventory_problem(spec, str(error))) from None
    if not names:
        raise spec.entry.error("no host of the inventory matches; see 'ansible-inventory --graph'")
    hostvars = inventory.get("_meta", {}).get("hostvars", {})
    return [_host(spec, name, hostvars.get(name, {}), runner.ansible_config) for name in names]


def _inventory_problem(spec: Spec, text: str) -> str:
    where = f"inventory {spec.ansible_inventory}" if spec.ansible_inventory else "the default inventory"
    if "ansible-inventory" in text and "not found" in text:
        return "the program ansible-inventory is missing; install ansible-core, or list the hosts in a file: --hosts=@FILE"
    return f"{where} cannot be read; try: ansible-inventory --list" + (
        f" -i {shlex.quote(spec.ansible_inventory)}" if spec.ansible_inventory else ""
    )


def _host(spec: Spec, name: str, variables: dict[str, Any], config: ConfigParser) -> Spec:
    entry = Entry(name, f"{spec.entry.origin}: {spec.entry.text}")

    def setting(variable: str, section: str, key: str, environment: str) -> str | None:
        value = os.environ.get(environment) or variables.get(variable) or config.get(section, key, fallback=None)
        return None if value is None else str(value)

    connection = str(variables.get("ansible_connection", "ssh"))
    if connection.rpartition(".")[2] in _WINDOWS:
        return _windows_host(spec, entry, name, variables)
    if spec.force_ansible or connection not in _CONNECTIONS:
        return replace(spec, entry=entry, name=name)
    password = variables.get("ansible_password") or variables.get("ansible_ssh_pass")
    scheme = _CONNECTIONS[connection]
    if scheme == "ssh" and password:
        scheme = "paramiko"
    identity = variables.get("ansible_ssh_private_key_file") or variables.get("ansible_private_key_file")
    extra = " ".join(
        filter(
            None,
            (
                setting("ansible_ssh_common_args", "ssh_connection", "ssh_common_args", "ANSIBLE_SSH_COMMON_ARGS"),
                setting("ansible_ssh_extra_args", "ssh_connection", "ssh_extra_args", "ANSIBLE_SSH_EXTRA_ARGS"),
            ),
        )
    )
    become = setting("ansible_become", "privilege_escalation", "become", "ANSIBLE_BECOME") or ""
    become_user = setting("ansible_become_user", "privilege_escalation", "become_user", "ANSIBLE_BECOME_USER")
    user = setting("ansible_user", "defaults", "remote_user", "ANSIBLE_REMOTE_USER")
    return replace(
        spec,
        entry=entry,
        scheme=scheme,
        name="localhost" if scheme == "local" else check_host(entry, str(variables.get("ansible_host", name))),
        user=check_user(entry, user) if user and scheme != "local" else None,
        password=Secret(str(password)) if password else None,
        port=_port(entry, setting("ansible_port", "defaults", "remote_port", "ANSIBLE_REMOTE_PORT")),
        sudo=spec.sudo or become.lower() in ("true", "yes", "1"),
        sudo_user=check_sudo_user(entry, become_user or spec.sudo_user),
        ssh_identity_file=existing_file(str(identity), f"{name}: key") if identity else spec.ssh_identity_file,
        ssh_arguments=tuple(shlex.split(extra)),
        label=name,
    )


def _windows_host(spec: Spec, entry: Entry, name: str, variables: dict[str, Any]) -> Spec:
    """A host that Ansible reaches with its connection plugin winrm or psrp: the same variables, as an entry would say them."""

    def setting(*keys: str) -> str | None:
        found = next(
            (variables[key] for plugin in _WINDOWS for key in (f"ansible_{plugin}_{key}" for key in keys) if key in variables), None
        )
        return None if found is None else str(found[0] if isinstance(found, list) and found else found)

    port = _port(entry, str(variables["ansible_port"]) if "ansible_port" in variables else None)
    scheme = setting("scheme", "protocol") or ("http" if port == HTTP_PORT else "https")
    given = {"no_ssl": "true" if scheme == "http" else "false"}
    given["no_verify_ssl"] = "true" if setting("server_cert_validation", "cert_validation") == "ignore" else "false"
    names = {"ca_cert": "ca_trust_path", "certificate_pem": "cert_pem", "certificate_key_pem": "cert_key_pem"}
    for key, old in names.items():
        if path := setting(key, old):
            given[key] = str(existing_file(path, f"{name}: {key}"))
    if auth := setting("transport", "auth"):
        given["auth"] = {"ssl": "basic", "plaintext": "basic"}.get(auth, auth)
    if configuration := setting("configuration_name"):
        given["configuration_name"] = configuration
    user = variables.get("ansible_user") or variables.get("ansible_psrp_user") or variables.get("ansible_winrm_user")
    password = variables.get("ansible_password") or setting("password", "pass")
    return replace(
        spec,
        entry=entry,
        scheme="winrm",
        name=check_host(entry, str(variables.get("ansible_host", name))),
        user=check_user(entry, str(user)) if user else None,
        password=Secret(str(password)) if password else None,
        port=port,
        sudo=False,
        winrm=winrm_settings(entry, given),
        label=name,
    )


def _port(entry: Entry, value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise entry.error(f"ansible_port {value!r} is not a number from 1 to 65535")
    return int(value)
