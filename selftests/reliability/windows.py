"""The same over WinRM, before the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from backup_preflight.errors import Problem
from lab.winrm.server import Behaviour
from selftests.reliability.lab import Fault, Lab
from selftests.reliability.server import Handler, flood, http, say, silent, trickle
from selftests.winrm.helpers import ACCOUNT, windows

HEALTHY = "windows-neighbour"
_BODY = b"<s:Envelope><not-closed>"


def faults(lab: Lab) -> Iterator[Fault]:
    """Raw ports first, then a server that misbehaves in the middle of a conversation."""
    yield _port(lab, "winrm-refused", None, "nothing listens", Problem.REFUSED)
    yield _port(lab, "winrm-silent", silent, "the port takes the connection and says nothing", Problem.TIMEOUT)
    yield _port(lab, "winrm-closed", say, "the connection is closed at once", Problem.DROPPED)
    yield _port(lab, "winrm-trickles", trickle, "one byte of an answer each second, without end", Problem.TIMEOUT)
    yield _port(lab, "winrm-endless", partial(flood, begin=b"HTTP/1.1 200 OK\r\n\r\n"), "an answer without end in size", Problem.OUTPUT)
    header = partial(flood, begin=b"HTTP/1.1 200 OK\r\nX-Header: ")
    yield _port(lab, "winrm-header-endless", header, "a header without end in size", (Problem.TRANSPORT, Problem.DROPPED))
    again = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
    yield _port(lab, "winrm-401", partial(http, answer=again), "HTTP 401 to every request", Problem.AUTHENTICATION)
    broken = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    yield _port(lab, "winrm-500", partial(http, answer=broken), "HTTP 500 to every request", Problem.TRANSPORT)
    busy = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"
    yield _port(
        lab, "winrm-503", partial(http, answer=busy), "HTTP 503 to every request, to be tried again after an hour", Problem.TRANSPORT
    )
    moved = b"HTTP/1.1 302 Found\r\nLocation: /wsman\r\nContent-Length: 0\r\n\r\n"
    yield _port(lab, "winrm-redirects", partial(http, answer=moved), "a redirection to itself", (Problem.TRANSPORT, Problem.DROPPED))
    for action in ("Create", "Command", "Receive", "Delete"):
        kind = Problem.DROPPED if action != "Delete" else None
        yield _server(lab, f"winrm-cut-{action.lower()}", Behaviour(cut=action), f"cut in the answer to {action}", kind)
    yield _server(lab, "winrm-drips", Behaviour(drip="Receive"), "the answer to Receive never ends", Problem.TIMEOUT)
    yield _server(lab, "winrm-floods", Behaviour(flood="Receive"), "the answer to Receive has no end in size", Problem.OUTPUT)
    yield _server(lab, "winrm-idle", Behaviour(idle=1_000_000), "the collector never ends", Problem.TIMEOUT)
    yield _server(lab, "winrm-garbage", Behaviour(garbage="Receive"), "the answer to Receive is no XML", Problem.TRANSPORT)


def healthy(lab: Lab) -> str:
    """A VM that can be read; its entry."""
    return _patient(_entry(HEALTHY, lab.enter(windows()).port))


def _patient(entry: str) -> str:
    """The stand-in for PowerShell is slow, and a busy machine makes it slower."""
    return f"{entry}&read_timeout_sec=55"


def _entry(name: str, port: int, host: str = "127.0.0.1") -> str:
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"{host} {name}\n")
    return f"winrm://{ACCOUNT.user}@{name}:{port}?no_ssl=true"


def _port(lab: Lab, name: str, handler: Handler | None, how: str, kind: Problem | tuple[Problem, ...]) -> Fault:
    address = lab.address()
    if handler:
        lab.server.listen((address, 5985), handler)
    return Fault(name, how, kind, _entry(name, 5985, address))


def _server(lab: Lab, name: str, behaviour: Behaviour, how: str, kind: Problem | None) -> Fault:
    return Fault(name, how, kind, _patient(_entry(name, lab.enter(windows(behaviour=behaviour)).port)))
