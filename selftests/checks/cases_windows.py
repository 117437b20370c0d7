"""Windows: the agent, the extension, the snapshot, the system: WIN-01 to WIN-14 and WIN-17 to WIN-28."""

from __future__ import annotations

import json

from selftests.checks.case import ADVICE, FAIL, NOT_APPLICABLE, PASS, UNDETERMINED, Case
from selftests.recordings import ABSENT, CLOCK, TIMEOUT, Changes, error, http
from selftests.windows_recordings import (
    DENIED,
    EXTENSION,
    MACHINE_KEYS,
    NON_ADMIN,
    UNSUPPORTED,
    VERSION,
    WRITERS,
    aggregate,
    body,
    cpu,
    doc,
    edited,
    items,
    service,
    states,
    writers,
)

GUEST = ("service", "WindowsAzureGuestAgent")
RD = ("service", "RdAgent")
PROVIDER = ("service", "IaasVmProvider")
QUERY = ("service_query", "WindowsAzureGuestAgent")
WIRESERVER = ("http", "wireserver")
NO_AGENT: Changes = {
    GUEST: ABSENT,
    RD: ABSENT,
    ("service_program", "RdAgent"): ABSENT,
    ("service_program", "WindowsAzureGuestAgent"): ABSENT,
    "service_states": states(RdAgent=None, WindowsAzureGuestAgent=None),
    "processes": items(),
    "agent_guest": ABSENT,
}
NEVER_BACKED_UP: Changes = {
    PROVIDER: ABSENT,
    "handlers": doc({}),
    "extension_folders": ABSENT,
    "extension_files": ABSENT,
    "extension_status": ABSENT,
    "vc_runtimes": doc({}),
}
LISTED = doc({"{95C8F0F2-1F3A-4E5B-9D0A-1C2D3E4F5A6B}": {"DisplayName": "Windows Azure VM Agent - 2.7.41491.1010"}})
SQL = doc({"MSSQLSERVER": "MSSQL15.MSSQLSERVER"})
ELSEWHERE: Changes = {
    "bios": doc({"SystemManufacturer": "VMware, Inc."}),
    "chassis": items({"SMBIOSAssetTag": "No Asset Tag"}),
    "windows_azure": ABSENT,
    "interfaces": doc({"{1}": {"EnableDHCP": 1, "DhcpIPAddress": "10.0.0.4", "DhcpDefaultGateway": ["10.0.0.1"]}}),
    WIRESERVER: TIMEOUT,
    ("http", "hostgaplugin"): TIMEOUT,
    ("http", "imds"): TIMEOUT,
}
"""A guest of another hypervisor."""


def _written(state: int, first: str = WRITERS) -> str:
    return first.replace("State: [1]", f"State: [{state}]", 1)


def _files(**machines: object) -> bytes:
    files: dict[str, object] = {name: {"size": 9000, "machine": "0x8664"} for name in ("iaasvmprovider.dll", "IaaSBcdrExtension.exe")}
    return doc({"version": VERSION, "files": {**files, **machines}})


def _handler(**values: object) -> bytes:
    return doc({f"{EXTENSION}_{VERSION}": values})


