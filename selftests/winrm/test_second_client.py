"""The same conversation by an independent client: pywinrm, which knows cmd.exe's shell and no PSRP."""

from __future__ import annotations

from pathlib import Path

import pytest
import winrm

from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import parse
from selftests.winrm.helpers import ACCOUNT, certificate, windows


@pytest.mark.parametrize("transport", ["ntlm", "basic"])
def test_the_collector_over_cmd(transport: str, tmp_path: Path) -> None:
    tls = certificate(tmp_path) if transport == "basic" else None
    schemes = ("Basic",) if tls else ("Negotiate", "NTLM")
    with windows(tls=tls, schemes=schemes) as server:
        protocol = winrm.Protocol(
            f"{'https' if tls else 'http'}://127.0.0.1:{server.port}/wsman",
            transport=transport,
            username=ACCOUNT.user,
            password=ACCOUNT.password,
            server_cert_validation="validate",
            ca_trust_path=str(tls[0]) if tls else "legacy_requests",
        )
        shell = protocol.open_shell(codepage=65001)
        command = protocol.run_command(shell, "collect")
        output, errors, code = protocol.get_command_output(shell, command)
        protocol.cleanup_command(shell, command)
        protocol.close_shell(shell)
    assert (code, errors) == (0, b"")
    assert b"\r\n" in output
    assert facts_of(parse(output)).description.endswith("read as administrator")
    assert not server.service.shells


def test_a_wrong_password() -> None:
    with windows() as server:
        protocol = winrm.Protocol(f"http://127.0.0.1:{server.port}/wsman", transport="ntlm", username=ACCOUNT.user, password="wrong")
        with pytest.raises(winrm.exceptions.InvalidCredentialsError):
            protocol.open_shell()
