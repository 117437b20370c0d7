"""Recordings made to order: a healthy Debian 12 VM in Azure, and changes to it.

``python -m selftests.recordings examples`` writes the recordings of examples/.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from backup_preflight.causes import Edition
from backup_preflight.facts.linux import LinuxFacts
from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import NotRead, Recording, load, parse
from backup_preflight.verdict import Judge, Rules

Key = tuple[str, str]
"""Section and subject."""

NONCE = "5e1f7e57" * 4
CLOCK = 1_780_000_000
"""The guest's clock: 2026-05-28 20:26:40 UTC."""

BOOT = CLOCK - 86_400
EXTENSION = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9217.0"
OTHER = "Microsoft.Azure.Monitor.AzureMonitorLinuxAgent-1.33.1"
UNIT = "walinuxagent.service"
CONF = "/etc/waagent.conf"
STATUS_FILE = f"{EXTENSION}/7.status"
HOSTS = ("md-hdd-pbhlk3l5mb1q.z27.blob.storage.azure.net", "umsa1k2j3h4g5f6d.blob.core.windows.net")
LEASE = "/run/systemd/netif/leases/2"
NETWORK = "/run/systemd/network/10-netplan-eth0.network"
SCRIPT_CONFIG = "/etc/azure/VMSnapshotScriptPluginConfig.json"
HOST_CONFIG = "/etc/azure/VMSnapshotPluginHost.conf"


@dataclass(frozen=True)
class Part:
    """One section as the collector would print it."""

    status: str = "ok"
    body: bytes = b""
    detail: str = ""


Change = Part | str | bytes | None
"""What a section becomes; text is its body, None takes the section out (an older collector)."""

Changes = Mapping[str | Key, Change]
"""By section, or by section and subject."""

ABSENT = Part("absent")
DENIED = Part("denied", detail="/var/lib/waagent")
UNSUPPORTED = Part("unsupported", detail="needs a tool that is not there")
TIMEOUT = Part("timeout", detail="5")


def error(detail: str) -> Part:
    """A probe that failed."""
    return Part("error", detail=detail)


def http(code: int, body: str | bytes = b"", headers: str = "") -> bytes:
    """An HTTP response."""
    content = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {code} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


def kv(**values: object) -> str:
    """``key=value`` lines."""
    return "\n".join(f"{key}={value}" for key, value in values.items())


def profile(**changes: Any) -> bytes:
    """The answer of the instance metadata: an OS disk of 30 GB, a data disk of 128 GB; ``changes`` replace parts of it."""
    managed = {"id": "/subscriptions/0/x", "storageAccountType": "Premium_LRS"}
    os_disk = {
        "name": "vm_OsDisk_1",
        "diskSizeGB": "30",
        "osType": "Linux",
        "managedDisk": managed,
        "encryptionSettings": {"enabled": "false"},
    }
    found = {"osDisk": os_disk, "dataDisks": [data_disk(0)], "resourceDisk": {"size": "34816"}, **changes}
    return http(200, json.dumps(found))


def data_disk(lun: int, size: object = "128", **more: Any) -> dict[str, Any]:
    """A data disk of the storage profile."""
    return {"lun": str(lun), "name": f"vm_DataDisk_{lun}", "diskSizeGB": size, "managedDisk": {"storageAccountType": "Premium_LRS"}, **more}


def status_file(code: object, message: str = "", status: str = "success") -> str:
    """A status file of the backup extension."""
    substatus = [{"name": "0", "status": status, "code": "0", "formattedMessage": {"lang": "en-US", "message": message}}]
    return json.dumps([{"version": "1.0", "status": {"operation": "Enable", "status": status, "code": code, "substatus": substatus}}])


def handler(status: str, code: int = 0, message: str = "") -> str:
    """A HandlerStatus file."""
    return json.dumps({"name": "x", "status": status, "code": code, "formattedMessage": {"lang": "en-US", "message": message}})


