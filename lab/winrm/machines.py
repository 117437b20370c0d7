"""Described machines: a healthy Windows Server in Azure, of any version and language, read by an administrator or not. Constructed."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import formatdate
from typing import Any

from lab.winrm.machine import File, Rows, Windows
from lab.winrm.powershell.dotnet import Certificate
from lab.winrm.powershell.values import Hash

CLOCK = 1_780_000_000
AGENT = "2.7.41491.1183"
EXTENSION = "1.0.9217.0"
STORAGE = ("md-hdd-pbhlk3l5mb1q.z27.blob.storage.azure.net", "umsa1k2j3h4g5f6d.blob.core.windows.net")
GUID = "{4b8a1a3c-9d7e-4c55-8a43-1f0f2f6f5b11}"
VERSIONS = {  # year -> product name, build, PowerShell
    2012: ("Windows Server 2012 R2 Datacenter", "9600", "4.0"),
    2016: ("Windows Server 2016 Datacenter", "14393", "5.1.14393.7155"),
    2019: ("Windows Server 2019 Datacenter", "17763", "5.1.17763.6414"),
    2022: ("Windows Server 2022 Datacenter Azure Edition", "20348", "5.1.20348.2849"),
    2025: ("Windows Server 2025 Datacenter Azure Edition", "26100", "5.1.26100.2161"),
}
_SOFTWARE = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft"
_CONTROL = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet"
_AGENT = rf"C:\WindowsAzure\GuestAgent_{AGENT}_2026-04-02_101112"
_PLUGIN = rf"C:\Packages\Plugins\Microsoft.Azure.RecoveryServices.VMSnapshot\{EXTENSION}"
_SERVICES = {
    "RdAgent": (2, rf"{_AGENT}\WaAppAgent.exe", "LocalSystem"),
    "WindowsAzureGuestAgent": (2, rf"{_AGENT}\WindowsAzureGuestAgent.exe", "LocalSystem"),
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
_STOPPED = ("IaasVmProvider", "VSS", "msiserver")
_WRITERS = "".join(
    f"Writer name: '{name}'\r\n   Writer Id: {id_}\r\n   Writer Instance Id: {{c4a7b1ef-0d4e-4f3c-8a6b-{place}11111111111}}\r\n"
    "   State: [1] Stable\r\n   Last error: No error\r\n\r\n"
    for place, (name, id_) in enumerate(
        (("System Writer", "{e8132975-6f93-4464-a53e-1050253ae220}"), ("ASR Writer", "{be000cbe-11fe-4426-9c58-531aa6355fc4}"))
    )
)


def healthy(year: int = 2022, culture: str = "en-US", *, admin: bool = True, full_language: bool = True) -> Windows:
    """A healthy VM. A non-admin is a member of Remote Management Users: no WMI, no service manager, no writers."""
    product, build, powershell = VERSIONS[year]
    return Windows(
        registry={**_system(product, build), **_agent(), **_extension(), **_network()},
        wmi=_wmi(),
        files=_files(),
        acls=_acls(),
        tools=_tools(admin=admin),
        processes=["System", "WaAppAgent", "WindowsAzureGuestAgent", "svchost"],
        ports=_ports(),
        names=dict.fromkeys(STORAGE, "20.60.1.4"),
        denied=() if admin else (r"HKEY_USERS\S-1-5-18",),
        may_use_wmi=admin,
        full_language=full_language,
        culture=culture,
        powershell=powershell,
        clock=CLOCK,
        environment=Hash(
            SystemDrive="C:",
            SystemRoot=r"C:\Windows",
            ProgramData=r"C:\ProgramData",
            USERDOMAIN="VM9",
            USERNAME="azureuser" if admin else "operator",
            NUMBER_OF_PROCESSORS="2",
            PROCESSOR_ARCHITECTURE="AMD64",
        ),
    )


def service_key(name: str) -> str:
    """The registry key of a service."""
    return rf"{_CONTROL}\Services\{name}"


def dhcp_blob(options: dict[int, bytes]) -> bytes:
    """A DhcpInterfaceOptions value."""
    blob = b""
    for option, data in options.items():
        blob += struct.pack("<5I", option, 0, len(data), 0, 0x7FFFFFFF) + data + b"\0" * (-len(data) % 4)
    return blob


def _system(product: str, build: str) -> dict[str, dict[str, Any]]:
    services = {service_key(name): dict(zip(("Start", "ImagePath", "ObjectName"), found, strict=True)) for name, found in _SERVICES.items()}
    return {
        rf"{_SOFTWARE}\Windows NT\CurrentVersion": {
            "ProductName": product,
            "CurrentBuildNumber": build,
            "UBR": 2849,
            "InstallationType": "Server",
        },
        r"HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\BIOS": {
            "SystemManufacturer": "Microsoft Corporation",
            "SystemProductName": "Virtual Machine",
        },
        rf"{_SOFTWARE}\NET Framework Setup\NDP\v4\Full": {"Release": 528449, "Version": "4.8.04161"},
        rf"{_SOFTWARE}\Windows\CurrentVersion\Uninstall\{{1}}": {"DisplayName": "Microsoft Edge", "DisplayVersion": "1"},
        rf"{_CONTROL}\Control\Session Manager\Environment": {"Path": r"C:\Windows", "OS": "Windows_NT"},
        rf"{_CONTROL}\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules": {
            "CoreNet-DNS-Out-UDP": "v2.31|Action=Allow|Active=TRUE|Dir=Out|Protocol=17|RPort=53|Name=@FirewallAPI.dll,-25405|"
        },
        **services,
    }


def _agent() -> dict[str, dict[str, Any]]:
    return {
        rf"{_SOFTWARE}\Virtual Machine\Guest": {
            "GuestAgentVersion": AGENT,
            "GuestAgentStatus": "Ready",
            "DhcpWithFabricAddressTime": "05/27/2026 20:26:52",
        },
        rf"{_SOFTWARE}\GuestAgent": {"HeartbeatLastStatusUpdateTime": "05/28/2026 20:26:10"},
        rf"{_SOFTWARE}\Windows Azure": {"VmId": "11111111-2222-3333-4444-555555555555"},
    }


def _extension() -> dict[str, dict[str, Any]]:
    handlers = rf"{_SOFTWARE}\Windows Azure\HandlerState"
    return {
        rf"{handlers}\Microsoft.Azure.RecoveryServices.VMSnapshot_{EXTENSION}": {"InstallState": "Enabled"},
        rf"{handlers}\Microsoft.Azure.Monitor.AzureMonitorWindowsAgent_1.33.1": {"InstallState": "Enabled"},
        rf"{_SOFTWARE}\VisualStudio\12.0\VC\Runtimes\X64": {"Installed": 1, "Version": "v12.0.40660.00"},
    }


def _network() -> dict[str, dict[str, Any]]:
    interfaces = rf"{_CONTROL}\Services\Tcpip\Parameters\Interfaces"
    connection = rf"{_CONTROL}\Control\Network\{{4D36E972-E325-11CE-BFC1-08002BE10318}}\{GUID}\Connection"
    return {
        rf"{interfaces}\{GUID}": {
            "EnableDHCP": 1,
            "DhcpIPAddress": "10.0.0.4",
            "DhcpServer": "168.63.129.16",
            "DhcpDefaultGateway": ["10.0.0.1"],
            "DhcpNameServer": "168.63.129.16",
            "DhcpInterfaceOptions": dhcp_blob({1: b"\xff\xff\xff\0", 3: b"\x0a\0\0\x01", 245: b"\xa8\x3f\x81\x10"}),
        },
        rf"{interfaces}\{{00000000-0000-0000-0000-000000000001}}": {"EnableDHCP": 1},
        connection: {"Name": "Ethernet", "PnpInstanceID": r"VMBUS\{f8615163-df3e-46c5-913f-f2d2f965ed0e}\{00000001}"},
        rf"{_CONTROL}\Services\Tcpip\Parameters\PersistentRoutes": {},
        rf"{_SOFTWARE}\Windows\CurrentVersion\Internet Settings\Connections": {
            "WinHttpSettings": struct.pack("<4I", 0x28, 3, 1, 0) + bytes(4)
        },
        r"HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings": {"ProxyEnable": 0},
    }


def _wmi() -> dict[tuple[str, str], Any]:
    states = [
        {"Name": name, "State": "Stopped" if name in _STOPPED else "Running", "StartMode": "Auto", "ProcessId": 1, "ExitCode": 0}
        for name in _SERVICES
    ]
    disk = {"Model": "Msft Virtual Disk", "InterfaceType": "SCSI", "MediaType": "Fixed hard disk media"}
    route = {"InterfaceIndex": 6, "InterfaceAlias": "Ethernet"}
    samples = _samples()
    return {
        ("root/cimv2", "Win32_SystemEnclosure"): [{"SMBIOSAssetTag": "7783-7084-3265-9085-8269-3286-77"}],
        ("root/cimv2", "Win32_PerfRawData_PerfOS_Processor"): lambda: next(samples),
        ("root/cimv2", "Win32_OperatingSystem"): [{"TotalVisibleMemorySize": 8_387_508, "FreePhysicalMemory": 5_270_144}],
        ("root/cimv2", "Win32_Service"): states,
        ("root/cimv2", "Win32_DiskDrive"): [
            {"Index": 0, "Size": 136_365_212_160, **disk},
            {"Index": 1, "Size": 17_174_384_640, **disk},
            {"Index": 2, "Size": 137_433_628_800, **disk},
        ],
        ("root/cimv2", "Win32_LogicalDisk"): [
            {"DeviceID": "C:", "Size": 135_838_822_400, "FreeSpace": 108_000_000_000},
            {"DeviceID": "D:", "Size": 17_100_000_000, "FreeSpace": 15_000_000_000},
            {"DeviceID": "F:", "Size": 137_400_000_000, "FreeSpace": 90_000_000_000},
        ],
        ("root/Microsoft/Windows/Storage", "MSFT_Partition"): [
            {"DiskNumber": 0, "DriveLetter": "C"},
            {"DiskNumber": 1, "DriveLetter": "D"},
            {"DiskNumber": 2, "DriveLetter": "F"},
        ],
        ("root/Microsoft/Windows/Storage", "MSFT_StoragePool"): [],
        ("root/Microsoft/Windows/Defender", "MSFT_MpPreference"): [{"ExclusionPath": None}],
        ("root/StandardCimv2", "MSFT_NetRoute"): [
            {"DestinationPrefix": "0.0.0.0/0", "NextHop": "10.0.0.1", "RouteMetric": 0, **route},
            {"DestinationPrefix": "10.0.0.0/24", "NextHop": "0.0.0.0", "RouteMetric": 256, **route},
            {"DestinationPrefix": "168.63.129.16/32", "NextHop": "10.0.0.1", "RouteMetric": 1, **route},
        ],
    }


def _samples() -> Iterator[Rows]:
    time, idle = 133_000_000_000_000_000, 900_000_000_000
    while True:
        yield [{"PercentProcessorTime": idle, "Timestamp_Sys100NS": time}]
        time, idle = time + 10_000_000, idle + 9_500_000


def _files() -> dict[str, File]:
    stamp = datetime.fromtimestamp(CLOCK - 30, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.1234567Z")
    message = {"lang": "en-US", "message": "GuestAgent is running and processing the extensions."}
    agent = {"version": AGENT, "status": "Ready", "formattedMessage": message, "lastStatusUploadTime": stamp}
    status = [
        {"status": {"operation": "Enable", "status": "success", "code": 1, "formattedMessage": {"lang": "en-US", "message": "Success"}}}
    ]
    program = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(500)
    log = "[00000007] [05/27/2026 20:26:52.11] [INFO] Using fabric address 168.63.129.16 from DHCP.\r\n"
    return {
        rf"{_AGENT}\WaAppAgent.exe": File(program, CLOCK - 9_000_000, AGENT),
        rf"{_AGENT}\WindowsAzureGuestAgent.exe": File(program, CLOCK - 9_000_000, AGENT),
        r"C:\WindowsAzure\Logs\WaAppAgent.log": File(log.encode(), CLOCK - 20),
        r"C:\WindowsAzure\Logs\aggregatestatus.json": File(
            json.dumps({"aggregateStatus": {"guestAgentStatus": agent}}).encode() + bytes(64), CLOCK - 30
        ),
        rf"{_PLUGIN}\iaasvmprovider.dll": File(program, CLOCK - 400_000),
        rf"{_PLUGIN}\IaaSBcdrExtension.exe": File(program, CLOCK - 400_000),
        rf"{_PLUGIN}\Status\6.status": File(b"[]", CLOCK - 90_000),
        rf"{_PLUGIN}\Status\7.status": File(json.dumps(status).encode(), CLOCK - 40_000),
        r"D:\DATALOSS_WARNING_README.txt": File(b"x"),
    }


def _acls() -> dict[str, str]:
    crypto = r"C:\ProgramData\Microsoft\Crypto"
    full = "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FR;;;WD)"
    return {
        rf"{crypto}\RSA\MachineKeys": "O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)",
        **{rf"{crypto}\{name}": full for name in ("Keys", "RSA", "SystemKeys")},
    }


def _tools(*, admin: bool) -> dict[str, tuple[int | None, str]]:
    running = "        TYPE               : 10  WIN32_OWN_PROCESS \r\n        STATE              : 4  RUNNING \r\n"
    refused = "[SC] OpenSCManager FAILED 5:\r\n\r\nAccess is denied.\r\n\r\n"
    groups = [("Everyone", "S-1-1-0"), *([("BUILTIN\\Administrators", "S-1-5-32-544")] if admin else [])]
    level = ("Mandatory Label\\High Mandatory Level", "S-1-16-12288") if admin else ("Mandatory Label\\Medium", "S-1-16-8192")
    return {
        "whoami.exe /groups /fo csv /nh": (0, "".join(f'"{name}","x","{sid}",""\r\n' for name, sid in [*groups, level])),
        "vssadmin.exe list writers": (0, _WRITERS) if admin else (1, "Error: You do not have the correct permissions.\r\n"),
        **{
            f"sc.exe query {name}": (0, f"\r\nSERVICE_NAME: {name} \r\n{running}") if admin else (5, refused)
            for name in ("RdAgent", "WindowsAzureGuestAgent")
        },
    }


def _ports() -> dict[tuple[str, int], Any]:
    def page(body: str, headers: str = "") -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()

    versions = '<?xml version="1.0" encoding="utf-8"?><Versions><Preferred><Version>2015-04-05</Version></Preferred></Versions>'
    managed = {"managedDisk": {"id": "/subscriptions/0/x", "storageAccountType": "Premium_LRS"}}
    profile = {
        "osDisk": {"name": "vm_OsDisk_1", "diskSizeGB": "127", "osType": "Windows", **managed},
        "dataDisks": [{"lun": "0", "name": "vm_DataDisk_0", "diskSizeGB": "128", **managed}],
    }
    return {
        ("168.63.129.16", 80): page(versions, f"Date: {formatdate(CLOCK, usegmt=True)}\r\n"),
        ("168.63.129.16", 32526): page('["2015-09-01"]'),
        ("169.254.169.254", 80): page(json.dumps(profile)),
        **{(host, 443): Certificate(0, "CN=Microsoft Azure RSA TLS Issuing CA 04, O=Microsoft Corporation, C=US") for host in STORAGE},
        **{(host, 8443): b"" for host in STORAGE},
    }
