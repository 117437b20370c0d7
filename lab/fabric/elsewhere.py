"""A host that is not Azure's: what answers when traffic goes astray, and a middlebox that opens TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer

from lab.addresses import ELSEWHERE
from lab.fabric import authority
from lab.fabric.server import Background, hold

WEB_PORTS = (80, 32526)
"""An ordinary web site, which says 200 to everything: on 32526 too, so that the host plugin's traffic can be led here."""

SILENT_PORT = 443
INTERCEPTOR_PORT = 8443


class Elsewhere:
    """All of its ports."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        certificate, key = authority.new("Company Web Filter", directory / "filter-ca.crt").server_certificate(directory / "filter")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._servers = [
            *(_Server(port, _Website) for port in WEB_PORTS),
            _Server(SILENT_PORT, _Silent),
            _Server(INTERCEPTOR_PORT, _Filter, context),
        ]

    def stop(self) -> None:
        """Close all ports."""
        for server in self._servers:
            server.stop()


class _Server(Background, TCPServer):
    def __init__(self, port: int, handler: Callable[..., BaseRequestHandler], context: ssl.SSLContext | None = None) -> None:
        self.context = context
        super().__init__((ELSEWHERE, port), handler)
        self.begin(f"elsewhere:{port}")


class _Page(BaseHTTPRequestHandler):
    code = 200
    server_version, sys_version = "nginx", ""
    timeout = 30

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Welcome</h1></body></html>\n"
        self.send_response(self.code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = _serve  # noqa: N815  (the base class')

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (its name in the base class)
        """Nobody reads a log."""


class _Website(_Page):
    """Says 200."""


class _Filter(_Page):
    """Says 403, after a TLS handshake with a certificate of its own CA."""

    code = 403
    server: _Server

    def setup(self) -> None:
        assert self.server.context is not None
        self.request.settimeout(30)
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()


class _Silent(BaseRequestHandler):
    """Takes the connection and never says a word."""

    server: _Server

    def handle(self) -> None:
        connection: socket.socket = self.request
        hold(connection, self.server.stopping)
