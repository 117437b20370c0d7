"""Two network namespaces, the VMs' and the client's, joined by a link with a round trip; a thousand addresses in the first.

Needs root. Both go with this process. Where the kernel has no netem, the delay is made by ``bench.relay``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

VMS = "10.77.0.0/16"
DEAD = "10.78.0.0/16"
"""Packets to these are dropped in silence: black holes."""
_CLIENT, _GATEWAY = "10.79.0.1", "10.79.0.2"
_NEWNS, _NEWNET = 0x00020000, 0x40000000
_PACKET_FILTER = f"""
table ip bench {{
  chain input {{ type filter hook input priority 0; ip daddr {DEAD} drop; }}
}}
"""


@dataclass(frozen=True)
class Network:
    """``prefix`` is put before a command to run it on the client's side."""

    round_trip_ms: int
    prefix: tuple[str, ...]


def vm(number: int) -> str:
    """Address of a VM that answers."""
    return f"10.77.{number // 250}.{number % 250 + 1}"


def dead(number: int) -> str:
    """Address of a VM that does not answer at all."""
    return f"10.78.{number // 250}.{number % 250 + 1}"


def isolate() -> None:
    """Move this process into namespaces of its own for network and mounts: the VMs' side. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNET | _NEWNS):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    _ip("link set lo up")
    for addresses in (VMS, DEAD):
        _ip(f"route add local {addresses} dev lo")
    subprocess.run(["nft", "-f", "-"], input=_PACKET_FILTER.encode(), check=True)


@contextlib.contextmanager
def network(round_trip_ms: int) -> Iterator[Network]:
    """The client's side, as far away as that."""
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.read(1)
    prefix = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
    relay = None
    try:
        subprocess.run([*prefix, "ip", "link", "set", "lo", "up"], check=True)
        if round_trip_ms:
            relay = subprocess.Popen(
                [sys.executable, "-m", "bench.relay", str(holder.pid), str(round_trip_ms / 2000)], stdout=subprocess.PIPE
            )
            assert relay.stdout
            relay.stdout.read(1)
        else:
            _ip(f"link add vms type veth peer name client netns {holder.pid}")
        _ip(f"addr add {_GATEWAY}/30 dev vms")
        _ip("link set vms up mtu 1500")
        for line in (f"addr add {_CLIENT}/30 dev client", "link set client up mtu 1500", f"route add default via {_GATEWAY}"):
            subprocess.run([*prefix, "ip", *line.split()], check=True)
        yield Network(round_trip_ms, prefix)
    finally:
        for process in (relay, holder):
            if process:
                process.terminate()
                process.wait()
        subprocess.run(["ip", "link", "del", "vms"], check=False, stderr=subprocess.DEVNULL)


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
