"""The host's clock, for the virtual machine's chrony: an NTP server (RFC 5905) with this machine's time."""

from __future__ import annotations

import socket
import struct
import threading
import time
from functools import cache

_SINCE_1900 = 2_208_988_800
_MODE_CLIENT, _MODE_SERVER = 3, 4


@cache
def serve_time(address: str) -> None:
    """Answer on UDP port 123 of this address for as long as this process lives; to ask for it again is fine."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 123))
    threading.Thread(target=_serve, args=(server,), name="time", daemon=True).start()


def _serve(server: socket.socket) -> None:
    while True:
        request, client = server.recvfrom(1024)
        if len(request) >= 48 and request[0] & 7 == _MODE_CLIENT:
            server.sendto(_answer(request), client)


def _answer(request: bytes) -> bytes:
    version = request[0] >> 3 & 7
    now = _timestamp()
    # Stratum 1, poll as asked, precision 2^-20 s; no root delay and dispersion; reference, origin, receive, transmit time.
    head = struct.pack(">BBbbII4s", version << 3 | _MODE_SERVER, 1, request[2], -20, 0, 0, b"HOST")
    return head + now + request[40:48] + now + _timestamp()


def _timestamp() -> bytes:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return struct.pack(">II", seconds + _SINCE_1900, (nanoseconds << 32) // 1_000_000_000)
