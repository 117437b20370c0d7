"""Recordings of Windows VMs made to order: a healthy Windows Server 2022 in Azure, and changes to it. Constructed, not captured.

Single values are captured ones where windows_captures.py says so.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import formatdate
from typing import Any

from backup_preflight.facts.linux.system import AZURE_ASSET_TAG
from backup_preflight.facts.windows import WindowsFacts
from backup_preflight.verdict import Judge
from selftests import recordings
from selftests.recordings import ABSENT, CLOCK, HOSTS, VERSIONS, Change, Changes, Key, Part, http, profile

DENIED = Part("denied", b'{"category":"PermissionDenied","id":"HRESULT 0x80041003"}', "WMI refuses this account (0x80041003)")
UNSUPPORTED = Part("unsupported", b"null", "PowerShell runs in ConstrainedLanguage mode")
VERSION = "1.0.9217.0"
EXTENSION = "Microsoft.Azure.RecoveryServices.VMSnapshot"
GUID = "{4b8a1a3c-9d7e-4c55-8a43-1f0f2f6f5b11}"
AGENT_FOLDER = r"C:\WindowsAzure\GuestAgent_2.7.41491.1183_2026-04-02_101112"
SERVICES = {
    "RdAgent": (2, rf"{AGENT_FOLDER}\WaAppAgent.exe", "LocalSystem"),
    "WindowsAzureGuestAgent": (2, rf"{AGENT_FOLDER}\WindowsAzureGuestAgent.exe", "LocalSystem"),
    "IaasVmProvider": (2, r"C:\Windows\system32\dllhost.exe /Processid:{3A1B8B73-3A7A-4F6C-8C1B-0D9B7A2F9C01}", "LocalSystem"),
    "VSS": (2, r"C:\Windows\system32\vssvc.exe", "LocalSystem"),
    "swprv": (3, r"C:\Windows\System32\svchost.exe -k swprv", "LocalSystem"),
    "EventSystem": (2, r"C:\Windows\system32\svchost.exe -k LocalService -p", r"NT AUTHORITY\LocalService"),
    "COMSysApp": (3, r"C:\Windows\system32\dllhost.exe /Processid:{02D4B3F1-FD88-11D1-960D-00805FC79235}", "LocalSystem"),
    "MSDTC": (2, r"C:\Windows\System32\msdtc.exe", r"NT AUTHORITY\NetworkService"),
    "msiserver": (3, r"C:\Windows\system32\msiexec.exe /V", "LocalSystem"),
    "Winmgmt": (2, r"C:\Windows\system32\svchost.exe -k netsvcs -p", "localSystem"),
    "KeyIso": (3, r"C:\Windows\system32\lsass.exe", "LocalSystem"),
}
WRITERS = (
    "vssadmin 1.1 - Volume Shadow Copy Service administrative command-line tool\r\n(C) Copyright 2001-2013 Microsoft Corp.\r\n\r\n"
    "Writer name: 'System Writer'\r\n   Writer Id: {e8132975-6f93-4464-a53e-1050253ae220}\r\n"
    "   Writer Instance Id: {c4a7b1ef-0d4e-4f3c-8a6b-111111111111}\r\n   State: [1] Stable\r\n   Last error: No error\r\n\r\n"
    "Writer name: 'ASR Writer'\r\n   Writer Id: {be000cbe-11fe-4426-9c58-531aa6355fc4}\r\n"
    "   Writer Instance Id: {c4a7b1ef-0d4e-4f3c-8a6b-222222222222}\r\n   State: [1] Stable\r\n   Last error: No error\r\n"
)
MACHINE_KEYS = "O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)"
CRYPTO = "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FR;;;WD)"


def doc(value: object) -> bytes:
    """A section's value as the collector writes it: ASCII, in lines of 76 characters."""
    text = json.dumps(value, separators=(",", ":"))
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76)).encode()


def items(*found: Mapping[str, Any]) -> bytes:
    """A section that is a list of objects."""
    return doc({"items": list(found)})


def dhcp_blob(options: Mapping[int, bytes]) -> str:
    """A DhcpInterfaceOptions value."""
    blob = b""
    for option, data in options.items():
        blob += struct.pack("<5I", option, 0, len(data), 0, 0x7FFFFFFF) + data + b"\0" * (-len(data) % 4)
    return blob.hex()


def winhttp_blob(proxy: str, bypass: str = "") -> str:
    """A WinHttpSettings value; an empty proxy is a direct connection."""
    head = struct.pack("<4I", 0x28, 3, 3 if proxy else 1, len(proxy)) + proxy.encode()
    return (head + struct.pack("<I", len(bypass)) + bypass.encode()).hex()


