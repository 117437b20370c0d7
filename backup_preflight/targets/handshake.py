"""The SSH handshake of the paramiko transport: agree on keys, then see whether the server is the one we mean."""

from __future__ import annotations

import logging
import shlex
import socket
import threading

import paramiko

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.host_config import HostConfig
from backup_preflight.targets.host_key import HostKeyCheck
from backup_preflight.targets.output import printable, show
from backup_preflight.targets.packets import BoundedPacketizer

# Without a handler, Python itself would print paramiko's tracebacks to the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def shake_hands(sock: socket.socket | paramiko.Channel, config: HostConfig, timeout: float, *, accept_new: bool) -> paramiko.Transport:
    """A transport to the right server, not yet logged in. Each step may take ``timeout`` seconds. Raises ConnectionProblem."""
    keys = HostKeyCheck(config, accept_new=accept_new)
    transport = paramiko.Transport(sock, packetizer_class=BoundedPacketizer)
    try:
        transport.banner_timeout = 3 * timeout  # ours comes first: see _negotiate
        options = transport.get_security_options()
        options.key_types = keys.preferred(tuple(options.key_types))
        # As OpenSSH: these need no MAC, which paramiko compares byte by byte in Python.
        options.ciphers = sorted(options.ciphers, key=lambda cipher: "-gcm@" not in cipher)
        _negotiate(transport, config, timeout)
        key = transport.get_remote_server_key()
        keys.check(key.get_name(), key.asbytes())
    except BaseException:
        transport.close()
        raise
    return transport


def _negotiate(transport: paramiko.Transport, config: HostConfig, timeout: float) -> None:
    # paramiko's own waiting follows the wall clock, which may jump.
    done = threading.Event()
    transport.start_client(event=done)
    late = not done.wait(timeout)
    if late and transport.remote_version:  # the key exchange has a time of its own
        late = not done.wait(timeout)
    if late or not (transport.is_active() and transport.initial_kex_done):
        raise _problem(transport, config, transport.get_exception(), late=late, timeout=timeout)


def _problem(
    transport: paramiko.Transport, config: HostConfig, error: Exception | None, *, late: bool, timeout: float
) -> ConnectionProblem:
    where = f"{config.host} port {config.port}"
    command = config.proxy_command
    if command and not transport.remote_version:
        detail = f"ProxyCommand {shlex.split(command)[0]} gives no SSH connection to {where}"
        return ConnectionProblem(Problem.TRANSPORT, detail, f"run it by hand: {command}")
    if not transport.remote_version:
        return _no_banner(getattr(transport.packetizer, "banner", b""), where, late=late, timeout=timeout)
    if late:
        detail = f"{where}: the key exchange took more than {timeout:g} s"
        return ConnectionProblem(Problem.TIMEOUT, detail, "check the path MTU (VPN) and the VM's load")
    reason = str(error or "") or type(error).__name__
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        detail = f"{where}: sshd there and this client have no common algorithm: {printable(reason)[:200]}"
        remedy = "use ssh:// for this VM, or allow a current algorithm in its sshd_config (KexAlgorithms, Ciphers, MACs)"
        return ConnectionProblem(Problem.KEY_EXCHANGE, detail, remedy)
    if error is None or isinstance(error, (EOFError, OSError)):
        remedy = "look into the VM's sshd log; try again: MaxStartups and an overloaded VM do this"
        return ConnectionProblem(Problem.DROPPED, f"{where}: the connection was closed in the key exchange", remedy)
    detail = f"{where}: what comes is no key exchange: {printable(reason)[:200]}"
    return ConnectionProblem(Problem.TRANSPORT, detail, "try ssh:// for this VM, or see what happens with: ssh -v")


def _no_banner(banner: bytes, where: str, *, late: bool, timeout: float) -> ConnectionProblem:
    if late:
        came = f"only {len(banner)} bytes of an SSH banner" if banner else "no SSH banner"
        detail = f"{where}: TCP connects, but {came} came in {timeout:g} s"
        remedy = "check that sshd, and nothing else, answers on that port, and that the VM is not overloaded"
        return ConnectionProblem(Problem.TIMEOUT, detail, remedy)
    if banner.strip():
        remedy = "check the port (host:port): another service answers there, or a proxy on the way"
        return ConnectionProblem(Problem.NOT_SSH, f"{where} does not speak SSH; its answer begins with {show(banner)}", remedy)
    remedy = "look into the VM's sshd log: MaxStartups, fail2ban and hosts.deny do this; a port of another service too"
    return ConnectionProblem(Problem.DROPPED, f"{where}: the connection was closed before an SSH banner came", remedy)
