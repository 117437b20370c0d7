"""What a server may send before it has shown who it is. paramiko itself reads a banner without end and packets of up to 4 GB."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.packet import Packetizer

MAX_PACKET = 256 * 1024 + 1024
"""Bytes of one packet: OpenSSH's own limit, and room for the code that authenticates it."""
MAX_BANNER = 8 * 1024
"""Bytes before the key exchange: OpenSSH's limit for one line."""


class BoundedPacketizer(Packetizer):
    """paramiko's reader and writer of packets, with bounds. ``banner``: what came before the key exchange."""

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self.banner = b""

    def start_handshake(self, timeout: float) -> None:
        """No timer: ``shake_hands`` waits no longer than it may, and paramiko's is a thread that outlives a broken connection."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:  # noqa: FBT001, FBT002  (paramiko's signature)
        """Raises SSHException for a size that no honest server announces, before anything is read."""
        if not 0 <= n <= MAX_PACKET:
            raise paramiko.SSHException(f"a packet of {n:,} bytes, which is more than SSH allows")
        return super().read_all(n, check_rekey)

    def _read_timeout(self, timeout: float) -> bytes:
        """Used for the banner only."""
        data: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self.banner += data
        if len(self.banner) > MAX_BANNER:
            raise paramiko.SSHException(": it has no end")
        return data
