"""The SSH handshake of the paramiko transport: agree on keys, then see whether the server is the one we mean."""

from __future__ import annotations

import logging
import shlex
import socket
import time

import paramiko

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.host_config import HostConfig
from backup_preflight.targets.host_key import HostKeyCheck

# Without a handler, Python itself would print paramiko's tracebacks to the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def shake_hands(sock: socket.socket | paramiko.Channel, config: HostConfig, timeout: float, *, accept_new: bool) -> paramiko.Transport:
    """A transport to the right server, not yet logged in. Each step may take ``timeout`` seconds. Raises ConnectionProblem."""
    keys = HostKeyCheck(config, accept_new=accept_new)
    transport = paramiko.Transport(sock)
    try:
        transport.banner_timeout = transport.handshake_timeout = timeout
        options = transport.get_security_options()
        options.key_types = keys.preferred(tuple(options.key_types))
        _negotiate(transport, config, timeout)
        key = transport.get_remote_server_key()
        keys.check(key.get_name(), key.asbytes())
    except BaseException:
        transport.close()
        raise
    return transport


def _negotiate(transport: paramiko.Transport, config: HostConfig, timeout: float) -> None:
    started = time.monotonic()
    reason = ""
    try:
        transport.start_client(timeout=2 * timeout)
    except Exception as error:  # noqa: BLE001  (paramiko hands on whatever a broken server makes its thread trip over)
        reason = str(error) or type(error).__name__
    if not (transport.is_active() and transport.initial_kex_done):
        waited = time.monotonic() - started >= timeout
        raise _problem(transport, config, reason, waited=waited, timeout=timeout)


def _problem(transport: paramiko.Transport, config: HostConfig, reason: str, *, waited: bool, timeout: float) -> ConnectionProblem:
    where = f"{config.host} port {config.port}"
    command = config.proxy_command
    if command and not transport.remote_version:
        detail = f"ProxyCommand {shlex.split(command)[0]} gives no SSH connection to {where}"
        return ConnectionProblem(Problem.TRANSPORT, detail, f"run it by hand: {command}")
    if not transport.remote_version and waited:
        remedy = "check that sshd, and nothing else, answers on that port, and that the VM is not overloaded"
        return ConnectionProblem(Problem.TIMEOUT, f"{where}: TCP connects, but no SSH banner came in {timeout:g} s", remedy)
    if "banner" in reason:
        remedy = "look into the VM's sshd log: MaxStartups, fail2ban and hosts.deny do this; a port of another service too"
        return ConnectionProblem(Problem.DROPPED, f"{where}: the connection was closed before an SSH banner came", remedy)
    if waited:
        detail = f"{where}: the key exchange took more than {timeout:g} s"
        return ConnectionProblem(Problem.TIMEOUT, detail, "check the path MTU (VPN) and the VM's load")
    remedy = "try ssh:// for this VM, or see what happens with: ssh -v"
    return ConnectionProblem(Problem.TRANSPORT, f"{where}: {reason or 'no key exchange'}", remedy)
