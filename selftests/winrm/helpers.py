"""A stand-in server with the real collector behind it, and targets that read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backup_preflight.collect.windows_script import PUBLISHED_COLLECTOR, collector_text
from backup_preflight.targets import LiveTarget, Options, expand
from backup_preflight.targets.secret import Secret
from lab.winrm.login import Account
from lab.winrm.machine import Windows
from lab.winrm.machines import healthy
from lab.winrm.server import StandIn, running
from lab.winrm.shells import Answer

ACCOUNT = Account()
ENDPOINT = "AzureBackupPreflight"
"""Name of a JEA endpoint that allows the published collector only."""


@contextmanager
def windows(machine: Windows | None = None, **options: Any) -> Iterator[StandIn]:
    """A server before a described machine; without one, before a healthy one."""
    found = machine or healthy()

    def script(text: str, parameters: dict[str, str]) -> Answer:
        if text == PUBLISHED_COLLECTOR:
            return found.run(collector_text(), parameters)
        return found.run(text, parameters)

    with running(script, lambda line, _: _command_line(found, line), **options) as server:
        yield server


def _command_line(machine: Windows, line: str) -> Answer:
    if line.startswith("echo "):
        return Answer([line.removeprefix("echo ")])
    if line == "collect":  # a batch file that calls PowerShell: what a client without PSRP would start
        return machine.run(f"& {{ {collector_text()} }}", {})
    return Answer(errors=[("", "is not recognized")], code=1)


def target(server: StandIn, query: str = "no_ssl=true", password: str = ACCOUNT.password, **changes: Any) -> LiveTarget:
    """A target that reads this server."""
    options = Options(hosts=f"winrm://{ACCOUNT.user}@127.0.0.1:{server.port}?{query}", password=Secret(password))
    (found,), _ = expand(options)
    assert isinstance(found, LiveTarget)
    return replace(found, **changes)


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    found = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = directory / "certificate.pem", directory / "key.pem"
    path.write_bytes(found.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return path, key_path
