"""A VM that is read over a connection: one run of the collector, its bytes, or one clear reason why there are none."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace

from testinfra.backend import base

from backup_preflight import recording
from backup_preflight.collect.digest import digest
from backup_preflight.collect.script import CollectorRun, collector_text
from backup_preflight.collect.windows_script import WindowsCollectorRun
from backup_preflight.collect.windows_script import collector_text as windows_collector_text
from backup_preflight.errors import ConnectionProblem
from backup_preflight.recording import NotARecording, Recording
from backup_preflight.targets import testinfra_backends
from backup_preflight.targets.no_recording import no_recording
from backup_preflight.targets.output import READ_SECONDS, Output
from backup_preflight.targets.spec import SSH_SCHEMES, Spec
from backup_preflight.targets.ssh_backend import SshBackend

_STDERR_CHARACTERS = 2000
_WITH_STDIN = ("local", "chroot")


@dataclass(frozen=True)
class LiveTarget:
    """One VM (or container, or image) and how to reach it. ``seconds``: deadline of a whole read.

    ``logs``: what is read is the ends of the agent's logs, for --collect-logs.
    """

    id: str
    spec: Spec = field(repr=False)
    storage_endpoints: tuple[str, ...] = ()
    collector: str = field(default_factory=collector_text, repr=False)
    windows_collector: str = field(default_factory=windows_collector_text, repr=False)
    seconds: float = READ_SECONDS
    logs: bool = False

    @property
    def scheme(self) -> str:
        """The transport."""
        return self.spec.scheme

    @property
    def system(self) -> str:
        """SSH reaches both systems; what the other transports reach is told by their names."""
        if self.scheme == "winrm":
            return "windows"
        return "" if self.scheme in (*SSH_SCHEMES, "ansible") else "linux"

    def backend(self) -> base.BaseBackend:
        """A testinfra backend for this target, for ``host.run``. It connects when first used."""
        return testinfra_backends.create(self.spec)

    def read(self) -> Recording:
        """Run the collector once. Raises ConnectionProblem."""
        started = time.time()
        if self.scheme == "winrm":
            return self._recording(*self._read_winrm(), started)
        run = CollectorRun(
            storage_endpoints=self.storage_endpoints,
            image=self.scheme == "chroot",
            sudo=self.spec.sudo,
            sudo_user=self.spec.sudo_user,
            logs=self.logs,
            collector=self.collector,
        )
        if self.scheme in SSH_SCHEMES:
            return self._recording(*self._read_ssh(run), started)
        with_stdin = self.scheme in _WITH_STDIN
        command = run.command if with_stdin else run.command_without_stdin
        output = testinfra_backends.execute(self.spec, command, run.stdin if with_stdin else b"", self.seconds)
        return self._recording(output, run.nonce, started)

    def _read_winrm(self) -> tuple[Output, str]:
        from backup_preflight.targets.winrm_backend import WinRmBackend  # here, as its libraries take long to import

        run = self._windows_run()
        backend = testinfra_backends.create(self.spec)
        assert isinstance(backend, WinRmBackend)
        return backend.collect(run, self.seconds), run.nonce

    def _read_ssh(self, run: CollectorRun) -> tuple[Output, str]:
        """The collector for Linux; where no POSIX shell answers, the one for Windows. What neither understands is Linux' problem."""
        backend = testinfra_backends.create(self.spec)
        assert isinstance(backend, SshBackend)
        deadline = time.monotonic() + self.seconds
        try:
            output = backend.execute(run.command, run.stdin, self.seconds)
            if output.late or output.status in {None, 0} or _header(run.nonce) in output.stdout:
                return output, run.nonce
            windows = self._windows_run()
            with contextlib.suppress(ConnectionProblem):
                second = backend.execute(windows.command, windows.stdin, max(1.0, deadline - time.monotonic()))
                if _header(windows.nonce) in second.stdout:
                    return second, windows.nonce
            return output, run.nonce
        finally:
            backend.close()

    def _windows_run(self) -> WindowsCollectorRun:
        return WindowsCollectorRun(self.storage_endpoints, logs=self.logs, collector=self.windows_collector)

    def _recording(self, output: Output, nonce: str, started: float) -> Recording:
        finished = time.time()
        try:
            result = recording.parse(bytes(output.stdout), nonce)
        except NotARecording as error:
            raise no_recording(self.spec, output, self.seconds, begun=_header(nonce) in output.stdout, error=error) from None
        stderr = output.stderr_text[-_STDERR_CHARACTERS:]
        sent = self.windows_collector if result.system == "windows" else self.collector
        return replace(result, target=self.id, started=started, finished=finished, stderr=stderr, collector=digest(sent))


def _header(nonce: str) -> bytes:
    return nonce.encode() + b" azure-backup-preflight"
