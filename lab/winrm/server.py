"""The stand-in as an HTTP server on loopback, and the ways in which it can misbehave."""

from __future__ import annotations

import http.server
import socketserver
import ssl
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.winrm import wsman
from lab.winrm.login import ENCRYPTED, Account, Login, known
from lab.winrm.shells import CommandShell, PowerShellShell, Runner

_SOAP = "application/soap+xml;charset=UTF-8"
_REFUSED = 2150858817
_NOTHING_YET = 0.2
"""Seconds until Receive says so; Windows waits as long as the client's OperationTimeout, 20 s."""


@dataclass
class Behaviour:
    """What goes wrong. ``cut``, ``drip``, ``flood``: the action at whose answer the connection is cut, never ends, has no end in size.

    ``garbage``: the action that is answered with what is no XML.

    ``idle``: how often Receive says that nothing has come yet.
    """

    max_shells: int = 30
    may_use_shells: bool = True
    endpoints: tuple[str, ...] = ("Microsoft.PowerShell",)
    idle: int = 0
    cut: str = ""
    drip: str = ""
    flood: str = ""
    garbage: str = ""


@dataclass
class Service:
    """What the server knows: accounts, shells, and how often it was asked for what."""

    scripts: Runner
    command_lines: Runner
    accounts: tuple[Account, ...]
    schemes: tuple[str, ...]
    behaviour: Behaviour
    encrypted: bool
    requests: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    created: int = 0
    pipelines: int = 0
    shells: dict[str, CommandShell | PowerShellShell] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        """Number of HTTP requests."""
        return self.requests.total()

    def answer(self, request: wsman.Request) -> str:
        """The body of the answer. Raises Fault."""
        if request.action == "Create":
            return self._create(request)
        shell = self.shells.get(request.shell_id)
        if shell is None:
            raise wsman.Fault(wsman.SHELL_NOT_FOUND, "InvalidSelectors", f"there is no shell {request.shell_id}", sender=True)
        if request.action == "Command":
            line = request.body.find("rsp:CommandLine", wsman.NAMES)
            assert line is not None
            return f"<rsp:CommandResponse><rsp:CommandId>{shell.command(line)}</rsp:CommandId></rsp:CommandResponse>"
        if request.action == "Receive":
            return self._receive(request, shell)
        if request.action == "Send":
            stream = request.body.find("rsp:Send/rsp:Stream", wsman.NAMES)
            assert stream is not None
            shell.send(stream)
            return "<rsp:SendResponse/>"
        if request.action == "Signal":
            return "<rsp:SignalResponse/>"
        if request.action == "Delete":
            found = self.shells.pop(request.shell_id)
            self.pipelines += found.pipelines if isinstance(found, PowerShellShell) else 0
            return ""
        raise wsman.Fault(wsman.UNSUPPORTED, "UnsupportedFeature", f"{request.action} is not supported", sender=True)

    def _create(self, request: wsman.Request) -> str:
        if not self.behaviour.may_use_shells:
            raise wsman.Fault(wsman.ACCESS_DENIED, "AccessDenied", "Access is denied. ", sender=True)
        if len(self.shells) >= self.behaviour.max_shells:
            raise wsman.Fault(wsman.QUOTA, "QuotaLimit", "the maximum number of concurrent shells for this user has been exceeded")
        element = request.body.find("rsp:Shell", wsman.NAMES)
        assert element is not None
        id_ = element.get("ShellId") or f"SHELL-{self.created}"
        if request.uri.startswith(wsman.POWERSHELL):
            if request.uri.removeprefix(wsman.POWERSHELL) not in self.behaviour.endpoints:
                raise wsman.Fault(_REFUSED, "InvalidResourceURI", f"there is no {request.uri}", sender=True)
            self.shells[id_] = PowerShellShell(self.scripts, element.findtext("pwsh:creationXml", "", wsman.NAMES))
        else:
            self.shells[id_] = CommandShell(self.command_lines)
        self.created += 1
        return wsman.created(request, id_)

    def _receive(self, request: wsman.Request, shell: CommandShell | PowerShellShell) -> str:
        stream = request.body.find("rsp:Receive/rsp:DesiredStream", wsman.NAMES)
        id_ = stream.get("CommandId") if stream is not None else None
        command = shell.commands.get(id_) if id_ else None
        if command and command.polls < self.behaviour.idle:
            command.polls += 1
            self.stop.wait(_NOTHING_YET)
            raise wsman.Fault(wsman.TIMED_OUT, "TimedOut", "nothing within the OperationTimeout")
        return f"<rsp:ReceiveResponse>{shell.receive(id_)}</rsp:ReceiveResponse>"


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for each answer: else every request waits for a delayed acknowledgement
    disable_nagle_algorithm = True
    service: Service
    login: Login

    def setup(self) -> None:
        super().setup()
        self.service.connections += 1
        self.login = Login(self.service.accounts, self.service.schemes)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it)
        """Nothing: a login header would be in it."""

    def do_POST(self) -> None:
        """One request of WS-Management, or a step of the login."""
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.login.step(self.headers.get("Authorization", "")):
            self.service.requests["login"] += 1
            self._answer(401)
        elif not data:  # a client that only logs in
            self.service.requests["login"] += 1
            self._answer(200)
        else:
            self._message(data)

    def _message(self, data: bytes) -> None:
        encrypted = self.headers.get("Content-Type", "").startswith("multipart/encrypted")
        if self.service.encrypted and not encrypted:  # AllowUnencrypted is false, as on every Windows
            self.service.requests["unencrypted"] += 1
            self._answer(500)
            return
        try:
            request = wsman.read(self.login.decrypt(data) if encrypted else data)
        except ET.ParseError:
            self._answer(400)
            return
        self.service.requests[request.action] += 1
        try:
            status, body = 200, wsman.response(request, self.service.answer(request))
        except wsman.Fault as fault:
            status, body = 500, wsman.fault(request, fault)
        if request.action == self.service.behaviour.garbage:
            body = b"\x00<s:Envelope><not closed"
        if request.action in {self.service.behaviour.cut, self.service.behaviour.drip, self.service.behaviour.flood}:
            self._misbehave(request.action, body)
        elif encrypted:
            self._answer(status, self.login.encrypt(body), ENCRYPTED)
        else:
            self._answer(status, body)

    def _answer(self, status: int, body: bytes = b"", content_type: str = _SOAP) -> None:
        self.send_response(status)
        for value in self.login.headers:
            self.send_header("WWW-Authenticate", value)
        if body:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _misbehave(self, action: str, body: bytes) -> None:
        behaviour = self.service.behaviour
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", _SOAP)
        if action == behaviour.cut:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if action == behaviour.drip:
            while not self.service.stop.wait(0.2):
                self._write(b" ")
        if action == behaviour.flood:
            while not self.service.stop.is_set() and self._write(b" " * 65536):
                pass

    def _write(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            self.service.stop.set()
            return False
        return True


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is none of our business."""


@dataclass(frozen=True)
class StandIn:
    """A running server."""

    port: int
    service: Service


@contextmanager
def running(
    scripts: Runner,
    command_lines: Runner,
    *,
    accounts: tuple[Account, ...] = (Account(),),
    schemes: tuple[str, ...] = ("Negotiate", "NTLM"),
    tls: tuple[Path, Path] | None = None,
    behaviour: Behaviour | None = None,
) -> Iterator[StandIn]:
    """Serve on a free port of loopback. ``tls``: certificate and key; without it, messages have to be encrypted."""
    service = Service(scripts, command_lines, accounts, schemes, behaviour or Behaviour(), tls is None and "Basic" not in schemes)
    handler = type("Handler", (_Handler,), {"service": service})
    with known(accounts), _Server(("127.0.0.1", 0), handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield StandIn(server.server_address[1], service)
        finally:
            service.stop.set()
            server.shutdown()
            thread.join()
