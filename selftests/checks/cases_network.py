"""Disks and the network: DSK-*, LIN-14, LIN-15, NET-*."""

from __future__ import annotations

import json

from selftests.checks.case import ADVICE, FAIL, NOT_APPLICABLE, PASS, UNDETERMINED, Case
from selftests.checks.cases_agent import IMAGE, PURGED
from selftests.recordings import (
    ABSENT,
    CONF,
    CONF_TEXT,
    DENIED,
    HOSTS,
    LEASE,
    NETWORK,
    TIMEOUT,
    UNIT,
    UNSUPPORTED,
    Changes,
    data_disk,
    edited,
    error,
    http,
    kv,
    profile,
    replaced,
)

IMDS = ("http", "imds")
WIRESERVER = ("http", "wireserver")
PLUGIN = ("http", "hostgaplugin")
ELSEWHERE: Changes = {
    "run": edited("run", virtualization="kvm"),
    "dmi": kv(chassis_asset_tag=""),
    "deployment": ABSENT,
    WIRESERVER: TIMEOUT,
    PLUGIN: TIMEOUT,
    IMDS: TIMEOUT,
    ("dhcp_lease", LEASE): "ADDRESS=10.0.0.4",
}
"""A guest of another cloud's or of a laboratory's hypervisor."""

NO_METADATA: Changes = {IMDS: error("refused")}
STATIC_NETWORK = "[Match]\nName=eth0\n\n[Network]\nAddress=10.0.0.4/24\nGateway=10.0.0.1"
NO_MANAGER: Changes = {("networkd_link", "/run/systemd/netif/links/2"): ABSENT, ("dhcp_lease", LEASE): None, "dhcp_lease": ABSENT}
NO_FABRIC_ROUTE = replaced("route_table", "10813FA8", "20813FA8")
IN_ENVIRONMENT: Changes = {
    ("proxy_environment", "/etc/environment"): "http_proxy=http://10.0.0.9:3128\nno_proxy=168.63.129.16,169.254.169.254",
    ("proxy_connect", HOSTS[0]): kv(source="environment", code=200),
}
IN_CONF: Changes = {
    ("agent_conf", CONF): f"{CONF_TEXT}\nHttpProxy.Host=10.0.0.9\nHttpProxy.Port=3128",
    ("proxy_connect", HOSTS[0]): kv(source="agent", code=200),
}
DROPPED: Changes = {WIRESERVER: TIMEOUT, "iptables": "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 168.63.129.16/32 -p tcp -j DROP\nCOMMIT"}
HTTPS_1, HTTPS_2 = ("https", HOSTS[0]), ("https", HOSTS[1])
BLOCKED: Changes = {HTTPS_1: TIMEOUT, HTTPS_2: TIMEOUT}
NO_NAMES: Changes = {(name, host): None for name in ("dns", "https", "port8443") for host in HOSTS}
STARVED: Changes = {"cpu_of_probes": "cpu  1000 0 500 90000 100 0 50 0 0 0\ncpu  1700 0 900 90010 104 0 50 300 0 0"}
SILENT = error("silent (8 s)")
INTERCEPTED = kv(code=400, verified="no", issuer="CN=Corp Inspection CA")

