"""The lab's network: Azure's own addresses, so that agent and suite run with their defaults and know of no lab."""

from __future__ import annotations

BRIDGE = "br0"
GATEWAY = "10.77.0.1"
SUBNET = "10.77.0.0/16"
WIRESERVER = "168.63.129.16"
"""Wire server (80), HostGAPlugin (32526) and DNS (53), as on Azure."""

METADATA = "169.254.169.254"
STORAGE = "203.0.113.10"
"""Every name below blob.core.windows.net and blob.storage.azure.net (443, 8443)."""

ELSEWHERE = "203.0.113.20"
"""A host that is not Azure's: an ordinary web server (80), a silent port (443), another CA's TLS server (8443)."""

ACCOUNT = "labstore"
STORAGE_HOST = f"{ACCOUNT}.blob.core.windows.net"
PROXY_PORT = 3128
"""A proxy on the gateway that asks for nothing; the next port is one that asks for a password."""

PASSWORD_PROXY_PORT = 3129


def address_of(number: int) -> str:
    """The address of guest ``number`` (1 to 65,000)."""
    return f"10.77.{1 + number // 250}.{1 + number % 250}"


def mac_of(number: int) -> str:
    """Its hardware address, with a vendor prefix of Azure's hosts."""
    return f"00:0d:3a:77:{number >> 8:02x}:{number & 255:02x}"