VERSIONS = b'<?xml version="1.0" encoding="utf-8"?><Versions><Preferred><Version>2015-04-05</Version></Preferred></Versions>'
AGENTS_OWN_RULES = """\
*security
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -d 168.63.129.16/32 -p tcp -m tcp --dport 53 -j ACCEPT
-A OUTPUT -d 168.63.129.16/32 -p tcp -m owner --uid-owner 0 -j ACCEPT
-A OUTPUT -d 168.63.129.16/32 -p tcp -m conntrack --ctstate INVALID,NEW -j DROP
COMMIT"""
CONF_TEXT = """\
# Microsoft Azure Linux Agent Configuration
Extensions.Enabled=y
Provisioning.Agent=cloud-init
Logs.Verbose=n
# HttpProxy.Host=None
# HttpProxy.Port=None
AutoUpdate.Enabled=y"""
MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,discard
23 22 0:20 / /proc rw,nosuid,nodev,noexec - proc proc rw
24 22 8:15 / /boot/efi rw,relatime shared:2 - vfat /dev/sda15 rw
25 22 8:33 / /data rw,relatime shared:3 - xfs /dev/sdc1 rw
26 22 8:17 / /mnt rw,relatime shared:4 - ext4 /dev/sdb1 rw"""
SCSI = "LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"

_RUN = {
    "collector": "0.1.0",
    "uid": 0,
    "sudo": "yes",
    "image": "no",
    "kernel": "Linux",
    "machine": "x86_64",
    "release": "6.1.0-37-cloud-amd64",
    "pid1": "systemd",
    "systemd": "yes",
    "virtualization": "microsoft",
    "container": "none",
    "clock": CLOCK,
}
_UNIT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "UnitFileState": "enabled",
    "MainPID": 641,
    "NRestarts": 0,
    "Restart": "always",
    "ConditionResult": "yes",
    "FragmentPath": "/lib/systemd/system/walinuxagent.service",
    "DropInPaths": "/etc/systemd/system/walinuxagent.service.d/restart.conf",
    "ActiveEnterTimestamp": "Wed 2026-05-27 20:26:52 UTC",
    "InactiveEnterTimestamp": "",
}
_BODIES: dict[str | Key, Change] = {
    "run": kv(**_RUN),
    "os_release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian',
    "dmi": kv(chassis_asset_tag="7783-7084-3265-9085-8269-3286-77"),
    "clock": kv(clock=CLOCK + 4),
    "uptime": kv(uptime="86400.52", ticks=100, boot_time=BOOT),
    "cpu": "cpu  1000 0 500 90000 100 0 50 0 0 0\ncpu  1010 0 505 90180 101 0 50 0 0 0",
    "cpu_of_probes": "cpu  1000 0 500 90000 100 0 50 0 0 0\ncpu  1040 0 560 90250 104 0 50 0 0 0",
    "cpus": "2",
    "meminfo": "MemTotal:        8131340 kB\nMemFree:         5270144 kB\nMemAvailable:    7013060 kB",
    "selinux": ABSENT,
    "reboot_required": ABSENT,
    "reboot_packages": ABSENT,
    "core_packages": Part("unsupported", detail="no rpm database"),
    "kernels": "6.1.0-35-cloud-amd64\n6.1.0-37-cloud-amd64",
    "agent_binary": "/usr/sbin/waagent\tyes",
    "agent_packages": "dpkg\twaagent\tinstalled\t2.7.3.0-4.1",
    "agent_binary_owner": "waagent",
    "agent_version": "WALinuxAgent-2.7.3.0 running on debian 12.11\nPython: 3.11.2\nGoal state agent: 2.12.0.2",
    ("agent_conf", CONF): CONF_TEXT,
    "agent_log": kv(mtime=CLOCK - 300, size=81920),
    "agent_status": f"{CLOCK - 60}\t/var/lib/waagent/history/2026-05-28/waagent_status.1.json",
    "azure_log_dir": "",
    "lib_dir": kv(mode="700", xml=6, stale_xml=2),
    "lib_dir_space": kv(mount="/", free_kib=25_165_824, inodes=1_966_080, inodes_free=1_900_000),
    "disable_agent": ABSENT,
    "provisioned": "",
    "wireserver_endpoint": "168.63.129.16",
    "deployment": '<Deployment name="1d2c3b4a5f6e4d5c8b7a" guid="{0}" incarnation="0">\n<Service name="vm">',
    "provision_guest_agent": "true",
    "processes": (
        "641\t1\tS\t1200\t/usr/bin/python3 -u /usr/sbin/waagent -daemon\n"
        "902\t641\tS\t1900\tpython3 -u bin/WALinuxAgent-2.12.0.2-py3.9.egg -run-exthandlers"
    ),
    "dhcp_clients": "",
    "other_backup_processes": "",
    ("unit", UNIT): kv(**_UNIT),
    ("unit", "waagent.service"): kv(LoadState="not-found", ActiveState="inactive"),
    ("unit_enabled", UNIT): "enabled",
    ("unit_enabled", "waagent.service"): ABSENT,
    ("unit_file", "/lib/systemd/system/walinuxagent.service"): (
        "[Unit]\nConditionVirtualization=microsoft\n[Service]\nExecStart=/usr/bin/python3 -u /usr/sbin/waagent -daemon"
    ),
    ("unit_file", "/etc/systemd/system/walinuxagent.service.d/restart.conf"): "[Service]\nRestart=always\nRestartSec=5",
    "sysv_links": "",
    "upstart": ABSENT,
    "python": kv(path="/usr/bin/python3", version="3.11.2", imp="yes", distutils="yes", crypt="yes"),
    "extensions": f"{EXTENSION}\n{OTHER}",
    ("extension_state", EXTENSION): "Enabled",
    ("extension_state", OTHER): "Enabled",
    ("extension_status", EXTENSION): handler("Ready", message="Plugin enabled"),
    ("extension_status", OTHER): handler("Ready", message="Plugin enabled"),
    "snapshot_status_files": f"{CLOCK - 40_000}\t612\t{EXTENSION}\t7.status",
    ("snapshot_status", STATUS_FILE): status_file("1", "Success"),
    "snapshot_freeze_tool": f"yes\t{EXTENSION}/main/safefreeze/bin/safefreeze",
    "snapshot_imports": f"{EXTENSION}\tmain/handle.py\t    import imp",
    "snapshot_certificates": "0123456789ABCDEF0123456789ABCDEF01234567\tyes\tyes\tyes",
    "snapshot_log": "",
    "freeze_lock": "",
    "vmbackup_conf": ABSENT,
    "script_host_conf": ABSENT,
    "script_config": ABSENT,
    ("file", HOST_CONFIG): ABSENT,
    ("file", SCRIPT_CONFIG): ABSENT,
    "tools": "yes\topenssl\nyes\tbase64\nyes\tlsblk\nyes\tmount\nyes\tumount\nyes\tblkid",
    "mounts": MOUNTS,
    "mount_open": "ok\t/\nok\t/data\nok\t/mnt",
    "block_devices": (
        f"sda\t{30 * 1024**3}\t0\tVirtual Disk\t{SCSI}/f8b3781b-1e82-4818-a1c3-63d806ec15bb/host0/target0:0:0/0:0:0:0/block/sda\n"
        f"sdb\t{32 * 1024**3}\t0\tVirtual Disk\t{SCSI}/f8b3781a-1e82-4818-a1c3-63d806ec15bb/host1/target1:0:1/1:0:1:0/block/sdb\n"
        f"sdc\t{128 * 1024**3}\t0\tVirtual Disk\t{SCSI}/f8b3781b-1e82-4818-a1c3-63d806ec15bb/host0/target0:0:1/0:0:1:0/block/sdc\n"
        f"sr0\t{1024**2}\t1\tVirtual CD/ROM\t{SCSI}/00000000-0000-8899/host2/block/sr0"
    ),
    "resource_disk": "sdb\n/mnt",
    "primary_interface": kv(name="eth0", index=2),
    "route_table": (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
        "eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
        "eth0\t10813FA8\t0100000A\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0"
    ),
    "route_to_wireserver": "168.63.129.16 via 10.0.0.1 dev eth0 src 10.0.0.4 uid 0",
    "special_routes": "",
    (
        "networkd_link",
        "/run/systemd/netif/links/2",
    ): f"ADMIN_STATE=configured\nOPER_STATE=routable\nNETWORK_FILE={NETWORK}\nDNS=168.63.129.16",
    ("networkd_network", NETWORK): "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=ipv6",
    ("nm_connection", "eth0"): ABSENT,
    "ifupdown": ABSENT,
    "ifcfg": ABSENT,
    "netplan": "/etc/netplan/50-cloud-init.yaml",
    ("dhcp_lease", LEASE): "ADDRESS=10.0.0.4\nSERVER_ADDRESS=168.63.129.16\nDNS=168.63.129.16\nOPTION_245=a83f8110",
    "resolv_conf": "nameserver 168.63.129.16",
    "iptables": AGENTS_OWN_RULES,
    "nft": '{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}',
    ("proxy_environment", "session"): "",
    ("proxy_environment", "/etc/environment"): "",
    ("proxy_environment", UNIT): "",
    ("http", "wireserver"): http(200, VERSIONS, f"Date: {formatdate(CLOCK, usegmt=True)}\r\n"),
    ("http", "hostgaplugin"): http(200, '["2015-09-01"]'),
    ("http", "imds"): profile(),
    **{("dns", host): "20.60.1.4" for host in HOSTS},
    **{("https", host): kv(code=400, verified="yes", issuer="Microsoft Azure RSA TLS Issuing CA 04") for host in HOSTS},
    **{("port8443", host): "" for host in HOSTS},
}
_ROOT_ONLY = (
    "agent_status",
    "lib_dir",
    "disable_agent",
    "provisioned",
    "wireserver_endpoint",
    "deployment",
    "provision_guest_agent",
    "extensions",
    "extension_state",
    "extension_status",
    "snapshot_status_files",
    "snapshot_status",
    "snapshot_freeze_tool",
    "snapshot_imports",
    "snapshot_certificates",
    "snapshot_log",
    "freeze_lock",
    "script_config",
    "mount_open",
    "iptables",
    "nft",
)
_FROM_GOAL_STATE = ("dns", "https", "port8443")


def _part(change: Change) -> Part:
    if isinstance(change, Part):
        return change
    assert change is not None
    return Part(body=change.encode() if isinstance(change, str) else change)


def _key(key: str | Key) -> Key:
    return key if isinstance(key, tuple) else (key, "")


HEALTHY: Mapping[Key, Part] = {_key(key): _part(change) for key, change in _BODIES.items()}
"""A healthy Debian 12 VM in Azure, read as root: every check passes or does not apply."""


def recording(changes: Changes | None = None, base: Mapping[Key, Part] = HEALTHY) -> dict[Key, Part]:
    """The healthy VM's sections with changes."""
    sections = dict(base)
    for key, change in (changes or {}).items():
        if change is None:
            del sections[_key(key)]
        else:
            sections[_key(key)] = _part(change)
    return sections


