"""``winrm://``: testinfra's backend of that name, made to work, over pypsrp.

testinfra's own takes cmd.exe for PowerShell, opens a shell, a connection and a login for every command, has no deadline, and
loses every character that code page 437 lacks.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan
from testinfra.backend import base

from backup_preflight.collect.windows_script import PUBLISHED_COLLECTOR, WindowsCollectorRun
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.recording import MAX_BYTES
from backup_preflight.targets.deadline import Late, within
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.ids import clean
from backup_preflight.targets.options import Options
from backup_preflight.targets.output import READ_SECONDS, Output
from backup_preflight.targets.parse import parse
from backup_preflight.targets.spec import Spec
from backup_preflight.targets.winrm_problem import TooLarge, problem, where

_T = TypeVar("_T")
_UTF_8 = 65001
_OPERATION_TIMED_OUT = 2150858793
_CLOSE_SECONDS = 5.0
_MOST = 4 * MAX_BYTES
"""Bytes of one HTTP answer: an output as XML, in base64, encrypted."""

# Without a handler, Python itself would print their messages to the terminal.
for _name in ("pypsrp", "spnego", "urllib3"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class WinRmBackend(base.BaseBackend):
    """One login and one shell for each use; both are closed, whatever happens."""

    NAME = "winrm"

    def __init__(self, hostspec: str | Spec, **kwargs: Any) -> None:
        """``hostspec``: an entry that was read, or its text with the keywords that testinfra gives a backend."""
        if isinstance(hostspec, Spec):
            self.spec = hostspec
        else:
            keys = {key: str(value).lower() for key, value in kwargs.items() if value not in (None, False)}
            query = "&".join(f"{key}={value}" for key, value in keys.items() if key not in {"ssl", "sudo", "sudo_user"})
            self.spec = parse(Entry(f"winrm://{hostspec}{'?' if query else ''}{query}", "host"), Options())
        super().__init__(self.spec.name)
        self._connections = _Connections()

    def collect(self, run: WindowsCollectorRun, seconds: float = READ_SECONDS) -> Output:
        """Run the collector in one PowerShell pipeline. Raises ConnectionProblem."""
        deadline = time.monotonic() + seconds
        return self._bounded(seconds, lambda: self._collect(run, deadline))

    def _collect(self, run: WindowsCollectorRun, deadline: float) -> Output:
        output = Output()
        pool = RunspacePool(self._connection(), configuration_name=self.spec.winrm.configuration_name)
        with _closing(pool.close):
            pool.open()
            pipeline = PowerShell(pool)
            if self.spec.winrm.is_restricted:
                pipeline.add_cmdlet(PUBLISHED_COLLECTOR).add_parameters(run.parameters)
            else:
                pipeline.add_script(run.script)
            pipeline.begin_invoke()
            while pipeline.state == PSInvocationState.RUNNING:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    output.late = True
                    break
                pipeline.poll_invoke(timeout=max(1, min(self.spec.winrm.operation_timeout, int(remaining))))
                _take(pipeline.output, output)
            _take(pipeline.output, output)
            # As powershell.exe ends. A connection that was lost has raised an exception.
            output.status = 0 if pipeline.state == PSInvocationState.COMPLETED else 1
            for record in pipeline.streams.error:
                output.add_stderr(f"{record.fq_error or ''}: {record}\n".encode("utf-8", "replace"))
        return output

    def run(self, command: str, *args: str, **_: Any) -> base.CommandResult:
        """testinfra's entry: one command line of cmd.exe, its status and output. Raises ConnectionProblem."""
        line = self.quote(command, *args)
        deadline = time.monotonic() + READ_SECONDS
        output = self._bounded(READ_SECONDS, lambda: self._run(line, deadline))
        if output.late or output.status is None:
            raise self._late(READ_SECONDS)
        return self.result(output.status, line.encode(), bytes(output.stdout), bytes(output.stderr))

    def _run(self, line: str, deadline: float) -> Output:
        output = Output()
        shell = WinRS(self._connection(), codepage=_UTF_8, no_profile=True)
        with _closing(shell.close):
            shell.open()
            process = Process(shell, line)
            process.begin_invoke()
            while process.rc is None and not output.late:
                try:
                    process.poll_invoke(timeout=max(1, int(deadline - time.monotonic())))
                except WSManFaultError as fault:
                    if fault.code != _OPERATION_TIMED_OUT:
                        raise
                output.late = time.monotonic() > deadline
            process.signal(SignalCode.CTRL_C)
        output.add_stdout(process.stdout)
        output.add_stderr(process.stderr)
        output.status = process.rc
        return output

    def _bounded(self, seconds: float, call: Callable[[], _T]) -> _T:
        try:
            return within(seconds + _CLOSE_SECONDS, call)
        except Late:
            self._connections.end()  # what waits there, in another thread, ends
            failure = self._late(seconds)
        except ConnectionProblem:
            raise
        except Exception as error:  # noqa: BLE001  (a server can make these libraries raise anything)
            failure = problem(self.spec, error)
        # Raised here, so that no traceback shows the variables of a frame that holds the password.
        raise failure

    def _late(self, seconds: float) -> ConnectionProblem:
        detail = f"{where(self.spec)}: it did not end in {seconds:g} s"
        return ConnectionProblem(Problem.TIMEOUT, detail, "look for a very high load on the VM, or a WMI that hangs")

    def _connection(self) -> WSMan:
        spec, winrm = self.spec, self.spec.winrm
        trust: Any = str(winrm.ca_cert) if winrm.verify and winrm.ca_cert else winrm.verify
        wsman = WSMan(
            spec.name,
            port=spec.port or winrm.port,
            username=spec.user,
            password=spec.password.reveal() if spec.password else None,
            ssl=winrm.ssl,
            auth=winrm.auth,
            cert_validation=trust,
            connection_timeout=int(spec.timeout),
            operation_timeout=winrm.operation_timeout,
            read_timeout=winrm.read_timeout,
            certificate_pem=str(winrm.certificate_pem) if winrm.certificate_pem else None,
            certificate_key_pem=str(winrm.certificate_key_pem) if winrm.certificate_key_pem else None,
        )
        wsman.transport.session = session = wsman.transport._build_session()  # noqa: SLF001  (the only way to its adapters)
        for adapter in session.adapters.values():
            _limit(adapter)
            self._connections.watch(adapter)
        return wsman

    def get_pytest_id(self) -> str:
        """Without user and password."""
        return f"winrm://{clean(self.spec.name)}"

    def decode(self, data: bytes) -> str:
        """testinfra's would ask the VM for its encoding; the shell speaks UTF-8."""
        return data.decode("utf-8", "replace")

    def encode(self, data: str) -> bytes:
        """See ``decode``."""
        return data.encode("utf-8", "surrogateescape")

    @staticmethod
    def quote(command: str, *args: str) -> str:
        """For cmd.exe: arguments in double quotes; what cmd.exe would interpret inside them is refused (ValueError)."""
        for argument in args:
            if set(argument) & set('"%\r\n'):
                raise ValueError(f"cmd.exe cannot take this argument safely: {argument!r}")
        return command % tuple(f'"{argument}"' for argument in args) if args else command


