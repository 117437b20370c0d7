"""Rules of Windows Firewall as the registry holds them: ``v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RA4=…|Name=…|``.

The keywords are those of Microsoft's protocol document MS-GPFAS and are the same in every language; no value of an Azure VM was
captured. Only a rule that certainly covers the traffic counts: one with a condition that is not understood does not.
"""

from __future__ import annotations

import ipaddress

from backup_preflight.facts.observation import is_number

_TCP = "6"
_NAMES = frozenset({"Action", "Active", "Dir", "Name", "Desc", "EmbedCtxt", "Profile", "Edge"})
"""Keywords that limit no traffic. A profile may not be the active one: the caller looks only when the traffic does not pass."""


def blocks(rule: str, address: str, port: int) -> bool:
    """Whether an active rule blocks every program's outbound TCP connection to that address and port."""
    fields = [field.partition("=") for field in rule.split("|")[1:] if field]
    values: dict[str, list[str]] = {}
    for key, _, value in fields:
        values.setdefault(key, []).append(value)
    if values.get("Action") != ["Block"] or values.get("Active") != ["TRUE"] or values.get("Dir") != ["Out"]:
        return False
    conditions = {
        "Protocol": lambda words: _TCP in words,
        "RPort": lambda words: any(_holds_port(word, port) for word in words),
        "RPort2_10": lambda words: any(_holds_port(word, port) for word in words),
        "RA4": lambda words: any(_holds_address(word, address) for word in words),
    }
    return all(key in _NAMES or (key in conditions and conditions[key](words)) for key, words in values.items())


def _holds_port(word: str, port: int) -> bool:
    first, _, last = word.partition("-")
    return is_number(first) and is_number(last or first) and int(first) <= port <= int(last or first)


def _holds_address(word: str, address: str) -> bool:
    """An address, a network (``10.0.0.0/255.0.0.0`` too) or a range."""
    wanted = ipaddress.IPv4Address(address)
    try:
        if "-" in word:
            first, last = word.split("-")
            return ipaddress.IPv4Address(first) <= wanted <= ipaddress.IPv4Address(last)
        return wanted in ipaddress.IPv4Network(word, strict=False)
    except ValueError:
        return False