DISK_CASES = [
    Case("DSK-01", PASS),
    Case("DSK-01", FAIL, {IMDS: profile(dataDisks=[data_disk(3, "70000")])}, "data disk LUN 3 vm_DataDisk_3 (70,000 GB)"),
    Case("DSK-01", ADVICE, {IMDS: profile(dataDisks=[data_disk(3, "40000")])}, "the troubleshooting page only 32,768 GB"),
    Case("DSK-01", FAIL, {IMDS: profile(dataDisks=[data_disk(0, "1024")])}, "the limit is 1,023 GB", edition="2017"),
    Case("DSK-01", PASS, {IMDS: profile(dataDisks=[data_disk(0, "1023")])}, edition="2017"),
    Case("DSK-01", UNDETERMINED, {**NO_METADATA, "block_devices": ""}, "no disk is visible"),
    Case("DSK-01", NOT_APPLICABLE, IMAGE),
    Case("DSK-02", PASS),
    Case("DSK-02", FAIL, {IMDS: profile(dataDisks=[data_disk(lun) for lun in range(33)])}, "33 data disks; the limit is 32"),
    Case("DSK-02", FAIL, {IMDS: profile(dataDisks=[data_disk(lun) for lun in range(17)])}, "the limit is 16", edition="2017"),
    Case("DSK-02", UNDETERMINED, {**NO_METADATA, "block_devices": error("no /sys")}, "no /sys"),
    Case("DSK-02", NOT_APPLICABLE, IMAGE),
    Case("DSK-03", PASS),
    Case("DSK-03", ADVICE, {IMDS: profile(dataDisks=[data_disk(1, isSharedDisk="true")])}, "vm_DataDisk_1: shared disk"),
    Case("DSK-03", ADVICE, {IMDS: profile(dataDisks=[data_disk(1, managedDisk={"storageAccountType": "UltraSSD_LRS"})])}, "Ultra disk"),
    Case("DSK-03", UNDETERMINED, {IMDS: profile(dataDisks=["?"])}, "cannot be read"),
    Case("DSK-03", NOT_APPLICABLE, NO_METADATA, "only the instance metadata"),
    Case("DSK-04", PASS),
    Case(
        "DSK-04",
        FAIL,
        {IMDS: profile(dataDisks=[data_disk(0, "4096"), data_disk(1, "8192", encryptionSettings={"enabled": "true"})])},
        "LUN 1",
    ),
    Case("DSK-04", UNDETERMINED, {**NO_METADATA, "block_devices": f"sda\t{5 * 1024**4}\t0\tVirtual Disk\tx"}, "gave no storage profile"),
    Case("DSK-04", NOT_APPLICABLE, IMAGE),
]

DHCP_CASES = [
    Case("LIN-14", PASS),
    Case("LIN-14", FAIL, {("networkd_network", NETWORK): STATIC_NETWORK}, "eth0 (systemd-networkd): DHCP=no"),
    Case(
        "LIN-14", FAIL, {("nm_connection", "eth0"): kv(connection="Wired connection 1", method="manual")}, '"Wired connection 1" is manual'
    ),
    Case(
        "LIN-14",
        FAIL,
        {**NO_MANAGER, "ifupdown": None, ("ifupdown", "/etc/network/interfaces"): "auto eth0\niface eth0 inet static\n  address 10.0.0.4"},
        "`iface eth0 inet static` in /etc/network/interfaces",
    ),
    Case(
        "LIN-14",
        FAIL,
        {
            **NO_MANAGER,
            "ifcfg": None,
            ("ifcfg", "/etc/sysconfig/network-scripts/ifcfg-eth0"): "DEVICE=eth0\nBOOTPROTO=none\nIPADDR=10.0.0.4",
        },
        "BOOTPROTO=none",
    ),
    Case("LIN-14", PASS, {**NO_MANAGER, ("ifupdown", "/etc/network/interfaces"): "iface eth0 inet dhcp"}),
    Case("LIN-14", UNDETERMINED, NO_MANAGER, "nothing that configures eth0"),
    Case("LIN-14", NOT_APPLICABLE, ELSEWHERE, "not on Azure"),
    Case("LIN-15", PASS),
    Case("LIN-15", FAIL, {"route_table": NO_FABRIC_ROUTE, ("dhcp_lease", LEASE): "ADDRESS=10.0.0.4", WIRESERVER: TIMEOUT}, "no option 245"),
    Case(
        "LIN-15",
        FAIL,
        {"route_table": NO_FABRIC_ROUTE, ("dhcp_lease", LEASE): "", WIRESERVER: TIMEOUT, "wireserver_endpoint": ABSENT},
        "no lease with option 245",
    ),
    Case(
        "LIN-15", FAIL, {"route_table": NO_FABRIC_ROUTE, ("dhcp_lease", LEASE): "ADDRESS=10.0.0.4", WIRESERVER: http(200, "<html/>")}, "245"
    ),
    Case("LIN-15", UNDETERMINED, {"route_table": NO_FABRIC_ROUTE, ("dhcp_lease", LEASE): DENIED}, "denied"),
    Case("LIN-15", NOT_APPLICABLE, ELSEWHERE, "not on Azure"),
]

