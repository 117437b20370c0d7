"""ansible://: an inventory's hosts become entries of our own transports. ansible-inventory is a stand-in script here."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight.errors import Problem, UsageError
from backup_preflight.targets import LiveTarget, Options, expand
from selftests.sshd import Sshd
from selftests.targets.helpers import everything_shown, facts, problem, target

HOSTVARS: dict[str, dict[str, object]] = {
    "vm1": {"ansible_host": "192.0.2.1", "ansible_user": "azureuser", "ansible_port": 2222, "ansible_become": True},
    "vm2": {"ansible_password": "p@ss/w#rd", "ansible_user": "u"},
    "vm3": {"ansible_connection": "paramiko", "ansible_ssh_common_args": "-o ProxyJump=bastion -o Compression=yes"},
    "web": {"ansible_connection": "community.docker.docker"},
    "switch": {"ansible_connection": "network_cli"},
    "here": {"ansible_connection": "local"},
    "win": {
        "ansible_connection": "winrm",
        "ansible_host": "192.0.2.9",
        "ansible_user": "DOMAIN\\admin",
        "ansible_password": "p@ss/w#rd",
        "ansible_winrm_server_cert_validation": "ignore",
        "ansible_winrm_transport": ["ntlm"],
    },
    "win2": {
        "ansible_connection": "ansible.builtin.psrp",
        "ansible_port": 5985,
        "ansible_user": "u",
        "ansible_password": "p@ss",
        "ansible_psrp_configuration_name": "Preflight",
    },
    "win3": {"ansible_connection": "psrp", "ansible_user": "u"},
    "bad": {"ansible_host": "-oProxyCommand=x"},
    "bad2": {"ansible_become_user": "x; id"},
}
GROUPS = {
    "linux": ["vm1", "vm2", "vm3"],
    "other": ["web", "switch", "here"],
    "windows": ["win", "win2"],
    "locked": ["win3"],
    "evil": ["bad"],
    "evil2": ["bad2"],
}


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inventory's path, with an ansible-inventory that prints what it is given."""
    groups: dict[str, object] = {name: {"hosts": hosts} for name, hosts in GROUPS.items()}
    whole = {"_meta": {"hostvars": HOSTVARS}, "all": {"children": list(GROUPS)}, **groups}
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps(whole))
    tool = tmp_path / "bin" / "ansible-inventory"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\n[ "$1 $2" = "--list -i" ] || exit 2\nexec cat "$3"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return path


def live(hosts: str | None, inventory: Path | None) -> dict[str, LiveTarget]:
    targets, notes = expand(Options(hosts=hosts, ansible_inventory=str(inventory) if inventory else None))
    assert notes == []
    return {target.id: target for target in targets if isinstance(target, LiveTarget)}


def test_connection_variables(inventory: Path) -> None:
    found = live("ansible://linux", inventory)
    assert list(found) == ["vm1", "vm2", "vm3"]
    one, two, three = (found[name].spec for name in found)
    assert (one.scheme, one.name, one.user, one.port, one.sudo) == ("ssh", "192.0.2.1", "azureuser", 2222, True)
    assert two.password is not None
    assert (two.scheme, two.name, two.password.reveal()) == ("paramiko", "vm2", "p@ss/w#rd")
    assert (three.scheme, three.ssh_arguments) == ("paramiko", ("-o", "ProxyJump=bastion", "-o", "Compression=yes"))


def test_other_connections(inventory: Path) -> None:
    found = live("ansible://other", inventory)
    assert {name: target.scheme for name, target in found.items()} == {
        "here": "local",
        "ansible://switch": "ansible",
        "docker://web": "docker",
    }


def test_windows_connections(inventory: Path) -> None:
    one, two = (target.spec for target in live("ansible://windows", inventory).values())
    assert one.password is not None
    assert (one.scheme, one.name, one.user, one.password.reveal()) == ("winrm", "192.0.2.9", "DOMAIN\\admin", "p@ss/w#rd")
    assert (one.winrm.ssl, one.winrm.verify, one.winrm.auth) == (True, False, "ntlm")
    assert (two.name, two.port, two.winrm.ssl, two.winrm.configuration_name) == ("win2", 5985, False, "Preflight")


def test_patterns_and_plain_entries_together(inventory: Path) -> None:
    assert list(live("ansible://vm*,vm9", inventory)) == ["vm1", "vm2", "vm3", "vm9"]
    assert list(live(f"ansible://vm1?ansible_inventory={inventory}", None)) == ["vm1"]


def test_the_query_reaches_every_host(inventory: Path) -> None:
    found = live("ansible://vm2?sudo=true&timeout=3", inventory)["vm2"].spec
    assert (found.sudo, found.timeout) == (True, 3)


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("ansible://win3", "no password for u; use --ask-pass"),
        (None, "--ansible-inventory: ansible://all: "),
        ("ansible://nothing", "no host of the inventory matches"),
        ("ansible://evil", "does not begin with '-'"),
        ("ansible://evil2", "sudo_user"),
        ("ansible://-x", "pattern"),
    ],
)
def test_what_cannot_be(hosts: str | None, says: str, inventory: Path) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        live(hosts, inventory)
    assert "p@ss" not in everything_shown(caught.value)


@pytest.mark.parametrize("text", ["", "no json", "{}", "[]", '{"all": {"hosts": []}}'])
def test_an_inventory_that_cannot_be_read(text: str, inventory: Path) -> None:
    inventory.write_text(text)
    with pytest.raises(UsageError, match="cannot be read; try: ansible-inventory --list -i") as caught:
        live("ansible://all", inventory)
    assert "\n" not in str(caught.value)


def test_a_missing_program(inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(UsageError, match="ansible-inventory is missing; install ansible-core"):
        live("ansible://all", inventory)


def test_a_missing_inventory() -> None:
    with pytest.raises(UsageError, match="the inventory /nonexistent does not exist"):
        expand(Options(hosts="ansible://all", ansible_inventory="/nonexistent"))


def test_any_other_connection_goes_through_ansible_itself(inventory: Path) -> None:
    tool = inventory.parent / "bin" / "ansible"
    tool.write_text(
        "#!/bin/sh\n"
        '[ "$1 $3 $5 $6 $7 $9" = "--tree -i -m shell --args switch" ] || { echo "called with $*" >&2; exit 1; }\n'
        'out=$(sh -c "$8" | awk \'{ printf "%s\\\\n", $0 }\')\n'
        'printf \'{"rc": 0, "stdout": "%s", "stderr": ""}\' "$out" >"$2/switch"\n'
    )
    tool.chmod(0o755)
    found = target("ansible://switch", Options(ansible_inventory=str(inventory)))
    assert facts(found)["sudo"] == "no"
    tool.write_text("#!/bin/sh\nexec sleep 30\n")
    assert problem(replace(found, seconds=0.5)).problem is Problem.TRANSPORT


def test_reading_over_ssh(inventory: Path, sshd: Sshd) -> None:
    variables = {"ansible_host": sshd.host, "ansible_port": sshd.port, "ansible_ssh_private_key_file": str(sshd.key)}
    known = f"-o UserKnownHostsFile={sshd.known_hosts} -o IdentityAgent=none"
    hostvars = {"vm1": {**variables, "ansible_ssh_common_args": known}}
    inventory.write_text(json.dumps({"_meta": {"hostvars": hostvars}, "all": {"hosts": ["vm1"]}}))
    found = target("ansible://vm1", Options(ansible_inventory=str(inventory)))
    assert found.id == "vm1"
    assert facts(found)["sudo"] == "no"
