"""DHCP leases, and the fabric address in their option 245. Every DHCP client keeps them in a form of its own."""

from __future__ import annotations

import re

from backup_preflight.recording import Recording, Status

_TEXT = re.compile(rb"(?:unknown|private|option)[-_]245[\s=:]+\"?([0-9a-f]{8}|[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){3})\b", re.IGNORECASE)
_QUOTED = re.compile(rb"(?:unknown|private|option)[-_]245\s+\"((?:[^\"\\]|\\.)+)\"")
_BINARY = re.compile(rb"\x63\x82\x53\x63.*?\xf5\x04(.{4})", re.DOTALL)


def fabric_addresses(recording: Recording) -> dict[str, str]:
    """Lease file → the address that option 245 of it holds, for the leases that hold one."""
    found = {}
    for path, section in recording.subjects("dhcp_lease").items():
        if section.status is Status.OK and (address := _option_245(section.body)):
            found[path] = address
    return found


def _option_245(lease: bytes) -> str | None:
    """Option 245 of the last lease in a file. dhclient: ``unknown-245 a8:3f:81:10`` or a quoted string; networkd: ``OPTION_245=…``."""
    for pattern, decode in ((_TEXT, _from_hex), (_QUOTED, _from_quoted), (_BINARY, bytes)):
        if matches := pattern.findall(lease):
            octets = decode(matches[-1])
            if len(octets) == 4:
                return ".".join(str(octet) for octet in octets)
    return None


def _from_hex(found: bytes) -> bytes:
    text = found.decode()
    parts = text.split(":") if ":" in text else re.findall("..", text)
    return bytes(int(part, 16) for part in parts)


def _from_quoted(found: bytes) -> bytes:
    r"""dhclient prints printable octets as they are and the others as ``\ooo``."""
    return bytes(
        int(match[1], 8) & 0xFF if match[1] else (match[2] or match[0])[0]
        for match in re.finditer(rb"\\([0-7]{3})|\\(.)|[^\\]", found, re.DOTALL)
    )
