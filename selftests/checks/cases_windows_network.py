"""Windows: DHCP and proxies (WIN-15, WIN-16, WIN-21), and the checks that hold for both systems on a Windows VM."""

from __future__ import annotations

from selftests.checks.case import ADVICE, FAIL, NOT_APPLICABLE, PASS, UNDETERMINED, Case
from selftests.checks.cases_windows import ELSEWHERE, WIRESERVER
from selftests.recordings import ABSENT, HOSTS, TIMEOUT, Change, Changes, Key, data_disk, error, http
from selftests.windows_recordings import (
    DENIED,
    GUID,
    NON_ADMIN,
    ROUTES,
    UNSUPPORTED,
    body,
    dhcp_blob,
    doc,
    interface,
    items,
    profile_with,
    storage,
    winhttp_blob,
)

IMDS = ("http", "imds")
PLUGIN = ("http", "hostgaplugin")
NO_METADATA: Changes = {IMDS: error("refused 10061")}
STATIC = interface(EnableDHCP=0, IPAddress=["10.0.0.4"], DefaultGateway=["10.0.0.1"], DhcpInterfaceOptions=None)
SEVERAL = interface(EnableDHCP=0, IPAddress=["10.0.0.4", "10.0.0.5"], DefaultGateway=["10.0.0.1"])
NOT_ANSWERED = interface(DhcpInterfaceOptions=dhcp_blob({3: b"\x0a\0\0\x01", 245: b""}), DhcpServer="10.0.0.2")
NEVER = interface(DhcpInterfaceOptions=None)
SILENT: dict[str | Key, Change] = {WIRESERVER: TIMEOUT, "agent_guest": doc({}), "agent_log_lines": doc({"lines": []})}
NOT_FOUND = doc(
    {"lines": ["[00000007] [05/27/2026 20:26:52.11] [ERROR] Did not discover fabric address on interface Npcap Loopback Adapter"]}
)
PROXY = doc({"WinHttpSettings": winhttp_blob("10.0.0.9:3128", "<local>;168.63.129.16;169.254.169.254")})


def _answer(**answer: object) -> bytes:
    return doc({"proxy": "10.0.0.9:3128", "items": [{"host": HOSTS[0], "answer": answer}]})


def _routes(*more: dict[str, object]) -> bytes:
    return items(*ROUTES, *more)


TUNNEL = {"DestinationPrefix": "168.63.0.0/16", "NextHop": "10.8.0.1", "InterfaceIndex": 9, "InterfaceAlias": "VPN", "RouteMetric": 1}
BLOCK = "v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RPort=80|RA4=168.63.129.16|Name=corp|"


def _both(check_id: str, verdict: str, changes: Changes | None = None, says: str = "", edition: str = "current") -> Case:
    """A case of a check for both systems, on a Windows VM."""
    return Case(check_id, verdict, changes or {}, says, edition, system="windows")


DHCP_CASES = [
    Case("WIN-15", PASS),
    Case("WIN-15", FAIL, {"interfaces": STATIC}, "EnableDHCP of Ethernet is 0; its address is 10.0.0.4"),
    Case("WIN-15", ADVICE, {"interfaces": SEVERAL}, "10.0.0.4, 10.0.0.5"),
    Case("WIN-15", PASS, NON_ADMIN),
    Case("WIN-15", FAIL, {**NON_ADMIN, "interfaces": STATIC}, "EnableDHCP"),
    Case("WIN-15", UNDETERMINED, {"interfaces": doc({GUID: {"EnableDHCP": 1}})}, "no interface has a default gateway"),
    Case("WIN-15", UNDETERMINED, {"interfaces": DENIED}, "denied"),
    Case("WIN-15", NOT_APPLICABLE, ELSEWHERE, "not on Azure"),
    Case("WIN-16", PASS),
    Case("WIN-16", PASS, {"interfaces": NEVER}),
    Case("WIN-16", FAIL, {**SILENT, "interfaces": NOT_ANSWERED, "agent_log_lines": NOT_FOUND}, "(10.0.0.2) did not answer option 245"),
    Case("WIN-16", FAIL, {**SILENT, "interfaces": NEVER, "agent_log_lines": NOT_FOUND}, "has no DHCP lease"),
    Case("WIN-16", UNDETERMINED, {**SILENT, "interfaces": NEVER}, "keeps no DHCP options"),
    Case("WIN-16", UNDETERMINED, {**SILENT, "interfaces": interface(DhcpInterfaceOptions="f500")}, "cannot be read"),
    Case("WIN-16", NOT_APPLICABLE, {"interfaces": STATIC}, "WIN-15"),
    Case("WIN-21", NOT_APPLICABLE, says="no proxy is set"),
    Case("WIN-21", PASS, {"winhttp": PROXY, "proxy_connect": _answer(status="ok", line="HTTP/1.1 200 Connection established")}),
    Case("WIN-21", FAIL, {"winhttp": PROXY, "proxy_connect": _answer(status="ok", line="HTTP/1.1 407 X")}, "answers 407"),
    Case("WIN-21", FAIL, {"winhttp": PROXY, "proxy_connect": _answer(status="error", detail="refused 10061")}, "connection refused"),
    Case(
        "WIN-21", ADVICE, {"winhttp": doc({"WinHttpSettings": winhttp_blob("10.0.0.9:3128", "<local>")})}, "no exception for 168.63.129.16"
    ),
    Case(
        "WIN-21",
        ADVICE,
        {"system_proxy": doc({"ProxyEnable": 1, "ProxyServer": "p:8080", "ProxyOverride": "10.*"})},
        "p:8080 of Local System",
    ),
    Case("WIN-21", PASS, {"system_proxy": doc({"ProxyEnable": 1, "ProxyServer": "p:8080", "ProxyOverride": "168.63.*;169.254.*"})}),
    Case("WIN-21", UNDETERMINED, NON_ADMIN, "denied"),
    Case("WIN-21", UNDETERMINED, {"winhttp": doc({"WinHttpSettings": "2800"})}, "cannot be read"),
]