def unprivileged() -> dict[Key, Part]:
    """The healthy VM as an ordinary user sees it: the agent's directory is closed, and its firewall lets only root out."""
    denied = {key: DENIED for key in HEALTHY if key[0] in _ROOT_ONLY}
    gone: dict[Key, Change] = {key: None for key in HEALTHY if key[0] in _FROM_GOAL_STATE}
    seen: dict[Key, Change] = {
        ("run", ""): edited("run", uid=1000, sudo="no"),
        ("http", "wireserver"): TIMEOUT,
        ("http", "hostgaplugin"): TIMEOUT,
    }
    return recording({**denied, **gone, **seen})


def text(section: str, subject: str = "") -> str:
    """The healthy VM's text of a section."""
    return HEALTHY[section, subject].body.decode()


def edited(section: str, subject: str = "", **values: object) -> str:
    """A section of ``key=value`` lines with other values."""
    pairs = dict(line.split("=", 1) for line in text(section, subject).splitlines())
    return kv(**{**pairs, **values})


def replaced(section: str, old: str, new: str, subject: str = "") -> str:
    """A section with other words in it; they have to be there."""
    content = text(section, subject)
    assert old in content, f"{old!r} is not in {section}"
    return content.replace(old, new)


def unit(**values: object) -> dict[str | Key, Change]:
    """The agent's unit with other properties."""
    return {("unit", UNIT): edited("unit", UNIT, **values)}


