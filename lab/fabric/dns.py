"""Azure's resolver (168.63.129.16, port 53, UDP and TCP), which answers each VM as its ``dns`` says."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable

from lab.addresses import ELSEWHERE, STORAGE, WIRESERVER
from lab.fabric.server import Background
from lab.fabric.vms import Dns, Vm

DOMAIN = "lab.internal.cloudapp.net"
"""The search domain; below it stand the VMs' own names."""

ZONES = {
    "blob.core.windows.net": STORAGE,
    "blob.storage.azure.net": STORAGE,
    "azure.com": ELSEWHERE,
    "microsoft.com": ELSEWHERE,
    "microsoftonline.com": ELSEWHERE,
    "windowsazure.com": ELSEWHERE,
    "example.com": ELSEWHERE,
}
"""Addresses of all names below these."""

TTL = 10
SLOW = 6.0
"""Seconds that a slow answer takes."""

_A, _SOA = 1, 6
_SERVFAIL, _NXDOMAIN = 2, 3


class Resolver:
    """The server. ``vm_at``: the VM with an address; other clients get right answers. ``vm_named``: the VM with a name."""

    def __init__(self, vm_at: Callable[[str], Vm | None], vm_named: Callable[[str], Vm | None]) -> None:
        self.vm_at, self.vm_named = vm_at, vm_named
        self.stopping = threading.Event()
        self._servers: list[_Udp | _Tcp] = [_Udp((WIRESERVER, 53), _Datagram), _Tcp((WIRESERVER, 53), _Stream)]
        for server in self._servers:
            server.resolver = self
            server.begin("dns")

    def stop(self) -> None:
        """Close the ports."""
        self.stopping.set()
        for server in self._servers:
            server.stop()

    def answer(self, query: bytes, client: str) -> bytes | None:
        """The response to a query of a client; None for silence."""
        vm = self.vm_at(client)
        mode = vm.dns if vm else Dns.RIGHT
        try:
            name, kind, question = _question(query)
        except (IndexError, struct.error, UnicodeDecodeError):
            return None
        if vm:
            vm.requests.append(f"dns {kind} {name}")
        if mode is Dns.SILENT:
            return None
        if mode is Dns.SERVFAIL:
            return _response(query, question, code=_SERVFAIL)
        if mode is Dns.SLOW and self.stopping.wait(SLOW):
            return None
        address = None if mode is Dns.NXDOMAIN else ELSEWHERE if mode is Dns.LIE else self._address(name)
        if address is None:
            return _response(query, question, code=_NXDOMAIN)
        return _response(query, question, address=address if kind == _A else "")

    def _address(self, name: str) -> str | None:
        host, _, domain = name.partition(".")
        if domain == DOMAIN and (vm := self.vm_named(host)):
            return vm.address
        return next((address for zone, address in ZONES.items() if name == zone or name.endswith(f".{zone}")), None)


def _question(query: bytes) -> tuple[str, int, bytes]:
    """Name in lower case, type, and the question's own bytes. Raises IndexError, struct.error, UnicodeDecodeError."""
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode("ascii"))
        position += 1 + length
    (kind,) = struct.unpack_from(">H", query, position + 1)
    return ".".join(labels).lower(), kind, query[12 : position + 5]


def _response(query: bytes, question: bytes, *, code: int = 0, address: str = "") -> bytes:
    """Without an address: no answer, and a SOA record, so that the absence may be cached."""
    wants_recursion = query[2] & 1
    flags = 0x8480 | wants_recursion << 8 | code
    root = b"\0"
    if address:
        record, counts = b"\xc0\x0c" + struct.pack(">HHIH", _A, 1, TTL, 4) + socket.inet_aton(address), (1, 1, 0, 0)
    elif code == _SERVFAIL:
        record, counts = b"", (1, 0, 0, 0)
    else:
        data = root + root + struct.pack(">5I", 1, 3600, 600, 86400, TTL)
        record, counts = root + struct.pack(">HHIH", _SOA, 1, TTL, len(data)) + data, (1, 0, 1, 0)
    return query[:2] + struct.pack(">5H", flags, *counts) + question + record


class _Udp(Background, socketserver.UDPServer):
    resolver: Resolver


class _Tcp(Background, socketserver.TCPServer):
    resolver: Resolver


class _Datagram(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        query, connection = self.request
        if response := self.server.resolver.answer(query, self.client_address[0]):
            connection.sendto(response, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    server: _Tcp
    timeout = 30

    def handle(self) -> None:
        while len(head := self.rfile.read(2)) == 2:
            query = self.rfile.read(int.from_bytes(head, "big"))
            response = self.server.resolver.answer(query, self.client_address[0])
            if response is None:
                return
            self.wfile.write(len(response).to_bytes(2, "big") + response)
