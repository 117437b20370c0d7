"""The Windows collector, run by a stand-in for PowerShell on described machines. No Windows is involved."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.collect.windows_script import WindowsCollectorRun, collector_text
from backup_preflight.facts.vm import facts_of
from backup_preflight.facts.windows.document import joined
from backup_preflight.recording import Recording, Status, parse
from backup_preflight.verdict import Judge, Rules
from lab.winrm.machine import File, Windows
from lab.winrm.machines import STORAGE, VERSIONS, healthy, service_key
from lab.winrm.powershell.values import Failure
from selftests import powershell
from selftests.collect.guest import DOCUMENT
from selftests.windows_recordings import HEALTHY

SOFTWARE = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft"


def output_of(machine: Windows, run: WindowsCollectorRun) -> str:
    answer = machine.run(run.script, {})
    assert not answer.errors
    return "\n".join(answer.output)


def read(machine: Windows, storage: tuple[str, ...] = STORAGE) -> Recording:
    run = WindowsCollectorRun(storage)
    recording = parse(output_of(machine, run).encode("ascii"), run.nonce)
    return replace(recording, started=machine.clock - 60, finished=machine.clock + 60)


def value(recording: Recording, section: str, subject: str = "") -> dict[str, object]:
    found: dict[str, object] = json.loads(joined(recording.section(section, subject)))
    return found


def verdicts(machine: Windows) -> dict[str, str]:
    judge = Judge("vm", facts_of(read(machine)), Rules(Edition.CURRENT), {})
    return {check.id: judge.result(check).verdict for check in catalogue().values() if check.is_for("windows") and not check.of_fleet}


@pytest.mark.parametrize(
    ("year", "culture"),
    [*((year, culture) for year in VERSIONS for culture in ("en-US", "ko-KR")), (2022, "de-DE"), (2022, "ja-JP"), (2022, "fr-FR")],
)
def test_a_healthy_vm_of_any_version_and_language_has_no_finding(year: int, culture: str) -> None:
    found = verdicts(healthy(year, culture))
    assert set(found.values()) == {"pass", "not applicable"}, found


@pytest.mark.parametrize("culture", ["en-US", "ko-KR", "zh-CN"])
def test_without_an_administrators_rights_no_cause_is_named(culture: str) -> None:
    found = verdicts(healthy(culture=culture, admin=False))
    assert set(found.values()) == {"pass", "not applicable", "undetermined"}, found
    assert found["WIN-01"] == "pass", "the process proves that the service runs"
    assert found["WIN-12"] == "undetermined"


def test_in_constrained_language_mode_what_needs_more_is_unsupported() -> None:
    recording = read(healthy(full_language=False))
    unsupported = {key for key, section in recording.sections.items() if section.status is Status.UNSUPPORTED}
    assert unsupported == {
        ("identity", ""),
        ("service_query", "RdAgent"),
        ("service_query", "WindowsAzureGuestAgent"),
        ("http", "wireserver"),
        ("http", "hostgaplugin"),
        ("http", "imds"),
        ("vss_writers", ""),
    }
    assert not {"fail", "advice"} & set(verdicts(healthy(full_language=False)).values())


def test_the_document_the_builder_and_the_collector_know_the_same_sections() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z0-9_]+)` \|", text[text.index("## Windows sections") :], re.MULTILINE))
    recording = read(healthy())
    assert {name for name, _ in recording.sections} == documented - {"log", "log_paths"}
    assert recording.sections.keys() == HEALTHY.keys()


def test_the_builder_writes_what_the_collector_prints() -> None:
    """Field by field, so that the cases of the checks are about something that exists."""
    recording = read(healthy())
    for (name, subject), part in HEALTHY.items():
        section = recording.section(name, subject)
        assert section.status.value == part.status, (name, subject)
        if part.status == "ok":
            assert _shape(json.loads(joined(section))) == _shape(json.loads(part.body.replace(b"\n", b""))), (name, subject)


def _shape(found: object) -> object:
    """Kinds of values, whatever they are."""
    if isinstance(found, dict):
        return {key: _shape(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [_shape(found[0])] if found else []
    return "number" if isinstance(found, int) and not isinstance(found, bool) else type(found).__name__


def test_every_line_is_short_and_ascii() -> None:
    machine = healthy()
    machine.registry[rf"{SOFTWARE}\Windows NT\CurrentVersion"]["ProductName"] = 'Windows Server 데이터센터 \t"quoted" ' * 20
    lines = output_of(machine, WindowsCollectorRun(STORAGE)).splitlines()
    assert all(line.isascii() for line in lines)
    assert max(map(len, lines)) <= 79


def test_secrets_do_not_leave_the_vm() -> None:
    machine = healthy()
    machine.registry[r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"] = {
        "HTTPS_PROXY": "http://user:Pl4nted@10.0.0.9:3128",
        "no_proxy": "168.63.129.16",
    }
    internet = r"HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
    machine.registry[internet] = {"ProxyEnable": 1, "ProxyServer": "http=user:Pl4nted@p:80;https=user:Pl4nted@p:81"}
    machine.files[r"C:\WindowsAzure\Logs\WaAppAgent.log"] = File(
        b"fabric address https://x.blob.core.windows.net/a?sv=1&sig=Pl4nted%2B&x=1"
    )
    connections = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
    proxy = b"user:Pl4nted@p:80"
    machine.registry[connections] = {"WinHttpSettings": struct.pack("<4I", 0x28, 3, 3, len(proxy)) + proxy + bytes(4)}
    recording = read(machine)
    assert b"Pl4nted" not in recording.raw.replace(b"\n", b"")
    assert proxy.hex().encode() not in recording.raw.replace(b"\n", b"")
    assert value(recording, "proxy_environment")["https_proxy"] == "http://***@10.0.0.9:3128"
    assert recording.section("winhttp").status is Status.UNSUPPORTED


def _hang(name: str) -> Callable[[Windows], None]:
    def change(machine: Windows) -> None:
        machine.tools[name] = (None, "")

    return change


@pytest.mark.parametrize(
    ("change", "section"),
    [
        (_hang("vssadmin.exe list writers"), ("vss_writers", "")),
        (_hang("whoami.exe /groups /fo csv /nh"), ("identity", "")),
        (_hang("sc.exe query RdAgent"), ("service_query", "RdAgent")),
        (lambda machine: machine.ports.pop(("168.63.129.16", 80)), ("http", "wireserver")),
    ],
)
def test_what_hangs_is_a_timeout_and_the_rest_is_there(change: Callable[[Windows], None], section: tuple[str, str]) -> None:
    machine = healthy()
    change(machine)
    recording = read(machine)
    assert [key for key, found in recording.sections.items() if found.status is Status.TIMEOUT] == [section]


def test_a_wmi_that_does_not_answer_costs_its_time_once() -> None:
    machine = healthy()

    before = machine.clock
    for key in machine.wmi:
        machine.wmi[key] = lambda: _time_out(machine)
    recording = read(machine)
    assert machine.clock - before < 30
    assert recording.section("memory").status is Status.TIMEOUT


def _time_out(machine: Windows) -> list[dict[str, object]]:
    machine.clock += 5
    raise Failure("HRESULT 0x80131505,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand", "OperationTimeout")


@pytest.mark.parametrize(
    ("number", "word"), [(10061, "refused"), (10013, "blocked"), (10060, "timeout"), (10054, "reset"), (10050, "other")]
)
def test_a_sockets_error_is_told_by_its_number(number: int, word: str) -> None:
    machine = healthy()
    machine.ports[("168.63.129.16", 80)] = number
    section = read(machine).section("http", "wireserver")
    assert (section.status, section.detail) == (Status.ERROR, f"{word} {number}")


def test_writers_are_looked_at_twice_when_one_is_not_stable() -> None:
    machine = healthy()
    code, output = machine.tools["vssadmin.exe list writers"]
    machine.tools["vssadmin.exe list writers"] = (code, output.replace("[1]", "[5]", 1))
    samples = value(read(machine), "vss_writers")["samples"]
    assert isinstance(samples, list)
    assert len(samples) == 2


def test_a_32_bit_powershell_tells_nothing_of_the_registry_it_cannot_see() -> None:
    machine = healthy()
    machine.environment["PROCESSOR_ARCHITEW6432"] = "AMD64"
    machine.environment["PROCESSOR_ARCHITECTURE"] = "x86"
    recording = read(machine)
    for name in ("dotnet", "bcdr_agent", "agent_guest", "handlers", "sql_instances"):
        assert recording.section(name).status is Status.UNSUPPORTED
    assert recording.section("service", "RdAgent").status is Status.OK
    assert "fail" not in verdicts(machine).values()


def test_a_service_without_a_key_is_absent_and_one_that_is_closed_is_denied() -> None:
    machine = healthy()
    del machine.registry[service_key("IaasVmProvider")]
    machine.denied = (service_key("VSS"),)
    recording = read(machine)
    assert recording.section("service", "IaasVmProvider").status is Status.ABSENT
    assert recording.section("service", "VSS").status is Status.DENIED


@pytest.mark.parametrize("parameters", [{"Nonce": "x"}, {"Nonce": "A" * 32}, {"Nonce": "0" * 32, "StorageEndpoints": "a;b"}])
def test_a_parameter_that_is_no_checked_word_is_refused(parameters: dict[str, str]) -> None:
    answer = healthy().run(collector_text(), parameters)
    assert answer.errors[0][0].endswith("is not valid")
    assert not answer.output


def test_by_hand_it_draws_a_nonce_itself() -> None:
    answer = healthy().run(f"& {{ {collector_text()} }}", {})
    assert parse("\r\n".join(answer.output).encode()).system == "windows"


def test_the_collector_keeps_to_the_rules() -> None:
    assert list(powershell.problems(collector_text())) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("$x = [Net.Dns]::new()", "PowerShell 5"),
        ("$x = Get-Foo", "Get-Foo is not on the list"),
        ("[Math]::Min(1, 2)", "the type [Math] is not on the list"),
        ("if ($a) {", "syntax error"),
        ("Start-Tool 'net.exe' 'stop VSS'", "net.exe is not on the list"),
        ("New-Object Net.WebClient", "Net.WebClient is not on the list"),
        ("$x = $a ?? $b", ""),
        ("'caf\u00e9'", "not ASCII"),
        ("Get-Date > x.txt", "only read"),
        ("#Requires -Version 5", "any version"),
    ],
)
def test_the_gate_sees_what_it_is_for(line: str, says: str) -> None:
    found = list(powershell.problems(line + "\n"))
    assert found
    assert any(says in problem for problem in found), found