def render(sections: Mapping[Key, Part], nonce: str = NONCE, meta: Mapping[str, Any] | None = None, system: str = "linux") -> bytes:
    """A complete recording."""
    frame = nonce.encode() + b" "
    lines = [b"#azure-backup-preflight " + json.dumps(meta).encode()] if meta else []
    lines.append(frame + b"azure-backup-preflight 1 " + system.encode())
    for (name, subject), part in sections.items():
        lines.append(frame + f"begin {name} {subject}".rstrip(" ").encode())
        lines.append(part.body)
        lines.append(frame + f"end {name} {part.status} {part.detail}".rstrip(" ").encode())
    lines.append(frame + f"done {len(sections)}".encode())
    return b"\n".join(lines) + b"\n"


def parsed(
    changes: Changes | None = None,
    base: Mapping[Key, Part] = HEALTHY,
    meta: Mapping[str, Any] | None = None,
    system: str = "linux",
) -> Recording:
    """A changed recording, written and read again."""
    return parse(render(recording(changes, base), meta=meta, system=system))


def facts(changes: Changes | None = None, base: Mapping[Key, Part] = HEALTHY) -> LinuxFacts:
    """What is known of a changed VM."""
    return LinuxFacts(parsed(changes, base))


RULES = {edition: Rules(edition) for edition in Edition}
"""Of each edition one, as in a run: what results of a check have in common is kept for them."""


