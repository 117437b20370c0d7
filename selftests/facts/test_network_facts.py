"""Traps of the network's and the disks' facts: option 245, the wire server, firewall rules, sizes."""

from __future__ import annotations

import json

import pytest

from backup_preflight.checks import catalogue
from selftests.checks.cases_network import NO_METADATA, NO_NAMES
from selftests.recordings import (
    AGENTS_OWN_RULES,
    HOSTS,
    LEASE,
    NETWORK,
    TIMEOUT,
    UNSUPPORTED,
    Changes,
    data_disk,
    error,
    facts,
    http,
    judge_of,
    profile,
)

WIRESERVER = ("http", "wireserver")
PLUGIN = ("http", "hostgaplugin")
BINARY_LEASE = b"\x02\x01\x06\x00" + b"\x00" * 232 + b"\x63\x82\x53\x63\x35\x01\x05\x36\x04\xa8\x3f\x81\x10\xf5\x04\xa8\x3f\x81\x10\xff"


@pytest.mark.parametrize(
    ("lease", "address"),
    [
        (b"lease {\n  option unknown-245 a8:3f:81:10;\n}", "168.63.129.16"),
        (b"lease {\n  option unknown-245 64:4:5:6;\n}", "100.4.5.6"),
        (b"lease {\n  option unknown-245 a:0:0:1;\n}", "10.0.0.1"),
        (rb'lease { option unknown-245 "\250?\201\020"; }', "168.63.129.16"),
        (b"ADDRESS=10.0.0.4\nOPTION_245=a83f8110\n", "168.63.129.16"),
        (b"private_245=a8:3f:81:10\n", "168.63.129.16"),
        (BINARY_LEASE, "168.63.129.16"),
        (b"lease { option unknown-245 64:4:5:6; }\nlease { option unknown-245 a8:3f:81:10; }", "168.63.129.16"),
        (b"ADDRESS=10.0.0.4\nOPTION_249=a83f8110\n", None),
        (b"option unknown-245 a8:3f8110;", None),
    ],
    ids=["hex", "short-octets", "short-first", "quoted", "networkd", "networkmanager", "dhcpcd", "last-counts", "other-option", "damaged"],
)
def test_option_245_in_every_form(lease: bytes, address: str | None) -> None:
    assert facts({("dhcp_lease", LEASE): lease}).network.fabric_addresses.get(LEASE) == address


