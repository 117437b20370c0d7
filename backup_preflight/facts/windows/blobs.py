"""Two binary values of the registry, laid out as no document says; both layouts were decoded from captured values.

DhcpInterfaceOptions: two captures of other machines than Azure's, decoded with no byte left over. WinHttpSettings: two captured
values without a proxy, and three public programs that write one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

FABRIC_OPTION = 245
"""DHCP option in which Azure tells the address of its fabric."""

_MANUAL = 2


def dhcp_options(blob: bytes) -> dict[int, bytes]:
    """DHCP option → data. Empty data: asked for, not answered. Raises ValueError for another layout.

    Repeated: option, 0, length, 0, expiry (seconds since 1970), each 32 bits little-endian; then data, padded to 4 bytes.
    """
    found: dict[int, bytes] = {}
    position = 0
    while position < len(blob):
        try:
            option, _, length, _, _ = struct.unpack_from("<5I", blob, position)
        except struct.error:
            raise ValueError("it ends within an option") from None
        position += 20
        data = blob[position : position + length]
        if len(data) != length or option > 0xFFFF:
            raise ValueError("it ends within an option's data")
        position += (length + 3) // 4 * 4
        if data or option not in found:
            found[option] = data
    return found


@dataclass(frozen=True)
class WinHttpProxy:
    """Of WinHTTP: ``proxy`` is empty when it connects directly; ``bypass`` is the list of exceptions, split by ``;``."""

    proxy: str = ""
    bypass: str = ""


def winhttp_proxy(blob: bytes) -> WinHttpProxy:
    """The setting in ``WinHttpSettings``. Raises ValueError for another layout.

    Version, counter, flags (2: a proxy is set), length, proxy, length, bypass list. The first two numbers vary.
    """
    try:
        _, _, flags, length = struct.unpack_from("<4I", blob)
        proxy = blob[16 : 16 + length]
        if len(proxy) != length:
            raise ValueError("it ends within the proxy")
        (rest,) = struct.unpack_from("<I", blob, 16 + length) if len(blob) >= 20 + length else (0,)
    except struct.error:
        raise ValueError("it is too short") from None
    if not flags & _MANUAL:
        return WinHttpProxy()
    return WinHttpProxy(proxy.decode("latin-1"), blob[20 + length : 20 + length + rest].decode("latin-1"))


def from_hex(text: str) -> bytes:
    """Bytes that the collector wrote as hexadecimal digits. Raises ValueError."""
    return bytes.fromhex(text)
