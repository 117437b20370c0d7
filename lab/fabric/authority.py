"""The lab's certificate authority, and another that no guest trusts."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.addresses import STORAGE

STORAGE_NAMES = ("*.blob.core.windows.net", "*.blob.storage.azure.net", *(f"*.z{zone}.blob.storage.azure.net" for zone in range(1, 10)))
"""A star stands for one label, so accounts in a DNS zone need names of their own."""


@dataclass(frozen=True)
class Authority:
    """A CA. ``path``: its certificate, as PEM."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    path: Path

    def server_certificate(self, stem: Path) -> tuple[Path, Path]:
        """Make a certificate for the storage names: ``stem``.crt and ``stem``.key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in STORAGE_NAMES]
        names.append(x509.IPAddress(ip_address(STORAGE)))
        builder = (
            _builder(_name("Lab storage"), self.certificate.subject, key, days=365)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        certificate, secret = stem.with_suffix(".crt"), stem.with_suffix(".key")
        certificate.write_bytes(_pem(builder.sign(self.key, hashes.SHA256())))
        _write_key(secret, key)
        return certificate, secret


def trusted(cache: Path) -> Authority:
    """The lab's CA, made at the first call and kept in the cache: cached guest images hold its certificate."""
    cache.mkdir(parents=True, exist_ok=True)
    path, secret = cache / "lab-ca.crt", cache / "lab-ca.key"
    with (cache / "lab-ca.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            made = new("Lab CA", path)
            _write_key(secret, made.key)
            path.write_bytes(_pem(made.certificate))
        key = serialization.load_pem_private_key(secret.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{secret} is no key of the lab's; delete it and {path}, and build the guest images again")
    return Authority(key, x509.load_pem_x509_certificate(path.read_bytes()), path)


def new(name: str, path: Path) -> Authority:
    """A CA of its own, which is not written to disk."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(_name(name), _name(name), key, days=3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(key, builder.sign(key, hashes.SHA256()), path)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
