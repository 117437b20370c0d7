"""Traps of the Windows facts: captured outputs in several languages, binary registry values, access lists, firewall rules."""

from __future__ import annotations

import pytest

from backup_preflight.checks import catalogue
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows import sddl
from backup_preflight.facts.windows.blobs import dhcp_options, from_hex, winhttp_proxy
from backup_preflight.facts.windows.firewall import blocks
from backup_preflight.facts.windows.services import query_state
from backup_preflight.recording import Section, Status
from selftests.recordings import ABSENT, TIMEOUT, Changes
from selftests.windows_captures import (
    AGENT_LOG,
    DHCP_OPTIONS,
    SERVICE_DENIED,
    SERVICE_MISSING,
    SERVICE_RUNS,
    WINHTTP_DIRECT,
    WRITER_STATE_PL,
    Capture,
)
from selftests.windows_recordings import NON_ADMIN, doc, facts, interface, items, judge_of, winhttp_blob, writers

QUERY = ("service_query", "WindowsAzureGuestAgent")


def section(capture: Capture) -> Section:
    return Section(Status.OK, doc({"code": capture.code, "output": capture.output}))


@pytest.mark.parametrize("language", SERVICE_RUNS)
def test_a_services_state_is_a_number_in_every_language(language: str) -> None:
    assert query_state(section(SERVICE_RUNS[language])) == "Running"


@pytest.mark.parametrize("capture", [*SERVICE_MISSING.values(), *SERVICE_DENIED.values(), Capture("wine", "")])
def test_an_output_without_a_state_is_none(capture: Capture) -> None:
    assert query_state(section(capture)) == ""


def test_an_empty_answer_with_exit_code_0_proves_nothing() -> None:
    """What another program's sc.exe was seen to do."""
    changes: Changes = {"service_states": items(), QUERY: doc({"code": 0, "output": ""}), "processes": items()}
    assert judge_of(changes).result(catalogue()["WIN-01"]).verdict == "undetermined"


@pytest.mark.parametrize("code", [5, 1060, 36])
def test_an_exit_code_of_sc_accuses_nobody(code: int) -> None:
    """The registry key is there, so 1060 would contradict it; 36 is what is left of 1060 in 8 bits."""
    changes: Changes = {**NON_ADMIN, QUERY: doc({"code": code, "output": ""}), "processes": items()}
    assert judge_of(changes).result(catalogue()["WIN-01"]).verdict == "undetermined"


def test_a_writers_state_is_a_number_in_every_language() -> None:
    found = facts({"vss_writers": writers(WRITER_STATE_PL.output, WRITER_STATE_PL.output)}).snapshot.unstable_writers
    assert [(writer.state, writer.name) for writer in found] == [(10, "System Writer")]


@pytest.mark.parametrize("blob", DHCP_OPTIONS, ids=["WinMedic", "reg-file"])
def test_dhcp_options_as_captured_are_read_to_the_last_byte(blob: str) -> None:
    found = dhcp_options(from_hex(blob))
    assert found[1] == b"\xff\xff\xff\x00"
    assert 245 not in found
    assert facts({"interfaces": interface(DhcpInterfaceOptions=blob)}).network.primary.fabric_address == ""


def test_a_byte_of_245_is_no_option_245() -> None:
    blob = from_hex(DHCP_OPTIONS[1]).replace(b"\xc0\xa8", b"\xf5\xf5").hex()
    assert facts({"interfaces": interface(DhcpInterfaceOptions=blob)}).network.primary.fabric_address == ""


@pytest.mark.parametrize("blob", ["00", "f5000000" * 4, "f500000000000000ffffffff0000000000000000", "zz"])
def test_dhcp_options_of_another_layout_are_none(blob: str) -> None:
    with pytest.raises(ValueError, match=r"ends within|hexadecimal"):
        dhcp_options(from_hex(blob))


@pytest.mark.parametrize("blob", WINHTTP_DIRECT)
def test_a_direct_winhttp_setting_as_captured(blob: str) -> None:
    assert winhttp_proxy(from_hex(blob)).proxy == ""


def test_a_winhttp_setting_with_a_proxy() -> None:
    found = winhttp_proxy(from_hex(winhttp_blob("10.0.0.5:8080", "<local>;168.63.*")))
    assert (found.proxy, found.bypass) == ("10.0.0.5:8080", "<local>;168.63.*")