@contextlib.contextmanager
def _closing(close: Callable[[], object]) -> Iterator[None]:
    """Close a shell on the VM in every case; why it cannot be closed matters less than what happened before."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            close()
        raise
    with contextlib.suppress(Exception):
        close()


def _take(found: list[Any], output: Output) -> None:
    """Move what the pipeline gave to the output, each part on a line of its own."""
    while found:
        output.add_stdout(str(found.pop(0)).encode("utf-8", "replace") + b"\n")


def _limit(adapter: Any) -> None:
    """Let an adapter of requests read at most ``_MOST`` bytes of an answer: requests itself would read without end."""
    original = adapter.send

    def send(request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response: Any = original(request, **kwargs)
        # Not read here: a login over TLS looks at the open connection first.
        response.iter_content = _bounded(response.iter_content)
        return response  # type: ignore[no-any-return]

    adapter.send = send


class _Connections:
    """Every socket that an adapter of requests opens: nothing else gives away those in use."""

    def __init__(self) -> None:
        self._sockets: list[Any] = []
        self._ended = False

    def watch(self, adapter: Any) -> None:
        """Note what it opens from now on."""
        manager = adapter.poolmanager
        manager.pool_classes_by_scheme = {scheme: self._noting(kind) for scheme, kind in manager.pool_classes_by_scheme.items()}

    def end(self) -> None:
        """End them, whoever waits for them, and allow no other one."""
        self._ended = True
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _noting(self, create_pool: Callable[..., Any]) -> Callable[..., Any]:
        def pool(*args: Any, **kwargs: Any) -> Any:
            made = create_pool(*args, **kwargs)
            create = made._new_conn  # noqa: SLF001  (urllib3's own place for it)
            made._new_conn = lambda: self._noted(create())  # noqa: SLF001
            return made

        return pool

    def _noted(self, connection: Any) -> Any:
        connect = connection.connect

        def connect_and_note() -> None:
            if self._ended:
                raise ConnectionAbortedError("given up")
            connect()
            self._sockets.append(connection.sock)  # a connection that will be closed soon forgets its socket

        connection.connect = connect_and_note
        return connection


def _bounded(iterate: Callable[[int], Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    def chunks(size: int = 64 * 1024, **_: Any) -> Iterator[bytes]:
        length = 0
        for chunk in iterate(size):
            length += len(chunk)
            if length > _MOST:
                raise TooLarge(f"an answer goes past {_MOST:,} bytes")
            yield chunk

    return chunks