FABRIC_CASES = [
    Case("NET-01", PASS),
    Case("NET-01", FAIL, {WIRESERVER: TIMEOUT}, "no answer"),
    Case("NET-01", FAIL, {WIRESERVER: http(200, "<html>login</html>")}, "no answer of Azure's fabric"),
    Case("NET-01", UNDETERMINED, {**STARVED, WIRESERVER: TIMEOUT}, "no idle moment"),
    Case("NET-01", UNDETERMINED, {WIRESERVER: UNSUPPORTED}, "unsupported"),
    Case("NET-01", NOT_APPLICABLE, ELSEWHERE, "not on Azure"),
    Case("NET-02", PASS),
    Case("NET-02", FAIL, {PLUGIN: error("refused")}, "connection refused"),
    Case("NET-02", FAIL, {PLUGIN: http(200, "<html/>")}, "HTTP 200"),
    Case("NET-02", UNDETERMINED, {PLUGIN: UNSUPPORTED}, "unsupported"),
    Case("NET-02", NOT_APPLICABLE, {WIRESERVER: TIMEOUT}, "NET-01"),
    Case("NET-03", PASS),
    Case("NET-03", FAIL, {"route_to_wireserver": "168.63.129.16 dev tun0 src 10.8.0.2 uid 0"}, "leaves through tun0"),
    Case(
        "NET-03",
        FAIL,
        {"route_to_wireserver": error("RTNETLINK answers: Invalid argument"), "special_routes": "blackhole 168.63.129.16"},
        "blackhole 168.63.129.16",
    ),
    Case("NET-03", UNDETERMINED, {"primary_interface": kv(name="", index="")}, "no default route"),
    Case("NET-03", NOT_APPLICABLE, ELSEWHERE),
    Case("NET-04", PASS),
    Case("NET-04", PASS, {WIRESERVER: TIMEOUT}),
    Case("NET-04", FAIL, DROPPED, "port 80: iptables table filter"),
    Case("NET-04", UNDETERMINED, {WIRESERVER: TIMEOUT, "iptables": DENIED, "nft": DENIED}, "denied"),
    Case("NET-04", NOT_APPLICABLE, ELSEWHERE),
    Case("NET-09", PASS),
    Case("NET-09", ADVICE, {IMDS: TIMEOUT}, "no answer"),
    Case("NET-09", ADVICE, {IMDS: http(502)}, "HTTP 502"),
    Case("NET-09", UNDETERMINED, {IMDS: UNSUPPORTED}, "unsupported"),
    Case("NET-09", UNDETERMINED, {**STARVED, IMDS: TIMEOUT}, "no idle moment"),
    Case("NET-09", NOT_APPLICABLE, ELSEWHERE),
    Case("NET-10", PASS),
    Case("NET-10", ADVICE, {"special_routes": "blackhole 20.0.0.0/8 dev lo"}, "blackhole 20.0.0.0/8"),
    Case("NET-10", UNDETERMINED, {"special_routes": UNSUPPORTED}, "unsupported"),
    Case("NET-10", NOT_APPLICABLE, ELSEWHERE),
]

