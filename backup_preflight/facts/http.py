"""An HTTP probe as the collector reports it: the response, or why there was none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backup_preflight.recording import Section, Status


@dataclass(frozen=True)
class Response:
    """What came back. ``failure`` is empty when something answered in HTTP."""

    code: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether the server answered with a success."""
        return 200 <= self.code < 300

    @property
    def is_wireserver(self) -> bool:
        """Whether it is the wire server's answer to ``?comp=versions``: a captive portal or a proxy says 200 too."""
        return self.ok and b"<Versions" in self.body


def response(section: Section) -> Response:
    """The probe's response. Never raises: what could not be observed is a failure with the status as its word."""
    if section.status is not Status.OK:
        return Response(failure=failure(section))
    head, _, body = section.body.partition(b"\r\n\r\n" if b"\r\n\r\n" in section.body else b"\n\n")
    lines = head.decode("latin-1").splitlines()
    status = re.match(r"HTTP/[\d.]+ (\d{3})", lines[0]) if lines else None
    if not status:
        return Response(failure="protocol")
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Response(int(status[1]), headers, _joined(body) if headers.get("transfer-encoding", "").lower() == "chunked" else body)


def _joined(body: bytes) -> bytes:
    """A body that came in chunks; what cannot be read as chunks ends it."""
    found = b""
    while match := re.match(rb"([0-9a-fA-F]{1,6})[^\r\n]*\r\n", body):
        size = int(match[1], 16)
        found += body[match.end() : match.end() + size]
        body = body[match.end() + size + 2 :]
    return found


def failure(section: Section) -> str:
    """One word for a network probe that got nothing: ``timeout``, ``refused``, ``unreachable``, ``reset``, ``dns``, ``tls``, …"""
    if section.status is Status.ERROR:
        return section.detail.split(" ", 1)[0] or "other"
    return str(section.status.value)


FAILURES = {
    "timeout": "no answer (dropped on the way)",
    "silent": "it connects, but no answer came within 8 s (it is slow, or something on the way swallows the traffic)",
    "refused": "connection refused (something answers, but nothing listens there)",
    "unreachable": "no route",
    "reset": "connection cut by the other side or by something on the way",
    "dns": "name not found",
    "tls": "no TLS",
    "protocol": "an answer that is not the expected protocol",
    "proxy": "the proxy does not answer",
    "blocked": "this VM itself stops the connection (socket error 10013: a firewall or a filter)",
}
"""The failure words, for people."""
