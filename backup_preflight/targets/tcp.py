"""The TCP connection of the paramiko transport, and what it means when there is none."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.host_config import HostConfig

_NSG = "check that the VM runs and that its network security group and firewalls let this machine in on TCP port"
_PROHIBITED = 1  # RFC 4254, 5.1


def open_tcp(config: HostConfig, timeout: float) -> socket.socket:
    """Connect to the first address that answers, each within ``timeout`` seconds. Raises ConnectionProblem."""
    host, port = config.host, config.port
    family = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(config.get("addressfamily").lower(), socket.AF_UNSPEC)
    try:
        addresses = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        detail = f"{host}: {getattr(error, 'strerror', None) or error}"
        raise ConnectionProblem(Problem.DNS, detail, "correct the name or this machine's DNS, or use the VM's IP address") from None
    last: OSError | None = None
    for address_family, _, _, _, address in addresses:
        connected = _dial(address_family, address, timeout)
        if isinstance(connected, socket.socket):
            return connected
        last = connected
    raise _tcp_problem(last, f"{host} port {port}", port, timeout)


def _dial(family: int, address: tuple[str | int, ...] | tuple[int, bytes], timeout: float) -> socket.socket | OSError:
    try:
        with ExitStack() as on_error:
            sock = on_error.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.settimeout(timeout)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            on_error.pop_all()
            return sock
    except OSError as error:
        return error


def _tcp_problem(error: OSError | None, where: str, port: int, timeout: float) -> ConnectionProblem:
    if isinstance(error, ConnectionRefusedError):
        remedy = f"check that sshd runs on the VM and listens on port {port} (or give the right one: host:port)"
        return ConnectionProblem(Problem.REFUSED, f"{where} refuses the connection", remedy)
    if isinstance(error, TimeoutError):
        return ConnectionProblem(Problem.TIMEOUT, f"{where}: no TCP answer in {timeout:g} s", f"{_NSG} {port}")
    if error is not None and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EACCES):
        remedy = "check this machine's routes, VPN and firewall, and that the address is right"
        return ConnectionProblem(Problem.NO_ROUTE, f"{where}: {error.strerror}", remedy)
    return ConnectionProblem(Problem.TRANSPORT, f"{where}: {error}", f"{_NSG} {port}")


def forward_problem(error: Exception, jump: str, config: HostConfig) -> ConnectionProblem:
    """Why a jump host did not connect us. paramiko does not tell what exactly the jump host met."""
    where = f"jump host {jump} does not connect to {config.host} port {config.port}"
    text = str(getattr(error, "text", "") or error or type(error).__name__)
    if getattr(error, "code", 0) == _PROHIBITED:
        remedy = "allow it there: AllowTcpForwarding and PermitOpen in sshd_config"
        return ConnectionProblem(Problem.TRANSPORT, f"{where}: {text}", remedy)
    problem = Problem.TIMEOUT if "timeout" in text.lower() else Problem.TRANSPORT
    return ConnectionProblem(problem, f"{where}: {text}", f"log in to {jump} and check: nc -vz {config.host} {config.port}")
