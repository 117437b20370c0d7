"""Access rights in Microsoft's security descriptor language (SDDL), as far as the checks ask for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

EVERYONE, ADMINISTRATORS, SYSTEM = "WD", "BA", "SY"
FULL = 0x1F01FF
READ_WRITE = 0x12019F
"""FILE_GENERIC_READ and FILE_GENERIC_WRITE: what the default of MachineKeys gives everyone."""

_SIDS = {"S-1-1-0": EVERYONE, "S-1-5-32-544": ADMINISTRATORS, "S-1-5-18": SYSTEM}
_RIGHTS = {"FA": FULL, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0, "GA": FULL, "GR": 0x120089, "GW": 0x120116, "GX": 0x1200A0}
_INHERIT_ONLY = "IO"


@dataclass(frozen=True)
class Entry:
    """One entry of an access list: ``A`` allows, ``D`` denies; ``mask`` are the rights."""

    kind: str
    mask: int
    who: str
    text: str


def entries(sddl: str) -> list[Entry]:
    """Entries that count for the object itself. Raises ValueError when it is no security descriptor."""
    match = re.search(r"D:([A-Z_]*)((?:\([^()]*\))*)", sddl)
    if not match:
        raise ValueError("it has no access list")
    found = []
    for text in re.findall(r"\(([^()]*)\)", match[2]):
        fields = text.split(";")
        if len(fields) < 6:
            raise ValueError(f"({text}) is no entry of an access list")
        if _INHERIT_ONLY not in re.findall("..", fields[1]):
            found.append(Entry(fields[0], _mask(fields[2]), _SIDS.get(fields[5], fields[5]), f"({text})"))
    return found


def allowed(found: list[Entry], who: str) -> int:
    """Rights that entries for exactly this account allow it."""
    mask = 0
    for entry in found:
        if entry.kind == "A" and entry.who == who:
            mask |= entry.mask
    return mask


def denials(found: list[Entry]) -> list[Entry]:
    """Entries that deny something."""
    return [entry for entry in found if entry.kind == "D"]


def _mask(text: str) -> int:
    if re.fullmatch("0x[0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    mask = 0
    for word in re.findall("..", text):
        mask |= _RIGHTS.get(word, 0)
    return mask
