"""A VM is read over WinRM: one shell, one pipeline, few requests, in every way to log in that the stand-in knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backup_preflight.facts.vm import facts_of
from backup_preflight.facts.windows.document import joined
from backup_preflight.targets.winrm_backend import WinRmBackend
from lab.winrm.machines import healthy
from lab.winrm.server import Behaviour, StandIn
from selftests.winrm.helpers import ENDPOINT, certificate, target, windows


def assert_left_nothing(server: StandIn) -> None:
    assert not server.service.shells
    assert server.service.created == 1
    assert server.service.pipelines == 1
    assert server.service.connections == 1


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_encrypted_messages_over_http(auth: str) -> None:
    with windows() as server:
        recording = target(server, f"no_ssl=true&auth={auth}").read()
    assert facts_of(recording).description.endswith("read as administrator")
    assert server.service.requests == {"login": 3, "Create": 1, "Command": 1, "Receive": 2, "Delete": 1}
    assert server.service.total <= 10
    assert_left_nothing(server)


def test_ntlm_over_https(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with windows(tls=tls) as server:
        recording = target(server, f"auth=ntlm&ca_cert={tls[0]}").read()
    assert recording.system == "windows"
    assert server.service.requests == {"login": 2, "Create": 1, "Command": 1, "Receive": 2, "Delete": 1}
    assert_left_nothing(server)


def test_basic_over_https(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with windows(tls=tls, schemes=("Basic",)) as server:
        assert target(server, f"auth=basic&ca_cert={tls[0]}").read().system == "windows"
        assert target(server, "auth=basic&no_verify_ssl=true").read().system == "windows"
    assert not server.service.shells


def test_a_slow_collector_is_waited_for() -> None:
    with windows(behaviour=Behaviour(idle=3)) as server:
        assert target(server).read().system == "windows"
    assert server.service.requests["Receive"] == 5
    assert_left_nothing(server)


def test_a_jea_endpoint_gets_the_published_collector_by_name() -> None:
    with windows(behaviour=Behaviour(endpoints=(ENDPOINT,))) as server:
        recording = target(server, f"no_ssl=true&configuration_name={ENDPOINT}", storage_endpoints=("a.example",)).read()
    assert recording.section("storage").status.value == "ok"
    assert_left_nothing(server)


def test_a_large_script_is_no_problem() -> None:
    with windows() as server:
        found = target(server)
        large = found.windows_collector + "# a comment\n" * 40_000
        recording = target(server, windows_collector=large).read()
    assert recording.system == "windows"
    assert server.service.requests["Send"] > 0


def test_output_in_another_language_arrives_unharmed() -> None:
    machine = healthy(culture="ko-KR", admin=False)
    machine.registry[r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion"]["ProductName"] = "Windows Server 2022 데이터센터"
    with windows(machine) as server:
        recording = target(server).read()
    assert facts_of(recording).description.startswith("Windows Server 2022 데이터센터")
    assert "액세스가 거부되었습니다" in json.loads(joined(recording.section("chassis")))["message"]


def test_a_command_by_hand() -> None:
    with windows() as server:
        backend = target(server).backend()
        assert isinstance(backend, WinRmBackend)
        assert backend.run("echo %s", "a b").stdout == '"a b"\r\n'
        assert backend.run("nonsense").rc == 1
    assert not server.service.shells


@pytest.mark.parametrize("argument", ["%PATH%", 'a"b', "a\nb"])
def test_an_argument_that_cmd_would_interpret_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="safely"):
        WinRmBackend.quote("echo %s", argument)