AGENT_CASES = [
    Case("WIN-01", PASS),
    Case("WIN-01", FAIL, {"service_states": states(WindowsAzureGuestAgent="Stopped")}, "WindowsAzureGuestAgent is Stopped"),
    Case("WIN-01", FAIL, NO_AGENT, "there is no service WindowsAzureGuestAgent"),
    Case("WIN-01", FAIL, {GUEST: service(4)}, "start type of WindowsAzureGuestAgent is Disabled"),
    Case("WIN-01", FAIL, {GUEST: service(3)}, "is Manual"),
    Case("WIN-01", ADVICE, {"service_states": states(WindowsAzureGuestAgent="Start Pending")}, "is Start Pending"),
    Case("WIN-01", PASS, NON_ADMIN),
    Case("WIN-01", PASS, {"service_states": error("HRESULT 0x80041010"), "processes": items()}),
    Case("WIN-01", UNDETERMINED, {**NON_ADMIN, "processes": items()}, "0x80041003"),
    Case("WIN-01", UNDETERMINED, {"service_states": items(), QUERY: UNSUPPORTED, "processes": items()}, "does not list"),
    Case("WIN-01", UNDETERMINED, {GUEST: DENIED}, "denied"),
    Case("WIN-01", NOT_APPLICABLE, system="linux", says="a check of Windows VMs"),
    Case("WIN-02", PASS),
    Case("WIN-02", FAIL, {"service_states": states(RdAgent="Stopped")}, "RdAgent is Stopped"),
    Case("WIN-02", UNDETERMINED, {RD: error("x")}, "error: x"),
    Case("WIN-02", NOT_APPLICABLE, edition="2017", says="not a rule"),
    Case("WIN-03", PASS),
    Case("WIN-03", FAIL, {("service_program", "RdAgent"): ABSENT}, "WaAppAgent.exe, which is not there"),
    Case("WIN-03", FAIL, {"agent_folders": ABSENT}, "no folder"),
    Case("WIN-03", UNDETERMINED, {("service_program", "RdAgent"): DENIED}, "denied"),
    Case("WIN-03", NOT_APPLICABLE, NO_AGENT, "WIN-01"),
    Case("WIN-04", PASS, NO_AGENT),
    Case("WIN-04", ADVICE, {**NO_AGENT, "programs": LISTED}, "Windows Azure VM Agent - 2.7.41491.1010 is listed"),
    Case("WIN-04", UNDETERMINED, {**NO_AGENT, "programs": UNSUPPORTED}, "unsupported"),
    Case("WIN-04", NOT_APPLICABLE, says="the agent's service is there"),
    Case("WIN-05", PASS),
    Case("WIN-05", FAIL, {"agent_guest": edited("agent_guest", GuestAgentVersion="2.6.1198.717")}, "agent 2.6.1198.717"),
    Case("WIN-05", ADVICE, {"agent_guest": edited("agent_guest", GuestAgentVersion="2.7.41491.911")}, "wants 2.7.41491.1010"),
    Case("WIN-05", PASS, {"agent_guest": edited("agent_guest", GuestAgentVersion="2.7.1198.911")}, edition="2017"),
    Case("WIN-05", PASS, {"agent_guest": DENIED}),
    Case(
        "WIN-05",
        UNDETERMINED,
        {"agent_guest": DENIED, ("service_program", "RdAgent"): DENIED, ("service_program", "WindowsAzureGuestAgent"): DENIED},
        "denied",
    ),
    Case("WIN-05", NOT_APPLICABLE, NO_AGENT, "WIN-01"),
    Case("WIN-06", PASS),
    Case("WIN-06", PASS, {"dotnet": doc({"Release": 378389})}),
    Case("WIN-06", FAIL, {"dotnet": doc({"Release": 378388})}, "Release is 378388"),
    Case("WIN-06", FAIL, {"dotnet": ABSENT}, "no .NET Framework 4"),
    Case("WIN-06", FAIL, {"dotnet": doc({})}, "no .NET Framework 4"),
    Case("WIN-06", UNDETERMINED, {"dotnet": UNSUPPORTED}, "unsupported"),
    Case("WIN-06", UNDETERMINED, {"dotnet": doc({"Release": "many"})}, "no number"),
    Case("WIN-06", NOT_APPLICABLE, system="linux", says="a check of Windows VMs"),
    Case("WIN-07", PASS),
    Case("WIN-07", PASS, {"aggregate_status": ABSENT}),
    Case("WIN-07", FAIL, {"aggregate_status": aggregate("NotReady", message="no goal state")}, "NotReady: no goal state"),
    Case(
        "WIN-07",
        FAIL,
        {"aggregate_status": aggregate(age=3600), "agent_log": edited("agent_log", mtime=CLOCK - 3600)},
        "its last report is 60 minutes old",
    ),
    Case("WIN-07", ADVICE, {"aggregate_status": aggregate(age=3600)}, "still written"),
    Case("WIN-07", UNDETERMINED, {"aggregate_status": ABSENT, "agent_guest": doc({"GuestAgentStatus": "3"})}, "no document lists"),
    Case("WIN-07", UNDETERMINED, {"aggregate_status": doc({"mtime": CLOCK, "text": "{}"})}, "cannot be read"),
    Case("WIN-07", NOT_APPLICABLE, NO_AGENT, "WIN-01"),
    Case("WIN-23", PASS),
    Case("WIN-23", FAIL, {("service", "KeyIso"): service(4)}, "KeyIso is Disabled"),
    Case("WIN-23", FAIL, {("service", "Winmgmt"): ABSENT}, "no service Winmgmt"),
    Case("WIN-23", FAIL, {"wmi_registry": doc({"code": 2147942405})}, "answers 2147942405"),
    Case("WIN-23", UNDETERMINED, NON_ADMIN, "denied"),
    Case("WIN-23", NOT_APPLICABLE, edition="2017"),
]

