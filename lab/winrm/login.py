"""Logging in: Basic, NTLM and Negotiate, with WinRM's own encryption of messages over plain HTTP (pyspnego's acceptor)."""

from __future__ import annotations

import base64
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import spnego
from spnego.exceptions import SpnegoError

_BOUNDARY = b"--Encrypted Boundary"
ENCRYPTED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'


@dataclass(frozen=True)
class Account:
    """Who may log in."""

    user: str = "azureuser"
    password: str = "P@ss w0rd!"

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@contextmanager
def known(accounts: tuple[Account, ...]) -> Iterator[None]:
    """Let pyspnego's acceptor know the accounts: it looks them up in a file that an environment variable names."""
    before = os.environ.get("NTLM_USER_FILE")
    with tempfile.NamedTemporaryFile("w", prefix="winrm-stand-in-") as file:
        file.write("".join(f":{account.user}:{account.password}\n" for account in accounts))
        file.flush()
        os.environ["NTLM_USER_FILE"] = file.name
        try:
            yield
        finally:
            os.environ.pop("NTLM_USER_FILE")
            if before is not None:
                os.environ["NTLM_USER_FILE"] = before


@dataclass
class Login:
    """The state of one connection. ``headers``: what the next answer has to say about it."""

    accounts: tuple[Account, ...]
    schemes: tuple[str, ...]
    context: spnego.ContextProxy | None = None
    user: str = ""
    headers: list[str] = field(default_factory=list)

    def step(self, authorization: str) -> bool:
        """Take a step with what the client has sent; whether the client is logged in now."""
        self.headers = []
        scheme, _, value = authorization.partition(" ")
        if scheme not in self.schemes:
            if not authorization and self.is_complete:
                return True
            self.headers = ['Basic realm="WSMAN"' if name == "Basic" else name for name in self.schemes]
            return False
        if scheme == "Basic":
            self.user = next((account.user for account in self.accounts if account.basic == authorization), "")
            self.headers = [] if self.user else ['Basic realm="WSMAN"']
            return bool(self.user)
        return self._negotiate(scheme, base64.b64decode(value))

    def _negotiate(self, scheme: str, token: bytes) -> bool:
        if self.context is None or self.is_complete:
            protocol = "ntlm" if token.startswith(b"NTLMSSP") else "negotiate"
            self.context = spnego.server(
                protocol=protocol,
                options=spnego.NegotiateOptions.use_negotiate if protocol == "negotiate" else spnego.NegotiateOptions.use_ntlm,
            )
        try:
            answer = self.context.step(token)
        except SpnegoError:
            self.context = None
            self.headers = list(self.schemes)
            return False
        if answer:
            self.headers = [f"{scheme} {base64.b64encode(answer).decode()}"]
        self.user = self.context.client_principal or "" if self.is_complete else ""
        return self.is_complete

    @property
    def is_complete(self) -> bool:
        """Whether NTLM or Negotiate has come to its end on this connection."""
        return self.context is not None and self.context.complete

    def decrypt(self, data: bytes) -> bytes:
        """A message of the client."""
        assert self.context
        payload = data.split(_BOUNDARY + b"\r\n")[2]
        payload = payload[: payload.rindex(_BOUNDARY + b"--\r\n")].replace(b"\tContent-Type: application/octet-stream\r\n", b"", 1)
        (length,) = struct.unpack("<i", payload[:4])
        return self.context.unwrap_winrm(payload[4 : 4 + length], payload[4 + length :])

    def encrypt(self, data: bytes) -> bytes:
        """A message to the client."""
        assert self.context
        sealed = self.context.wrap_winrm(data)
        return (
            _BOUNDARY
            + b"\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            + b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % (len(data) + sealed.padding_length)
            + _BOUNDARY
            + b"\r\n\tContent-Type: application/octet-stream\r\n"
            + struct.pack("<i", len(sealed.header))
            + sealed.header
            + sealed.data
            + _BOUNDARY
            + b"--\r\n"
        )
