"""``paramiko://``: testinfra's backend of that name, made safe to use.

testinfra's own accepts any host key, never ends on a hung command, logs in twice with a wrong password, and deadlocks on
more than 2 MB of standard error.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from typing import Any

import paramiko

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.closing import closable
from backup_preflight.targets.output import READ_SECONDS, Output
from backup_preflight.targets.paramiko_connection import Connection, connect
from backup_preflight.targets.spec import Spec
from backup_preflight.targets.ssh_backend import SshBackend, dropped

_CHUNK = 32 * 1024


class ParamikoBackend(SshBackend):
    """One connection per backend, opened when first needed and kept until ``close``."""

    NAME = "paramiko"

    def __init__(self, hostspec: str | Spec, **kwargs: Any) -> None:
        super().__init__(hostspec, **kwargs)
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def execute(self, command: str, stdin: bytes = b"", seconds: float = READ_SECONDS) -> Output:
        """Run one command line in the login shell. Raises ConnectionProblem; never logs in twice for one call."""
        deadline = time.monotonic() + seconds
        with self._lock:
            if self._connection is not None and not self._connection.transport.is_active():
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = connect(self.spec, deadline)
            transport = self._connection.transport
        with closable(lambda: transport.sock.shutdown(socket.SHUT_RDWR)):
            channel = self._open(transport, command, deadline)
            try:
                return _exchange(channel, stdin, deadline)
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise dropped(self.spec.name, str(error) or type(error).__name__) from None
            finally:
                with contextlib.suppress(Exception):  # paramiko says goodbye, and whoever it says it to may be gone
                    channel.close()

    def close(self) -> None:
        """Close the connection; the next command opens a new one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self, transport: paramiko.Transport, command: str, deadline: float) -> paramiko.Channel:
        timeout = min(self.spec.timeout, max(0.1, deadline - time.monotonic()))
        try:
            channel = transport.open_session(timeout=timeout)
            channel.settimeout(timeout)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not transport.is_active():
                raise dropped(self.spec.name, "the connection ended right after the login") from None
            detail = f"{self.spec.name} opens no session: {str(error) or type(error).__name__}"
            remedy = "look into the VM's sshd log: MaxSessions, ForceCommand and a broken login shell do this"
            raise ConnectionProblem(Problem.TRANSPORT, detail, remedy) from None
        return channel


def _exchange(channel: paramiko.Channel, stdin: bytes, deadline: float) -> Output:
    """Feed standard input and drain both outputs in one loop: they share one window, so neither may wait for the other."""
    output = Output()
    pending = memoryview(stdin)
    closed = False
    with selectors.DefaultSelector() as selector:
        selector.register(channel.fileno(), selectors.EVENT_READ)
        while True:
            ended = channel.closed or (channel.eof_received and channel.exit_status_ready())
            _drain(channel, output)
            if ended:
                break
            if pending and channel.send_ready():
                pending = pending[_send(channel, pending) :]
                continue
            if not pending and not closed:
                channel.shutdown_write()
                closed = True
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                output.late = True
                return output
            if channel.eof_received:
                channel.status_event.wait(min(remaining, 0.2))
            else:
                # A wake-up can get lost between paramiko's two buffers, and none comes when there is room to send.
                selector.select(min(remaining, 0.02 if pending else 0.2))
    if channel.eof_received:  # else the connection was lost: sshd can tell of the program's end before it sends the last of its output
        if channel.exit_status_ready() and channel.exit_status >= 0:
            output.status = channel.exit_status
        else:
            output.signalled = True  # sshd tells of a signal instead of a status
    return output


def _drain(channel: paramiko.Channel, output: Output) -> None:
    """Ends, whatever comes: an output has a limit."""
    while channel.recv_ready():
        output.add_stdout(channel.recv(_CHUNK))
    while channel.recv_stderr_ready():
        output.add_stderr(channel.recv_stderr(_CHUNK))


def _send(channel: paramiko.Channel, pending: memoryview) -> int:
    """How much was taken; all of it when nobody reads any more."""
    try:
        return channel.send(pending[:_CHUNK].tobytes()) or len(pending)
    except OSError:
        return len(pending)