def judge_of(changes: Changes | None = None, base: Mapping[Key, Part] = HEALTHY, edition: str = "current", system: str = "linux") -> Judge:
    """A judge for a changed VM."""
    return Judge("vm", facts_of(parsed(changes, base, system=system)), RULES[Edition(edition)], {})


def examples() -> dict[str, bytes]:
    """The recordings of examples/, by file name."""
    bad: Changes = {
        "processes": "",
        **unit(
            ActiveState="failed", SubState="failed", Result="exit-code", MainPID=0, InactiveEnterTimestamp="Thu 2026-05-28 03:11:09 UTC"
        ),
        "agent_log": kv(mtime=CLOCK - 62_000, size=81920),
        "agent_status": f"{CLOCK - 62_000}\t/var/lib/waagent/history/2026-05-28/waagent_status.1.json",
        ("networkd_network", NETWORK): "[Match]\nName=eth0\n\n[Network]\nAddress=10.0.0.4/24\nGateway=10.0.0.1\nDHCP=no",
        "netplan": "",
        ("http", "imds"): profile(dataDisks=[data_disk(0, "70000")]),
    }
    sections = {"good-vm": recording(), "bad-vm": recording(bad), "unprivileged": unprivileged()}
    return {f"{name}.recording": render(found, meta=_meta(name)) for name, found in sections.items()}


def _meta(target: str) -> dict[str, Any]:
    return {"target": target, "started": CLOCK - 1.0, "finished": CLOCK + 5.0, "stderr": ""}


def real_recordings() -> list[Path]:
    """The files of selftests/real that hold a recording, not those that only say why a VM could not be read."""
    found = []
    for path in sorted((Path(__file__).parent / "real").glob("*.recording")):
        with contextlib.suppress(NotRead):
            load(path)
            found.append(path)
    return found


if __name__ == "__main__":
    for name, content in examples().items():
        Path(sys.argv[1], name).write_bytes(content)