EXTENSION_CASES = [
    Case("WIN-08", PASS),
    Case("WIN-08", FAIL, {PROVIDER: service(3)}, "its start type is Manual"),
    Case("WIN-08", FAIL, {PROVIDER: service(4)}, "its start type is Disabled"),
    Case("WIN-08", FAIL, {PROVIDER: ABSENT}, "although"),
    Case("WIN-08", UNDETERMINED, {PROVIDER: DENIED}, "denied"),
    Case("WIN-08", UNDETERMINED, {PROVIDER: ABSENT, "extension_folders": DENIED}, "denied"),
    Case("WIN-08", NOT_APPLICABLE, NEVER_BACKED_UP, "not installed yet"),
    Case("WIN-09", PASS),
    Case("WIN-09", FAIL, {"handlers": _handler(InstallState="Installed")}, "is Installed"),
    Case("WIN-09", FAIL, {"extension_files": _files(**{"iaasvmprovider.dll": None})}, "has no iaasvmprovider.dll"),
    Case(
        "WIN-09",
        ADVICE,
        {
            "extension_status": doc(
                {"text": json.dumps([{"status": {"status": "error", "formattedMessage": {"message": "VSS writer failed"}}}])}
            )
        },
        "VSS writer failed",
    ),
    Case("WIN-09", UNDETERMINED, {"handlers": _handler(SequenceNumber=7)}, "no InstallState"),
    Case("WIN-09", UNDETERMINED, {"handlers": UNSUPPORTED}, "unsupported"),
    Case("WIN-09", NOT_APPLICABLE, NEVER_BACKED_UP, "not installed yet"),
    Case("WIN-13", PASS),
    Case("WIN-13", FAIL, {("service", "COMSysApp"): service(4)}, "COMSysApp is Disabled"),
    Case("WIN-13", FAIL, {("service", "MSDTC"): service(2)}, "MSDTC runs as LocalSystem"),
    Case("WIN-13", PASS, {("service", "MSDTC"): service(2, "x", r"NT AUTHORITY\Network Service")}),
    Case("WIN-13", UNDETERMINED, {("service", "MSDTC"): DENIED}, "denied"),
    Case("WIN-13", NOT_APPLICABLE, edition="2017"),
    Case("WIN-14", PASS),
    Case("WIN-14", PASS, {("acl", "MachineKeys"): doc({"sddl": "O:BAG:SYD:AI(A;OICI;FA;;;WD)(A;ID;FA;;;S-1-5-32-544)"})}),
    Case(
        "WIN-14",
        FAIL,
        {("acl", "MachineKeys"): doc({"sddl": MACHINE_KEYS.replace("(A;;0x", "(D;;FW;;;WD)(A;;0x")})},
        "denies: (D;;FW;;;WD)",
    ),
    Case("WIN-14", FAIL, {("acl", "MachineKeys"): doc({"sddl": "O:SYG:SYD:PAI(A;;FR;;;WD)(A;;FA;;;BA)"})}, "Everyone lacks"),
    Case("WIN-14", UNDETERMINED, {("acl", "MachineKeys"): DENIED}, "denied"),
    Case("WIN-14", UNDETERMINED, {("acl", "MachineKeys"): doc({"sddl": ""})}, "cannot be read"),
    Case("WIN-14", NOT_APPLICABLE, edition="2017"),
    Case("WIN-19", PASS),
    Case("WIN-19", FAIL, {("service", "msiserver"): service(4)}, "msiserver is Disabled"),
    Case("WIN-19", UNDETERMINED, {("service", "msiserver"): DENIED}, "denied"),
    Case("WIN-19", NOT_APPLICABLE, edition="2017"),
    Case("WIN-22", PASS),
    Case("WIN-22", ADVICE, {"crashes": doc({"times": [CLOCK - 9000, CLOCK - 100]})}, "crashed 2 times"),
    Case("WIN-22", ADVICE, {"applocker": doc({"times": [CLOCK - 100]})}, "AppLocker stopped"),
    Case("WIN-22", UNDETERMINED, {"crashes": DENIED}, "denied"),
    Case("WIN-22", NOT_APPLICABLE, edition="2017"),
    Case("WIN-25", PASS),
    Case(
        "WIN-25", ADVICE, {("acl", "RSA"): doc({"sddl": "O:SYG:SYD:PAI(A;OICI;FA;;;BA)"})}, r"SYSTEM lacks full control of C:\ProgramData"
    ),
    Case("WIN-25", UNDETERMINED, {("acl", "Keys"): DENIED}, "denied"),
    Case("WIN-25", NOT_APPLICABLE, edition="2017"),
    Case("WIN-26", PASS),
    Case("WIN-26", FAIL, {"extension_files": _files(**{"iaasvmprovider.dll": {"size": 9000, "machine": "0x14c"}})}, "built for 0x14c"),
    Case("WIN-26", FAIL, {"extension_files": _files(**{"iaasvmprovider.dll": {"size": 0, "machine": ""}})}, "is empty"),
    Case("WIN-26", ADVICE, {"vc_runtimes": doc({})}, "no Visual C++ runtime"),
    Case("WIN-26", UNDETERMINED, {"extension_files": DENIED, "handlers": doc({})}, "denied"),
    Case("WIN-26", NOT_APPLICABLE, NEVER_BACKED_UP, "not installed yet"),
]