@pytest.mark.parametrize("blob", ["", "28", "28000000030000000300000040000000"])
def test_a_winhttp_setting_that_is_cut_is_no_verdict(blob: str) -> None:
    with pytest.raises(ValueError, match=r"too short|ends within"):
        winhttp_proxy(from_hex(blob))


def test_the_agents_own_log_names_the_adapter_that_confuses_it() -> None:
    changes: Changes = {
        ("http", "wireserver"): TIMEOUT,
        "agent_guest": doc({}),
        "interfaces": interface(DhcpInterfaceOptions=None),
        "agent_log_lines": doc({"lines": list(AGENT_LOG)}),
    }
    result = judge_of(changes).result(catalogue()["WIN-16"])
    assert result.verdict == "fail"
    assert "Npcap Loopback Adapter" in result.found
    assert any("Disable-NetAdapter" in command for command in result.commands)


@pytest.mark.parametrize(
    ("rule", "blocked"),
    [
        ("v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RPort=80|RA4=168.63.129.16|Name=x|", True),
        ("v2.30|Action=Block|Active=TRUE|Dir=Out|RA4=168.63.129.16/255.255.255.255|Name=x|", True),
        ("v2.30|Action=Block|Active=TRUE|Dir=Out|RA4=168.63.129.0-168.63.129.255|Name=x|Profile=Public|", True),
        ("v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RPort=443|RA4=168.63.129.16|Name=x|", False),
        ("v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=17|RA4=168.63.129.16|Name=x|", False),
        ("v2.30|Action=Block|Active=FALSE|Dir=Out|RA4=168.63.129.16|Name=x|", False),
        ("v2.30|Action=Block|Active=TRUE|Dir=In|RA4=168.63.129.16|Name=x|", False),
        ("v2.30|Action=Allow|Active=TRUE|Dir=Out|RA4=168.63.129.16|Name=x|", False),
        (r"v2.30|Action=Block|Active=TRUE|Dir=Out|RA4=168.63.129.16|App=C:\x.exe|Name=x|", False),
        ("v2.30|Action=Block|Active=TRUE|Dir=Out|RA4=LocalSubnet|Name=x|", False),
        ("", False),
    ],
)
def test_only_a_firewall_rule_that_certainly_covers_the_traffic_counts(rule: str, *, blocked: bool) -> None:
    assert blocks(rule, "168.63.129.16", 80) == blocked


@pytest.mark.parametrize(
    ("text", "everyone"),
    [
        ("O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)", sddl.READ_WRITE),
        ("O:SYG:SYD:(A;OICI;FRFW;;;S-1-1-0)", sddl.READ_WRITE),
        ("O:SYG:SYD:(A;OICIIO;FA;;;WD)", 0),
        ("O:SYG:SYD:(A;;FA;;;BA)S:(AU;SA;FA;;;WD)", 0),
    ],
)
def test_rights_of_an_access_list(text: str, everyone: int) -> None:
    assert sddl.allowed(sddl.entries(text), sddl.EVERYONE) & sddl.READ_WRITE == everyone


def test_a_filtered_administrator_is_none() -> None:
    """Without elevation the group is in the token, for denials only: the integrity level tells."""
    assert not facts({"identity": doc({"sids": ["S-1-5-32-544", "S-1-16-8192"]})}).system.is_admin
    with pytest.raises(NotObserved):
        _ = facts({"identity": doc({"sids": ["S-1-5-32-544"]})}).system.is_admin


def test_a_guest_that_tells_nothing_of_azure_is_not_accused() -> None:
    changes: Changes = {
        ("http", "wireserver"): TIMEOUT,
        "chassis": ABSENT,
        "windows_azure": ABSENT,
        "interfaces": interface(DhcpInterfaceOptions=None),
    }
    judge = judge_of(changes)
    assert judge.facts.system.on_azure is None
    assert judge.result(catalogue()["NET-01"]).verdict == "undetermined"


def test_versions_compare_as_numbers() -> None:
    found = facts({"agent_guest": doc({"GuestAgentVersion": "2.7.41491.1010"})})
    assert found.agent.version == (2, 7, 41491, 1010)
    assert facts({"extension_folders": doc({"names": ["1.0.9.0", "1.0.100.0"]})}).extension.folders[-1] == "1.0.100.0"