STORAGE_CASES = [
    Case("NET-05", PASS),
    Case("NET-05", ADVICE, {("dns", HOSTS[0]): error("dns")}, "name not found (name servers: 168.63.129.16)"),
    Case("NET-05", FAIL, {("dns", HOSTS[0]): TIMEOUT}, edition="2017"),
    Case("NET-05", UNDETERMINED, NO_NAMES, "no storage"),
    Case("NET-05", UNDETERMINED, {**STARVED, ("dns", HOSTS[0]): TIMEOUT}, "no idle moment", edition="2017"),
    Case("NET-05", ADVICE, {**STARVED, ("dns", HOSTS[0]): error("dns")}, "name not found"),
    Case("NET-05", NOT_APPLICABLE, ELSEWHERE),
    Case("NET-06", PASS),
    Case("NET-06", ADVICE, BLOCKED, f"{HOSTS[0]}: no answer"),
    Case("NET-06", FAIL, BLOCKED, edition="2017"),
    Case("NET-06", UNDETERMINED, NO_NAMES, "no storage"),
    Case("NET-06", UNDETERMINED, {**STARVED, **BLOCKED}, "no idle moment"),
    Case("NET-06", UNDETERMINED, {**STARVED, HTTPS_1: SILENT}, "no idle moment", edition="2017"),
    Case("NET-06", ADVICE, {**STARVED, HTTPS_1: error("refused")}, "connection refused"),
    Case("NET-06", NOT_APPLICABLE, ELSEWHERE),
    Case("NET-07", NOT_APPLICABLE, says="no proxy"),
    Case("NET-07", PASS, IN_ENVIRONMENT),
    Case("NET-07", FAIL, {**IN_CONF, ("proxy_connect", HOSTS[0]): kv(source="agent", code=407)}, "answers 407"),
    Case("NET-07", FAIL, {**IN_CONF, ("proxy_connect", HOSTS[0]): error("proxy")}, "10.0.0.9:3128 of waagent.conf"),
    Case("NET-07", FAIL, {("agent_conf", CONF): "HttpProxy.Host=10.0.0.9"}, "HttpProxy.Port is missing"),
    Case("NET-07", ADVICE, IN_CONF, "HttpProxy.Host=10.0.0.9"),
    Case("NET-07", UNDETERMINED, {("agent_conf", CONF): DENIED}, "denied"),
    Case("NET-07", UNDETERMINED, {**STARVED, **IN_CONF, ("proxy_connect", HOSTS[0]): TIMEOUT}, "no idle moment"),
    Case("NET-07", UNDETERMINED, {**IN_ENVIRONMENT, ("proxy_connect", HOSTS[0]): UNSUPPORTED}, "unsupported"),
    Case("NET-07", NOT_APPLICABLE, PURGED, "LIN-01"),
    Case("NET-08", PASS, edition="2017"),
    Case("NET-08", FAIL, {("port8443", HOSTS[0]): TIMEOUT}, "no answer", edition="2017"),
    Case(
        "NET-08", ADVICE, {("port8443", HOSTS[0]): TIMEOUT, IMDS: http(200, json.dumps({"osDisk": {"diskSizeGB": "30"}}))}, edition="2017"
    ),
    Case("NET-08", UNDETERMINED, NO_NAMES, "no storage", edition="2017"),
    Case("NET-08", NOT_APPLICABLE, says="not a rule of the current edition"),
    Case("NET-11", NOT_APPLICABLE, says="no proxy"),
    Case("NET-11", PASS, IN_ENVIRONMENT),
    Case(
        "NET-11",
        FAIL,
        {("proxy_environment", "/etc/environment"): "http_proxy=http://10.0.0.9:3128"},
        "lacks 168.63.129.16 and 169.254.169.254",
    ),
    Case("NET-11", FAIL, {("proxy_environment", UNIT): "https_proxy=http://10.0.0.9:3128\nno_proxy=169.254.0.0/16"}, "lacks 168.63.129.16"),
    Case("NET-11", UNDETERMINED, {("proxy_environment", "/etc/environment"): DENIED}, "denied"),
    Case("NET-12", PASS),
    Case("NET-12", ADVICE, BLOCKED, "none of"),
    Case("NET-12", UNDETERMINED, NO_NAMES, "no storage"),
    Case("NET-12", NOT_APPLICABLE, ELSEWHERE),
    Case("NET-13", PASS),
    Case("NET-13", ADVICE, {HTTPS_1: INTERCEPTED}, "certificate of CN=Corp Inspection CA"),
    Case("NET-13", UNDETERMINED, NO_NAMES, "no storage"),
    Case("NET-13", NOT_APPLICABLE, ELSEWHERE),
]

CASES = DISK_CASES + DHCP_CASES + FABRIC_CASES + STORAGE_CASES