@pytest.mark.parametrize("answer", [http(200, "<html>Please log in</html>"), http(200), b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_answers_is_not_always_the_wire_server(answer: bytes) -> None:
    """A transparent proxy accepts every connection and says 200."""
    judge = judge_of({WIRESERVER: answer, "dmi": "", "deployment": "", ("dhcp_lease", LEASE): ""})
    assert judge.facts.system.on_azure is None
    judge = judge_of({WIRESERVER: answer})
    assert judge.result(catalogue()["NET-01"]).verdict == "fail"
    assert judge.result(catalogue()["LIN-21"]).verdict == "undetermined", "its Date is not the host's clock"


def _firewall(**tables: str) -> Changes:
    return {WIRESERVER: TIMEOUT, **tables}


def test_the_agents_own_rules_accuse_nobody() -> None:
    assert facts({"iptables": AGENTS_OWN_RULES}).network.firewall_block(80) is None
    judge = judge_of(_firewall(iptables=AGENTS_OWN_RULES))
    assert judge.result(catalogue()["NET-04"]).verdict == "pass"
    assert judge.result(catalogue()["NET-01"]).verdict == "fail"


FILTER = "*filter\n:OUTPUT ACCEPT [0:0]\n{}\nCOMMIT"


@pytest.mark.parametrize(
    ("rules", "remove"),
    [
        ("-A OUTPUT -d 168.63.129.16/32 -j DROP", "sudo iptables -t filter -D OUTPUT -d 168.63.129.16/32 -j DROP"),
        (
            "-A OUTPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset",
            "sudo iptables -t filter -D OUTPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset",
        ),
        (":corp - [0:0]\n-A OUTPUT -j corp\n-A corp -d 168.63.0.0/16 -j DROP", "sudo iptables -t filter -D corp -d 168.63.0.0/16 -j DROP"),
        ("-A OUTPUT -d 168.63.129.16/32 -j ACCEPT\n-A OUTPUT -j DROP", None),
        ("-A OUTPUT -p udp -j DROP", None),
        ("-A OUTPUT -o eth0 -j ACCEPT\n-A OUTPUT -j DROP", None),
        ("-A OUTPUT -o lo -j ACCEPT\n-A OUTPUT -j DROP", "sudo iptables -t filter -D OUTPUT -j DROP"),
        (":x - [0:0]\n-A OUTPUT -g x\n-A OUTPUT -j DROP", None),
        ("-A OUTPUT -m limit --limit 5/sec -j DROP", None),
        ("-A OUTPUT -o lo -j DROP", None),
        ("-A OUTPUT ! -d 168.63.129.16/32 -j DROP", None),
        ("-A OUTPUT -m owner --uid-owner 1000 -j DROP", None),
    ],
)
def test_iptables_rule_is_named_with_its_removal(rules: str, remove: str | None) -> None:
    block = facts(_firewall(iptables=FILTER.format(rules))).network.firewall_block(80)
    assert (block.remove if block else None) == remove


def test_iptables_policy_is_answered_with_an_exception() -> None:
    saved = FILTER.format("").replace("OUTPUT ACCEPT", "OUTPUT DROP")
    block = facts(_firewall(iptables=saved)).network.firewall_block(32526)
    assert block
    assert block.remove == "sudo iptables -t filter -I OUTPUT -d 168.63.129.16 -p tcp --dport 32526 -j ACCEPT"


def _nft(expression: list[object], policy: str = "accept", family: str = "inet") -> str:
    chain = {"family": family, "table": "corp", "name": "out", "handle": 1, "type": "filter", "hook": "output", "prio": 0, "policy": policy}
    rule = {"family": family, "table": "corp", "chain": "out", "handle": 7, "expr": expression}
    return json.dumps({"nftables": [{"metainfo": {}}, {"table": {"family": family, "name": "corp"}}, {"chain": chain}, {"rule": rule}]})


def _match(protocol: str, field: str, right: object) -> dict[str, object]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


@pytest.mark.parametrize(
    ("ruleset", "remove"),
    [
        (_nft([_match("ip", "daddr", "168.63.129.16"), {"drop": None}]), "sudo nft delete rule inet corp out handle 7"),
        (_nft([_match("tcp", "dport", {"set": [80, 443]}), {"reject": None}]), "sudo nft delete rule inet corp out handle 7"),
        (_nft([_match("tcp", "dport", 443), {"drop": None}]), None),
        (
            _nft([_match("ip", "daddr", {"prefix": {"addr": "168.63.0.0", "len": 16}}), {"drop": None}]),
            "sudo nft delete rule inet corp out handle 7",
        ),
        (
            _nft([_match("ip", "daddr", "10.0.0.1"), {"accept": None}], "drop"),
            "sudo nft insert rule inet corp out ip daddr 168.63.129.16 tcp dport 80 accept",
        ),
        (_nft([{"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "eth0"}}, {"accept": None}], "drop"), None),
        (
            _nft([{"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "lo"}}, {"accept": None}], "drop"),
            "sudo nft insert rule inet corp out ip daddr 168.63.129.16 tcp dport 80 accept",
        ),
        (_nft([{"xt": {"type": "match", "name": "owner"}}, {"drop": None}]), None),
    ],
    ids=["address", "ports", "other-port", "network", "policy", "accept-in-doubt", "loopback", "unknown-match"],
)
def test_nft_rule_is_named_with_its_removal(ruleset: str, remove: str | None) -> None:
    block = facts(_firewall(iptables="", nft=ruleset)).network.firewall_block(80)
    assert (block.remove if block else None) == remove


def test_chains_that_call_each_other_cost_no_time() -> None:
    calls = "\n".join(
        f"-A {first} -j {second}" for first in ("OUTPUT", "a", "b", "c") for second in ("OUTPUT", "a", "b", "c") for _ in range(50)
    )
    assert facts(_firewall(iptables=FILTER.format(calls))).network.firewall_block(80) is None


def test_unreadable_firewall_is_no_verdict() -> None:
    result = judge_of({WIRESERVER: TIMEOUT, "iptables": UNSUPPORTED, "nft": "{"}).result(catalogue()["NET-04"])
    assert result.verdict == "undetermined"


def test_one_failure_for_a_firewall_that_drops() -> None:
    judge = judge_of({WIRESERVER: TIMEOUT, PLUGIN: TIMEOUT, "iptables": FILTER.format("-A OUTPUT -d 168.63.129.16/32 -j DROP")})
    failed = [check.id for check in catalogue().values() if "fleet" not in check.facts and judge.result(check).verdict == "fail"]
    assert failed == ["NET-04"]


@pytest.mark.parametrize(("size", "verdict"), [("1023", "pass"), ("1024", "fail")])
def test_gigabytes_are_binary(size: str, verdict: str) -> None:
    by_platform: Changes = {("http", "imds"): profile(dataDisks=[data_disk(0, size)])}
    by_kernel: Changes = {**NO_METADATA, "block_devices": f"sdc\t{int(size) * 1024**3}\t0\tVirtual Disk\tx"}
    for changes in (by_platform, by_kernel):
        assert judge_of(changes, edition="2017").result(catalogue()["DSK-01"]).verdict == verdict


def test_temporary_disk_and_cdrom_are_no_disks_of_a_backup() -> None:
    assert [disk.name for disk in facts(NO_METADATA).disks.all] == ["/dev/sda", "/dev/sdc"]
    assert facts(NO_METADATA).disks.data_disk_count == 1


def test_temporary_disk_is_known_by_its_warning_file_too() -> None:
    devices = (
        f"sda\t{30 * 1024**3}\t0\tVirtual Disk\tx\nsdb\t{2000 * 1024**3}\t0\tVirtual Disk\ty\nnvme0n1\t9\t0\tMicrosoft NVMe Direct Disk\tz"
    )
    changes: Changes = {**NO_METADATA, "block_devices": devices, "resource_disk": "/mnt"}
    assert [disk.name for disk in facts(changes).disks.all] == ["/dev/sda"]


def test_a_drop_in_of_etc_counts_for_a_network_of_run() -> None:
    drop_in = ("networkd_network", f"/etc/systemd/network/{NETWORK.rpartition('/')[2]}.d/static.conf")
    found = facts({drop_in: "[Network]\nDHCP=no\nAddress=10.0.0.4/24"}).network.dhcp
    assert not found.on
    assert drop_in[1] in found.evidence


def test_without_a_storage_name_nothing_is_said_of_storage() -> None:
    judge = judge_of(NO_NAMES, edition="2017")
    assert {judge.result(catalogue()[id_]).verdict for id_ in ("NET-05", "NET-06", "NET-08")} == {"undetermined"}


def test_any_status_of_storage_counts_as_reached() -> None:
    assert judge_of({("https", HOSTS[0]): "code=403\nverified=yes"}).result(catalogue()["NET-06"]).verdict == "pass"


def test_route_that_refuses_is_told_in_the_words_of_ip() -> None:
    result = judge_of({"route_to_wireserver": error("RTNETLINK answers: Network is unreachable")}).result(catalogue()["NET-03"])
    assert result.found == "RTNETLINK answers: Network is unreachable"
