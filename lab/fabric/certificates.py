"""Certificates that the fabric hands to a VM's agent, and the extension settings that only their keys open."""

from __future__ import annotations

import base64
import binascii
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

from lab.fabric.server import Request
from lab.fabric.vms import Vm

TRANSPORT = "x-ms-guest-agent-public-x509-cert"
"""The header in which the agent sends its own certificate, for which the answer is encrypted."""


@dataclass(frozen=True)
class _Pair:
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


class Certificates:
    """One certificate for each VM, made when it is first needed."""

    def __init__(self) -> None:
        self._pairs: dict[str, _Pair] = {}
        self._lock = threading.Lock()

    def thumbprint(self, vm: Vm) -> str:
        """SHA-1 in capital hexadecimal: the name under which the agent keeps the certificate."""
        return self._of(vm).certificate.fingerprint(hashes.SHA1()).hex().upper()

    def encrypt(self, vm: Vm, secret: str) -> str:
        """Protected settings: CMS for the VM's certificate, DER in base 64."""
        return base64.b64encode(_enveloped(secret.encode(), self._of(vm).certificate)).decode()

    def answer(self, request: Request) -> str:
        """The document of ``type=certificates``: key and certificate as PFX without a password, enveloped for the agent."""
        pair = self._of(request.vm)
        pfx = pkcs12.serialize_key_and_certificates(None, pair.key, pair.certificate, None, serialization.NoEncryption())
        try:
            recipient = x509.load_der_x509_certificate(base64.b64decode(request.headers.get(TRANSPORT, ""), validate=True))
        except (ValueError, binascii.Error):
            return _document("")
        return _document(base64.encodebytes(_enveloped(pfx, recipient)).decode())

    def _of(self, vm: Vm) -> _Pair:
        with self._lock:
            if vm.name not in self._pairs:
                self._pairs[vm.name] = _new_pair()
            return self._pairs[vm.name]


def _document(data: str) -> str:
    head = '<?xml version="1.0" encoding="utf-8"?>\n<CertificateFile><Version>2010-12-15</Version><Incarnation>1</Incarnation>'
    content = f"<Format>Pkcs7BlobWithPfxContents</Format><Data>{data}</Data>" if data else ""
    return f"{head}{content}</CertificateFile>\n"


def _enveloped(content: bytes, recipient: x509.Certificate) -> bytes:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(recipient)
    return builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def _new_pair() -> _Pair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Windows Azure CRP Certificate Generator")])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
    )
    return _Pair(key, builder.sign(key, hashes.SHA256()))
