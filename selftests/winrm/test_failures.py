"""Each way in which a Windows VM cannot be read gives one clear problem, in time, closes its shell, and shows no password."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets import LiveTarget, Options, expand
from backup_preflight.targets.secret import Secret
from lab.winrm.machines import healthy
from lab.winrm.server import Behaviour, StandIn, running
from lab.winrm.shells import Answer
from selftests.sshd import free_port
from selftests.targets.helpers import everything_shown, listener, problem
from selftests.winrm.helpers import certificate, target, windows

PLANTED = "Pl4nted"


def other(port: int, query: str = "no_ssl=true", host: str = "127.0.0.1") -> LiveTarget:
    (found,), _ = expand(Options(hosts=f"winrm://admin@{host}:{port}?{query}", password=Secret(PLANTED)))
    assert isinstance(found, LiveTarget)
    return found


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_a_wrong_password_is_sent_once(auth: str) -> None:
    with windows() as server:
        found = problem(target(server, f"no_ssl=true&auth={auth}", PLANTED))
    assert found.problem is Problem.AUTHENTICATION
    assert "azureuser is refused" in found.detail
    assert server.service.total <= 3
    assert server.service.created == 0


def test_a_way_to_log_in_that_is_not_offered(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with windows(tls=tls) as server:
        found = problem(target(server, "auth=basic&no_verify_ssl=true"))
    assert found.problem is Problem.AUTHENTICATION
    assert "?auth=" in found.remedy


@pytest.mark.parametrize("auth", ["kerberos", "credssp"])
def test_a_way_to_log_in_whose_package_is_missing(auth: str) -> None:
    if importlib.util.find_spec({"kerberos": "gssapi", "credssp": "requests_credssp"}[auth]):
        pytest.skip("the package is installed")
    with windows() as server:
        found = problem(target(server, f"no_ssl=true&auth={auth}"))
    assert f"pip install 'pypsrp[{auth}]'" in found.remedy


def test_an_account_without_the_right() -> None:
    with windows(behaviour=Behaviour(may_use_shells=False)) as server:
        found = problem(target(server))
    assert found.problem is Problem.AUTHENTICATION
    assert "the password is right" in found.detail
    assert "Remote Management Users" in found.remedy


def test_a_quota_that_is_reached() -> None:
    with windows(behaviour=Behaviour(max_shells=0)) as server:
        found = problem(target(server))
    assert found.problem is Problem.TRANSPORT
    assert "quota" in found.detail
    assert server.service.requests["Create"] == 1


def test_an_endpoint_that_does_not_exist() -> None:
    with windows() as server:
        found = problem(target(server, "no_ssl=true&configuration_name=Nobody"))
    assert "Get-PSSessionConfiguration" in found.remedy


def test_an_untrusted_certificate(tmp_path: Path) -> None:
    with windows(tls=certificate(tmp_path), schemes=("Basic",)) as server:
        found = problem(target(server, "auth=basic"))
    assert found.problem is Problem.CERTIFICATE
    assert "?ca_cert=FILE" in found.remedy
    assert server.service.total == 0, "the password went nowhere"


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with windows(tls=tls, schemes=("Basic",)) as server:
        found = problem(other(server.port, f"auth=basic&ca_cert={tls[0]}", "localhost"))
    assert found.problem is Problem.CERTIFICATE


def test_http_to_a_port_that_wants_tls(tmp_path: Path) -> None:
    with windows(tls=certificate(tmp_path)) as server:
        found = problem(target(server))
    assert found.problem is Problem.DROPPED
    assert "drop no_ssl" in found.remedy


def test_tls_to_a_port_that_has_none() -> None:
    with windows() as server:
        found = problem(target(server, "no_verify_ssl=true"))
    assert found.problem is Problem.TRANSPORT
    assert "?no_ssl=true" in found.remedy


@pytest.mark.parametrize("action", ["Create", "Command", "Receive"])
def test_a_connection_cut_in_the_middle(action: str) -> None:
    with windows(behaviour=Behaviour(cut=action)) as server:
        found = problem(target(server))
    assert found.problem is Problem.DROPPED


def test_an_answer_that_never_ends() -> None:
    with windows(behaviour=Behaviour(drip="Receive")) as server:
        found = problem(target(server, seconds=0.5))
    assert found.problem is Problem.TIMEOUT


def test_an_answer_without_end_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backup_preflight.targets.winrm_backend._MOST", 1_000_000)
    with windows(behaviour=Behaviour(flood="Receive")) as server:
        found = problem(target(server))
    assert found.problem is Problem.OUTPUT
    assert "goes past 1,000,000 bytes" in found.detail


def test_a_collector_that_does_not_end() -> None:
    with windows(behaviour=Behaviour(idle=10_000)) as server:
        found = problem(target(server, seconds=1))
        assert not server.service.shells, "its shell is closed all the same"
    assert found.problem is Problem.TIMEOUT


def test_a_server_that_says_nothing() -> None:
    with listener(None) as port:
        found = problem(other(port, "no_ssl=true&operation_timeout_sec=1&read_timeout_sec=2"))
    assert found.problem is Problem.TIMEOUT
    assert "no answer in 2 s" in found.detail


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])
def test_something_else_on_that_port(answer: bytes) -> None:
    with listener(answer) as port:
        found = problem(other(port))
    assert found.problem in {Problem.DROPPED, Problem.TRANSPORT}


def test_a_refused_connection() -> None:
    found = problem(other(free_port("127.0.0.1")))
    assert found.problem is Problem.REFUSED
    assert "a Linux VM needs ssh://" in found.remedy


def test_a_name_that_does_not_exist() -> None:
    assert problem(other(5985, host="vm9.invalid")).problem is Problem.DNS


def test_a_script_that_powershell_refuses() -> None:
    with windows() as server:
        found = problem(target(server, windows_collector="throw 'abp:error:nothing works'"))
    assert found.problem is Problem.NOT_WINDOWS
    assert "nothing works" in found.detail


def test_half_of_a_collector() -> None:
    with windows() as server:
        found = target(server)
        half = found.windows_collector.replace('"$Nonce done $($state.sections)"', "")
        cut = problem(target(server, windows_collector=half))
    assert cut.problem is Problem.ENDED
    assert "before its last line" in cut.detail
    assert "MaxMemoryPerShellMB" in cut.remedy


def test_a_collector_that_is_stopped_in_the_middle() -> None:
    """The connection is whole: nothing may say that it was lost."""

    def stopped(script: str, parameters: dict[str, str]) -> Answer:
        (whole,) = healthy().run(script, parameters).output
        return Answer([whole.rpartition("\n")[0]], stopped=True)

    with running(stopped, lambda *_: Answer()) as server:
        found = problem(target(server))
    assert found.problem is Problem.ENDED
    assert "PipelineStopped" in found.detail


@pytest.mark.parametrize("failure", ["wrong", "cut", "refused", "quota", "slow"])
def test_a_password_is_never_shown(failure: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    behaviour = Behaviour(cut="Create" if failure == "cut" else "", max_shells=0 if failure == "quota" else 9, idle=9)
    with windows(behaviour=behaviour) as server:
        wrong = failure in {"wrong", "refused"}
        found = other(free_port("127.0.0.1")) if failure == "refused" else target(server, "no_ssl=true", PLANTED if wrong else "P@ss w0rd!")
        shown = _everything(found, server)
    assert PLANTED not in shown + caplog.text
    assert "P@ss w0rd!" not in shown + caplog.text


def _everything(found: LiveTarget, _: StandIn) -> str:
    backend = found.backend()
    shown = repr(found) + repr(found.spec) + repr(vars(backend)) + found.id
    limited = LiveTarget(found.id, found.spec, seconds=0.5)
    attempts: list[Callable[[], object]] = [limited.read, lambda: backend.run("nonsense")]
    for attempt in attempts:
        try:
            shown += repr(attempt())
        except ConnectionProblem as error:
            shown += everything_shown(error)
    return shown