SNAPSHOT_CASES = [
    Case("WIN-10", NOT_APPLICABLE, says="no SQL Server"),
    Case("WIN-10", PASS, {"sql_instances": SQL, "bcdr_agent": doc({"UseVSSCopyBackup": "True"})}),
    Case("WIN-10", ADVICE, {"sql_instances": SQL}, "USEVSSCOPYBACKUP is not set; whether SQL Server backups are configured cannot be told"),
    Case("WIN-10", ADVICE, {"sql_instances": SQL, "bcdr_agent": doc({"USEVSSCOPYBACKUP": 1})}, "is 1, the documents have the text TRUE"),
    Case("WIN-10", ADVICE, {"service_states": states(**{"MSSQL$SHOP": "Running"})}, "SQL Server: MSSQL$SHOP"),
    Case("WIN-10", UNDETERMINED, {"sql_instances": UNSUPPORTED}, "unsupported"),
    Case("WIN-11", PASS),
    Case("WIN-11", FAIL, {("service", "VSS"): service(4)}, "VSS is Disabled"),
    Case("WIN-11", UNDETERMINED, {("service", "VSS"): DENIED}, "denied"),
    Case("WIN-11", NOT_APPLICABLE, edition="2017"),
    Case("WIN-12", PASS),
    Case("WIN-12", FAIL, {"vss_writers": writers(_written(7), _written(7))}, "System Writer {e8132975-6f93-4464-a53e-1050253ae220} [7]"),
    Case("WIN-12", PASS, {"vss_writers": writers(_written(10), WRITERS)}),
    Case("WIN-12", ADVICE, {"vss_writers": writers(_written(5), _written(5))}, "[5]"),
    Case("WIN-12", UNDETERMINED, NON_ADMIN, "to an administrator only"),
    Case("WIN-12", UNDETERMINED, {"vss_writers": writers("")}, "cannot be read"),
    Case("WIN-12", UNDETERMINED, {"vss_writers": TIMEOUT}, "timeout"),
    Case("WIN-12", NOT_APPLICABLE, edition="2017"),
    Case("WIN-17", PASS),
    Case("WIN-17", FAIL, {"cpu": cpu(0.97, 0.99, 0.95)}, "busy: 97%, 99%, 95%"),
    Case("WIN-17", ADVICE, {"cpu": cpu(0.97, 0.2, 0.3)}, "busy: 97%"),
    Case("WIN-17", FAIL, {"memory": items({"TotalVisibleMemorySize": 8_000_000, "FreePhysicalMemory": 300_000})}, "of memory in use"),
    Case("WIN-17", UNDETERMINED, NON_ADMIN, "denied"),
    Case("WIN-17", UNDETERMINED, {"cpu": doc({"samples": []})}, "did not move"),
    Case("WIN-17", NOT_APPLICABLE, system="linux", says="a check of Windows VMs"),
    Case("WIN-18", PASS, {"bitlocker": items({"drive": "C:", "lock": 0})}),
    Case("WIN-18", FAIL, {"bitlocker": items({"drive": "C:", "lock": 0}, {"drive": "E:", "lock": 1})}, "locked: E:"),
    Case("WIN-18", UNDETERMINED, NON_ADMIN, "denied"),
    Case("WIN-18", NOT_APPLICABLE, says="BitLocker is not installed"),
    Case("WIN-24", PASS),
    Case("WIN-24", ADVICE, {"volumes": items({"DeviceID": "C:", "Size": 100 * 1024**3, "FreeSpace": 2 * 1024**3})}, "C: 2.0 GB free"),
    Case("WIN-24", UNDETERMINED, NON_ADMIN, "denied"),
    Case("WIN-24", NOT_APPLICABLE, edition="2017"),
    Case("WIN-27", PASS),
    Case("WIN-27", FAIL, {WIRESERVER: body(http(200, "<Versions/>", "Date: Thu, 28 May 2026 18:00:00 GMT\r\n"))}, "minutes ahead"),
    Case("WIN-27", ADVICE, {WIRESERVER: body(http(200, "<Versions/>", "Date: Thu, 28 May 2026 20:24:40 GMT\r\n"))}, "s ahead"),
    Case("WIN-27", UNDETERMINED, {WIRESERVER: TIMEOUT}, "no second clock"),
    Case("WIN-27", NOT_APPLICABLE, edition="2017"),
]

