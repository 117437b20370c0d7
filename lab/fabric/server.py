"""The server under every service of the fabric, and the HTTP server of those that know a VM by its source address."""

from __future__ import annotations

import select
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import BaseServer, ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.fabric.vms import Vm

XML = "text/xml; charset=utf-8"
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What a VM asked. ``path``: without the query. ``query``: the first value of each name, names in lower case."""

    vm: Vm
    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it gets. ``type``: the media type of the body."""

    code: int = 200
    body: str | bytes = b""
    type: str = XML


class Background(ThreadingMixIn, BaseServer):
    """A server that runs in threads of its own from ``begin`` until ``stop``."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    def begin(self, name: str) -> None:
        """Serve. ``name``: of the thread."""
        self.stopping = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name=name, daemon=True).start()

    def stop(self) -> None:
        """Close the port, and the connections of those that wait in vain."""
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is no error of the fabric's."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Service(Background, HTTPServer):
    """One service on one address. ``vm_at`` finds the VM behind a source address; any other client gets a 404."""

    def __init__(self, name: str, address: tuple[str, int], vm_at: Callable[[str], Vm | None], answer: Callable[[Request], Answer]) -> None:
        self.name, self.vm_at, self.answer = name, vm_at, answer
        super().__init__(address, _Handler)
        self.begin(name)

    def server_bind(self) -> None:
        """Without HTTPServer's question for the host's name, which a lab without a resolver answers late."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-IIS/10.0"
    sys_version = ""
    timeout = 60

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        vm = self.server.vm_at(self.client_address[0])
        if vm is None:
            self._send(Answer(404, "this address belongs to no VM of the lab\n", TEXT))
            return
        vm.requests.append(f"{self.server.name} {self.command} {self.path}")
        if self.server.name in vm.silent:
            hold(self.connection, self.server.stopping)
            self.close_connection = True
            return
        if self.server.name in vm.ill:
            self._send(Answer(503, "service unavailable\n", TEXT))
            return
        query = {name.lower(): values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        self._send(self.server.answer(Request(vm, self.command, url.path, query, self.headers, body)))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  (the base class')

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (its name in the base class)
        """Vm.requests is the log."""


def hold(connection: socket.socket, stopping: threading.Event) -> None:
    """Say nothing until the client gives up or the fabric stops."""
    while not stopping.is_set():
        if select.select([connection], [], [], 0.1)[0] and not connection.recv(4096):
            return