def aggregate(status: str = "Ready", age: int = 30, message: str = "GuestAgent is running and processing the extensions.") -> bytes:
    """aggregatestatus.json as the collector reads it."""
    agent = {
        "version": "2.7.41491.1183",
        "status": status,
        "formattedMessage": {"lang": "en-US", "message": message},
        "lastStatusUploadTime": datetime.fromtimestamp(CLOCK - age, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.1234567Z"),
    }
    return doc({"mtime": CLOCK - age, "text": json.dumps({"aggregateStatus": {"guestAgentStatus": agent}})})


def service(start: int = 2, image: str = "x.exe", account: str = "LocalSystem") -> bytes:
    """A service's registry key."""
    return doc({"Start": start, "ImagePath": image, "ObjectName": account})


def states(**changes: str | None) -> bytes:
    """Win32_Service's answer; None takes a service out of the list."""
    found: dict[str, str | None] = dict.fromkeys(SERVICES, "Running")
    found |= {"IaasVmProvider": "Stopped", "VSS": "Stopped", "msiserver": "Stopped", **changes}
    return items(
        *({"Name": name, "State": state, "StartMode": "Auto", "ProcessId": 1, "ExitCode": 0} for name, state in found.items() if state)
    )


def running(name: str) -> bytes:
    """What ``sc.exe query`` says of a service that runs."""
    lines = (f"SERVICE_NAME: {name}", "        TYPE               : 10  WIN32_OWN_PROCESS", "        STATE              : 4  RUNNING")
    return doc({"code": 0, "output": "\r\n".join(lines) + "\r\n"})


INTERFACE: Mapping[str, Any] = {
    "EnableDHCP": 1,
    "DhcpIPAddress": "10.0.0.4",
    "DhcpServer": "168.63.129.16",
    "DhcpDefaultGateway": ["10.0.0.1"],
    "DhcpNameServer": "168.63.129.16",
    "DhcpInterfaceOptions": dhcp_blob({1: b"\xff\xff\xff\0", 3: b"\x0a\0\0\x01", 245: b"\xa8\x3f\x81\x10"}),
}
ROUTES = (
    {"DestinationPrefix": "0.0.0.0/0", "NextHop": "10.0.0.1", "InterfaceIndex": 6, "InterfaceAlias": "Ethernet", "RouteMetric": 0},
    {"DestinationPrefix": "10.0.0.0/24", "NextHop": "0.0.0.0", "InterfaceIndex": 6, "InterfaceAlias": "Ethernet", "RouteMetric": 256},
    {"DestinationPrefix": "168.63.129.16/32", "NextHop": "10.0.0.1", "InterfaceIndex": 6, "InterfaceAlias": "Ethernet", "RouteMetric": 1},
)


def interface(**changes: object) -> bytes:
    """The interfaces, the primary one changed."""
    return doc({GUID: {**INTERFACE, **changes}, "{00000000-0000-0000-0000-000000000001}": {"EnableDHCP": 1}})


def writers(*outputs: str) -> bytes:
    """What vssadmin said, once or twice."""
    return doc({"samples": [{"code": 0, "output": output} for output in outputs]})


def cpu(*busy: float) -> bytes:
    """Samples of the processor's counters, one second apart, with these shares between them."""
    time, idle = 133_000_000_000_000_000, 900_000_000_000
    samples = [{"Timestamp_Sys100NS": time, "PercentProcessorTime": idle}]
    for share in busy:
        time += 10_000_000
        idle += round(10_000_000 * (1 - share))
        samples.append({"Timestamp_Sys100NS": time, "PercentProcessorTime": idle})
    return doc({"samples": samples})


def storage(**changes: object) -> bytes:
    """The storage hosts; ``changes`` to the first one."""
    reached = {
        "dns": {"status": "ok", "addresses": ["20.60.1.4"]},
        "https": {"status": "ok", "errors": 0, "issuer": "CN=Microsoft Azure RSA TLS Issuing CA 04, O=Microsoft Corporation, C=US"},
        "port8443": {"status": "ok"},
    }
    return items({"host": HOSTS[0], **reached, **changes}, {"host": HOSTS[1], **reached})


def body(content: bytes) -> bytes:
    """An HTTP response as the collector writes it."""
    return doc(content.decode("latin-1"))


_BODIES: dict[str | Key, Change] = {
    "run": doc(
        {
            "collector": "0.1.0",
            "sha256": "",
            "account": r"VM9\azureuser",
            "powershell": "5.1.20348.2849",
            "language_mode": "FullLanguage",
            "culture": "en-US",
            "architecture": "AMD64",
            "wow64": False,
            "cpus": "2",
            "clock": CLOCK,
        }
    ),
    "identity": doc({"sids": ["S-1-5-32-544", "S-1-16-12288"]}),
    "os": doc(
        {
            "ProductName": "Windows Server 2022 Datacenter Azure Edition",
            "CurrentBuildNumber": "20348",
            "UBR": 2849,
            "InstallationType": "Server",
        }
    ),
    "bios": doc({"SystemManufacturer": "Microsoft Corporation", "SystemProductName": "Virtual Machine"}),
    "chassis": items({"SMBIOSAssetTag": AZURE_ASSET_TAG}),
    "cpu": cpu(0.05, 0.04, 0.06),
    "memory": items({"TotalVisibleMemorySize": 8_387_508, "FreePhysicalMemory": 5_270_144}),
    "reboot_pending": doc({"keys": []}),
    "strong_crypto": doc({}),
    **{("service", name): service(*found) for name, found in SERVICES.items()},
    ("service", "SQLWriter"): ABSENT,
    "service_states": states(),
    ("service_query", "RdAgent"): running("RdAgent"),
    ("service_query", "WindowsAzureGuestAgent"): running("WindowsAzureGuestAgent"),
    ("service_program", "RdAgent"): doc(
        {
            "path": rf"{AGENT_FOLDER}\WaAppAgent.exe",
            "size": 2_200_000,
            "mtime": CLOCK - 9_000_000,
            "version": "2.7.41491.1183",
            "product": "2.7.41491.1183",
        }
    ),
    ("service_program", "WindowsAzureGuestAgent"): doc(
        {
            "path": rf"{AGENT_FOLDER}\WindowsAzureGuestAgent.exe",
            "size": 200_000,
            "mtime": CLOCK - 9_000_000,
            "version": "2.7.41491.1183",
            "product": "2.7.41491.1183",
        }
    ),
    "processes": items({"name": "WaAppAgent", "id": 2120}, {"name": "WindowsAzureGuestAgent", "id": 2496}),
    "agent_guest": doc(
        {"GuestAgentVersion": "2.7.41491.1183", "GuestAgentStatus": "Ready", "DhcpWithFabricAddressTime": "05/27/2026 20:26:52"}
    ),
    "windows_azure": doc({"VmId": "11111111-2222-3333-4444-555555555555"}),
    "agent_folders": doc({"names": ["GuestAgent_2.7.41491.1183_2026-04-02_101112"]}),
    "agent_log": doc({"path": r"C:\WindowsAzure\Logs\WaAppAgent.log", "size": 81920, "mtime": CLOCK - 20}),
    "agent_log_lines": doc({"lines": ["[00000007] [05/27/2026 20:26:52.11] [INFO] Using fabric address 168.63.129.16 from DHCP."]}),
    "aggregate_status": aggregate(),
    "programs": doc({}),
    "dotnet": doc({"Release": 528449, "Version": "4.8.04161"}),
    "handlers": doc({f"{EXTENSION}_{VERSION}": {"InstallState": "Enabled"}}),
    "extension_folders": doc({"names": [VERSION]}),
    "extension_files": doc(
        {
            "version": VERSION,
            "files": {
                "iaasvmprovider.dll": {"size": 481_000, "machine": "0x8664"},
                "IaaSBcdrExtension.exe": {"size": 91_000, "machine": "0x8664"},
            },
        }
    ),
    "extension_status": doc(
        {
            "name": "7.status",
            "mtime": CLOCK - 40_000,
            "text": json.dumps(
                [
                    {
                        "status": {
                            "operation": "Enable",
                            "status": "success",
                            "code": 1,
                            "formattedMessage": {"lang": "en-US", "message": "Success"},
                        }
                    }
                ]
            ),
        }
    ),
    "vc_runtimes": doc(
        {r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\VisualStudio\12.0\VC\Runtimes\X64": {"Installed": 1, "Version": "v12.0.40660.00"}}
    ),
    "bcdr_agent": ABSENT,
    "sql_instances": ABSENT,
    "bitlocker": ABSENT,
    ("acl", "MachineKeys"): doc({"sddl": MACHINE_KEYS}),
    ("acl", "Keys"): doc({"sddl": CRYPTO}),
    ("acl", "RSA"): doc({"sddl": CRYPTO}),
    ("acl", "SystemKeys"): doc({"sddl": CRYPTO}),
    "crashes": ABSENT,
    "applocker": ABSENT,
    "defender": items({"ExclusionPath": None}),
    "wmi_registry": doc({"code": 0}),
    "disks": items(
        {"Index": 0, "Size": 136_365_212_160, "Model": "Msft Virtual Disk", "InterfaceType": "SCSI", "MediaType": "Fixed hard disk media"},
        {"Index": 1, "Size": 17_174_384_640, "Model": "Msft Virtual Disk", "InterfaceType": "SCSI", "MediaType": "Fixed hard disk media"},
        {"Index": 2, "Size": 137_433_628_800, "Model": "Msft Virtual Disk", "InterfaceType": "SCSI", "MediaType": "Fixed hard disk media"},
    ),
    "partitions": items(
        {"DiskNumber": 0, "DriveLetter": "C"},
        {"DiskNumber": 0, "DriveLetter": "\0"},
        {"DiskNumber": 1, "DriveLetter": "D"},
        {"DiskNumber": 2, "DriveLetter": "F"},
    ),
    "resource_disk": doc({"drives": ["D:"]}),
    "volumes": items(
        {"DeviceID": "C:", "Size": 135_838_822_400, "FreeSpace": 108_000_000_000},
        {"DeviceID": "F:", "Size": 137_400_000_000, "FreeSpace": 90_000_000_000},
    ),
    "storage_pools": items(),
    "interfaces": interface(),
    "connections": doc({GUID: {"Name": "Ethernet"}}),
    "routes": items(*ROUTES),
    "persistent_routes": doc({"names": []}),
    "firewall_rules": doc({}),
    "winhttp": doc({"WinHttpSettings": winhttp_blob("")}),
    "system_proxy": doc({"ProxyEnable": 0}),
    "proxy_environment": doc({}),
    ("http", "wireserver"): body(http(200, VERSIONS, f"Date: {formatdate(CLOCK, usegmt=True)}\r\n")),
    ("http", "hostgaplugin"): body(http(200, '["2015-09-01"]')),
    ("http", "imds"): body(profile()),
    "storage": storage(),
    "proxy_connect": ABSENT,
    "vss_writers": writers(WRITERS),
    "clock": doc({"clock": CLOCK + 20}),
}
HEALTHY: Mapping[Key, Part] = recordings.recording(_BODIES, {})
"""A healthy Windows Server 2022 in Azure, read as an administrator: every check passes or does not apply."""

_BY_WMI = (
    "chassis",
    "cpu",
    "memory",
    "service_states",
    "defender",
    "wmi_registry",
    "disks",
    "partitions",
    "resource_disk",
    "volumes",
    "storage_pools",
    "routes",
    "bitlocker",
)
NON_ADMIN: Changes = {
    **dict.fromkeys(_BY_WMI, DENIED),
    "identity": doc({"sids": ["S-1-16-8192"]}),
    ("service_query", "RdAgent"): doc({"code": 5, "output": "[SC] OpenSCManager FAILED 5:\r\n\r\nAccess is denied.\r\n"}),
    ("service_query", "WindowsAzureGuestAgent"): doc({"code": 5, "output": "[SC] OpenSCManager FAILED 5:\r\n\r\nAccess is denied.\r\n"}),
    "system_proxy": Part("denied", b"null", "System.Security.SecurityException"),
    "vss_writers": doc({"samples": [{"code": 1, "output": "Error: You do not have the correct permissions to run this command.\r\n"}]}),
}
"""Read by a member of Remote Management Users only: no WMI, no service manager, no writers."""

CONSTRAINED: Changes = {
    "run": recordings.Part(body=_BODIES["run"].replace(b"FullLanguage", b"ConstrainedLanguage")),  # type: ignore[union-attr,arg-type]
    **dict.fromkeys(("identity", "vss_writers", "proxy_connect", "storage"), UNSUPPORTED),
    **{("service_query", name): UNSUPPORTED for name in ("RdAgent", "WindowsAzureGuestAgent")},
    **{("http", name): UNSUPPORTED for name in ("wireserver", "hostgaplugin", "imds")},
}
"""Read in PowerShell's ConstrainedLanguage mode: no sockets, no captured programs."""


def edited(section: str, subject: str = "", **values: object) -> bytes:
    """A section's object with other values; None takes one out."""
    found = json.loads(HEALTHY[section, subject].body.replace(b"\n", b""))
    return doc({key: value for key, value in {**found, **values}.items() if value is not None})


def profile_with(**changes: Any) -> bytes:
    """The answer of the instance metadata with other disks."""
    return body(profile(**changes))


def facts(changes: Changes | None = None, base: Mapping[Key, Part] = HEALTHY) -> WindowsFacts:
    """What is known of a changed VM."""
    return WindowsFacts(recordings.parsed(changes, base, system="windows"))


def judge_of(changes: Changes | None = None, base: Mapping[Key, Part] = HEALTHY, edition: str = "current") -> Judge:
    """A judge for a changed VM."""
    return recordings.judge_of(changes, base, edition, "windows")
