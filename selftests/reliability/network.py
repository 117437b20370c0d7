"""Faults on the way to a VM, and of what answers at its port."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from backup_preflight.errors import Problem
from selftests.reliability.lab import Fault, Lab
from selftests.reliability.machine import VANISHES
from selftests.reliability.server import flood, say, silent, trickle
from selftests.sshd import generate_key

CUTS = 24
"""Places at which a connection is cut, from its first byte to its last."""


def faults(lab: Lab) -> Iterator[Fault]:
    """Before, and until, somebody is logged in."""
    lab.vm("no-route", host="198.51.100.7")
    yield Fault("no-route", "an address in a network without a route", Problem.NO_ROUTE)
    lab.vm("no-answer", host=VANISHES)
    yield Fault("no-answer", "an address in a network where every packet vanishes", Problem.TIMEOUT)
    lab.vm("refused", host=lab.address())
    yield Fault("refused", "nothing listens on port 22", Problem.REFUSED)
    lab.vm("name-unknown", host="vm7.nowhere.example")
    yield Fault("name-unknown", "a real query to a name server that says NXDOMAIN", Problem.DNS)
    lab.vm("name-server-silent", host="vm7.silent.example")
    yield Fault("name-server-silent", "a real query to a name server that never answers", Problem.DNS)
    lab.misbehaving("port-silent", silent)
    yield Fault("port-silent", "the port takes the connection and says nothing", Problem.TIMEOUT)
    lab.misbehaving("banner-trickles", trickle)
    yield Fault("banner-trickles", "one byte of a banner each second, without end", Problem.TIMEOUT)
    lab.misbehaving("banner-endless", flood)
    yield Fault("banner-endless", "a banner without end, as fast as it can be read", Problem.NOT_SSH)
    lab.misbehaving("closed-at-once", say)
    yield Fault("closed-at-once", "the connection is closed without a banner", Problem.DROPPED)
    lab.misbehaving("another-service", partial(say, text=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
    yield Fault("another-service", "a web server answers on that port", (Problem.NOT_SSH, Problem.DROPPED))
    huge = b"SSH-2.0-OpenSSH_9.2\r\n" + (0x7FFFFFF4).to_bytes(4, "big") + bytes(4)
    lab.misbehaving("packet-of-2-gb", partial(flood, begin=huge))
    yield Fault("packet-of-2-gb", "a banner, then a packet that announces 2 GB and keeps its word", (Problem.TRANSPORT, Problem.DROPPED))
    yield from _handshake(lab)


def _handshake(lab: Lab) -> Iterator[Fault]:
    server = lab.sshd("KexAlgorithms sntrup761x25519-sha512@openssh.com", forced=lab.recorded())
    lab.vm("no-common-algorithm", server, "KexAlgorithms curve25519-sha256")
    yield Fault("no-common-algorithm", "sshd allows a single key exchange, which this client has not", Problem.KEY_EXCHANGE)
    server = lab.sshd(forced=lab.recorded())
    lab.vm("host-key-changed", server)
    server.known_hosts.write_text("* " + generate_key(lab.directory / "another").with_suffix(".pub").read_text())
    yield Fault("host-key-changed", "known_hosts holds another key for this address", Problem.HOST_KEY)
    server = lab.sshd(forced=lab.recorded())
    lab.vm("host-key-unknown", server)
    server.known_hosts.write_text("")
    yield Fault("host-key-unknown", "known_hosts is empty", Problem.HOST_KEY)


def middle(lab: Lab, length: int) -> Iterator[Fault]:
    """In the middle of a connection to a healthy VM, which would take ``length`` bytes of answer."""
    server = lab.sshd(forced=lab.recorded())
    for place in range(CUTS):
        after = length * place // CUTS
        lab.relayed(f"cut-{place}", server, after, "cut")
        yield Fault(f"cut-{place}", f"cut by a relay after {place} 24ths of the bytes of a whole answer", _CUT)
    for place in (1, 8, 20):
        lab.relayed(f"stalled-{place}", server, length * place // CUTS, "stall")
        yield Fault(f"stalled-{place}", f"held by a relay after {place} 24ths of the bytes, still open", (Problem.TIMEOUT, Problem.DROPPED))
    lab.relayed("corrupted", server, length * 20 // CUTS, "corrupt")
    yield Fault("corrupted", "one byte changed by a relay", (Problem.DROPPED, Problem.TRANSPORT))


_CUT = (Problem.DROPPED, Problem.AUTHENTICATION)
