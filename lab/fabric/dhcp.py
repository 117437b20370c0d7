"""Azure's DHCP server: one lease for each VM by its hardware address, without an end, with the fabric's address in option 245."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_network

from lab.addresses import BRIDGE, GATEWAY, METADATA, SUBNET, WIRESERVER
from lab.fabric.dns import DOMAIN
from lab.fabric.vms import Vm

INFINITE = 0xFFFFFFFF
_COOKIE = b"\x63\x82\x53\x63"
_OPTIONS = 240
"""Where options begin, behind the fixed part and the cookie."""


class Option(IntEnum):
    """Codes of the options that the server reads or writes (RFC 2132, RFC 3442)."""

    MASK = 1
    ROUTER = 3
    DNS = 6
    HOST_NAME = 12
    DOMAIN = 15
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    MESSAGE = 53
    SERVER = 54
    ROUTES = 121
    WIRESERVER = 245
    """Azure's own."""


class Message(IntEnum):
    """Values of the option MESSAGE."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6


@dataclass(frozen=True)
class Packet:
    """A client's packet. ``wanted``: the address that it asks for, 0.0.0.0 for any."""

    raw: bytes
    mac: str
    message: int
    server: str
    wanted: str


def parse(raw: bytes) -> Packet | None:
    """A client's request; None for anything else."""
    if len(raw) < _OPTIONS or raw[0] != 1 or raw[236:_OPTIONS] != _COOKIE:
        return None
    options = options_of(raw)
    wanted = options.get(Option.REQUESTED_ADDRESS, raw[12:16])
    server = options.get(Option.SERVER, b"\0" * 4)
    message = options.get(Option.MESSAGE, b"\0")
    if len(wanted) != 4 or len(server) != 4 or len(message) != 1:
        return None
    return Packet(raw, raw[28:34].hex(":"), message[0], socket.inet_ntoa(server), socket.inet_ntoa(wanted))


def options_of(raw: bytes) -> dict[int, bytes]:
    """The options of a packet by their codes."""
    found, position = {}, _OPTIONS
    while position + 1 < len(raw) and raw[position] != 255:
        if raw[position] == 0:
            position += 1
            continue
        length = raw[position + 1]
        found[raw[position]] = raw[position + 2 : position + 2 + length]
        position += 2 + length
    return found


def reply(packet: Packet, vm: Vm) -> bytes | None:
    """The answer to a DISCOVER or a REQUEST; None where there is none to give."""
    if not vm.dhcp_answers or packet.message not in {Message.DISCOVER, Message.REQUEST} or packet.server not in {"0.0.0.0", GATEWAY}:
        return None
    if packet.message == Message.DISCOVER:
        message = Message.OFFER
    else:
        message = Message.ACK if packet.wanted in {vm.address, "0.0.0.0"} else Message.NAK
    options = {Option.MESSAGE: bytes([message]), Option.SERVER: socket.inet_aton(GATEWAY)}
    address = "0.0.0.0"
    if message is not Message.NAK:
        address = vm.address
        options |= _lease(vm)
    request = packet.raw
    head = bytes([2, 1, 6, 0]) + request[4:8] + b"\0\0" + b"\x80\0" + b"\0" * 4 + socket.inet_aton(address) + socket.inet_aton(GATEWAY)
    fixed = head + b"\0" * 4 + request[28:44] + b"\0" * 192 + _COOKIE
    return (fixed + b"".join(bytes([code, len(value)]) + value for code, value in options.items()) + b"\xff").ljust(300, b"\0")


def _lease(vm: Vm) -> dict[Option, bytes]:
    gateway, wireserver = socket.inet_aton(GATEWAY), socket.inet_aton(WIRESERVER)
    options = {
        Option.LEASE_TIME: struct.pack(">I", INFINITE),
        Option.MASK: ip_network(SUBNET).netmask.packed,
        Option.ROUTER: gateway,
        Option.DNS: wireserver,
        Option.DOMAIN: DOMAIN.encode(),
        Option.HOST_NAME: vm.name.encode(),
    }
    if vm.option_121:
        hosts = (wireserver, socket.inet_aton(METADATA))
        options[Option.ROUTES] = b"\0" + gateway + b"".join(b"\x20" + host + gateway for host in hosts)
    if vm.option_245:
        options[Option.WIRESERVER] = wireserver
    return options


class Dhcp:
    """The server, on the bridge. ``vm_with``: the VM with a hardware address."""

    def __init__(self, vm_with: Callable[[str], Vm | None]) -> None:
        self._vm_with = vm_with
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, BRIDGE.encode())
        self._socket.bind(("", 67))
        self._socket.settimeout(0.1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="dhcp", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                packet = parse(self._socket.recv(2048))
            except TimeoutError:
                continue
            vm = self._vm_with(packet.mac) if packet else None
            if packet is None or vm is None:
                continue
            vm.requests.append(f"dhcp {packet.message} {packet.wanted}")
            if answer := reply(packet, vm):
                self._socket.sendto(answer, ("255.255.255.255", 68))