BOTH_CASES = [
    _both("NET-01", PASS),
    _both("NET-01", FAIL, {WIRESERVER: TIMEOUT}, "no answer"),
    _both("NET-01", FAIL, {WIRESERVER: error("blocked 10013")}, "this VM itself stops the connection"),
    _both("NET-01", FAIL, {WIRESERVER: body(http(200, "<html>login</html>"))}, "no answer of Azure's fabric"),
    _both("NET-01", UNDETERMINED, {**NON_ADMIN, WIRESERVER: error("blocked 10013")}, "perhaps only administrators"),
    _both("NET-01", UNDETERMINED, {WIRESERVER: UNSUPPORTED}, "ConstrainedLanguage"),
    _both("NET-01", NOT_APPLICABLE, ELSEWHERE, "not on Azure"),
    _both("NET-02", PASS),
    _both("NET-02", FAIL, {PLUGIN: error("refused 10061")}, "connection refused"),
    _both("NET-02", UNDETERMINED, {PLUGIN: UNSUPPORTED}, "unsupported"),
    _both("NET-03", PASS),
    _both("NET-03", FAIL, {"routes": _routes({**TUNNEL, "DestinationPrefix": "168.63.129.16/32", "RouteMetric": 0})}, "leaves through VPN"),
    _both("NET-03", PASS, {"routes": _routes(TUNNEL)}),
    _both("NET-03", FAIL, {"routes": items(ROUTES[1], {**ROUTES[0], "DestinationPrefix": "0.0.0.0/1"})}, "no route to 168.63.129.16"),
    _both("NET-03", UNDETERMINED, NON_ADMIN, "denied"),
    _both("NET-04", PASS),
    _both("NET-04", PASS, {"firewall_rules": doc({"corp": BLOCK})}),
    _both("NET-04", FAIL, {WIRESERVER: TIMEOUT, "firewall_rules": doc({"corp": BLOCK})}, "port 80: the firewall rule corp blocks it"),
    _both("NET-04", PASS, {WIRESERVER: TIMEOUT, "firewall_rules": doc({"corp": BLOCK.replace("RPort=80", r"App=C:\\x.exe")})}),
    _both("NET-04", UNDETERMINED, {WIRESERVER: TIMEOUT, "firewall_rules": DENIED}, "denied"),
    _both("NET-09", ADVICE, {IMDS: TIMEOUT}, "no answer"),
    _both("NET-10", PASS),
    _both("NET-10", ADVICE, {"persistent_routes": doc({"names": ["20.0.0.0,255.0.0.0,10.0.0.99,1"]})}, "20.0.0.0 255.0.0.0 10.0.0.99"),
    _both("NET-10", PASS, {"persistent_routes": doc({"names": ["0.0.0.0,0.0.0.0,10.0.0.1,1"]})}),
    _both("NET-10", UNDETERMINED, {"persistent_routes": DENIED}, "denied"),
    _both("NET-05", PASS),
    _both(
        "NET-05",
        ADVICE,
        {"storage": storage(dns={"status": "error", "detail": "dns 11001"})},
        "name not found (name servers: 168.63.129.16)",
    ),
    _both("NET-05", UNDETERMINED, {"storage": None}, "no storage host is known"),
    _both("NET-06", FAIL, {"storage": storage(https={"status": "timeout", "detail": "5"})}, f"{HOSTS[0]}: no answer", "2017"),
    _both("NET-06", PASS),
    _both("NET-06", UNDETERMINED, {"storage": storage(https={"status": "unsupported", "detail": "x"})}, "unsupported"),
    _both("NET-08", FAIL, {"storage": storage(port8443={"status": "timeout", "detail": "5"})}, "no answer", "2017"),
    _both("NET-12", PASS),
    _both(
        "NET-13",
        ADVICE,
        {"storage": storage(https={"status": "ok", "errors": 4, "issuer": "CN=Corp Inspection CA"})},
        "CN=Corp Inspection CA",
    ),
    _both("CP-06", ADVICE, {IMDS: body(http(404, "{}"))}, "no compute part"),
    _both("DSK-01", PASS),
    _both("DSK-01", FAIL, {IMDS: profile_with(dataDisks=[data_disk(3, "70000")])}, "data disk LUN 3"),
    _both(
        "DSK-01", FAIL, {**NO_METADATA, "disks": items({"Index": 0, "Size": 2 * 1024**4, "Model": "Msft Virtual Disk"})}, "2,048 GB", "2017"
    ),
    _both(
        "DSK-01",
        PASS,
        {**NO_METADATA, "disks": items({"Index": 0, "Size": 9**9, "Model": "x"}, {"Index": 1, "Size": 2 * 1024**4, "Model": "temporary"})},
        edition="2017",
    ),
    _both("DSK-01", UNDETERMINED, {**NO_METADATA, "disks": DENIED}, "denied"),
    _both("DSK-02", PASS, NO_METADATA),
    _both("DSK-03", ADVICE, {"storage_pools": items({"FriendlyName": "pool1"})}, "Storage Spaces: pool1"),
    _both("DSK-03", PASS, {"storage_pools": ABSENT}),
    _both("DSK-03", UNDETERMINED, NON_ADMIN, "denied"),
    _both("DSK-04", PASS),
    Case("LIN-01", NOT_APPLICABLE, system="windows", says="a check of Linux VMs"),
]

CASES = DHCP_CASES + BOTH_CASES