SYSTEM_CASES = [
    Case("WIN-20", PASS),
    Case("WIN-20", FAIL, {"run": edited("run", architecture="x86")}, "32-bit Windows"),
    Case("WIN-20", FAIL, {"os": edited("os", CurrentBuildNumber="3790")}, "build 3790"),
    Case("WIN-20", ADVICE, {"reboot_pending": doc({"keys": [r"HKEY_LOCAL_MACHINE\SOFTWARE\…\RebootPending"]})}, "RebootPending"),
    Case("WIN-20", ADVICE, {"strong_crypto": doc({r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\.NETFramework\v4.0.30319": 0})}, "is 0"),
    Case("WIN-20", UNDETERMINED, {"run": edited("run", architecture="x86", wow64=True)}, "32-bit PowerShell"),
    Case("WIN-20", NOT_APPLICABLE, edition="2017"),
    Case("WIN-28", PASS),
    Case("WIN-28", FAIL, {"run": edited("run", cpus="1")}, "1 vCPU"),
    Case("WIN-28", FAIL, {"memory": items({"TotalVisibleMemorySize": 786_000, "FreePhysicalMemory": 500_000})}, "767 MB"),
    Case("WIN-28", UNDETERMINED, NON_ADMIN, "denied"),
    Case("WIN-28", NOT_APPLICABLE, edition="2017"),
]

CASES = AGENT_CASES + EXTENSION_CASES + SNAPSHOT_CASES + SYSTEM_CASES
