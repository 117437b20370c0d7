"""A VM that is read over a connection: one run of the collector, its bytes, or one clear reason why there are none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from testinfra.backend import base

from backup_preflight import recording
from backup_preflight.collect.script import CollectorRun, collector_text
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.recording import NotARecording, Recording
from backup_preflight.targets import testinfra_backends
from backup_preflight.targets.output import READ_SECONDS, Output, show
from backup_preflight.targets.spec import SSH_SCHEMES, Spec
from backup_preflight.targets.ssh_backend import SshBackend, dropped

_STDERR_CHARACTERS = 2000
_WITH_STDIN = ("local", "chroot")


@dataclass(frozen=True)
class LiveTarget:
    """One VM (or container, or image) and how to reach it. ``seconds``: deadline of a whole read."""

    id: str
    spec: Spec = field(repr=False)
    storage_endpoints: tuple[str, ...] = ()
    collector: str = field(default_factory=collector_text, repr=False)
    seconds: float = READ_SECONDS

    @property
    def scheme(self) -> str:
        """The transport."""
        return self.spec.scheme

    def backend(self) -> base.BaseBackend:
        """A testinfra backend for this target, for ``host.run``. It connects when first used."""
        return testinfra_backends.create(self.spec)

    def read(self) -> Recording:
        """Run the collector once. Raises ConnectionProblem."""
        run = CollectorRun(
            storage_endpoints=self.storage_endpoints,
            image=self.scheme == "chroot",
            sudo=self.spec.sudo,
            sudo_user=self.spec.sudo_user,
            collector=self.collector,
        )
        started = time.time()
        output = self._execute(run)
        finished = time.time()
        try:
            result = recording.parse(bytes(output.stdout), run.nonce)
        except NotARecording as error:
            begun = run.nonce.encode() + b" azure-backup-preflight" in output.stdout
            raise self._problem(output, str(error) if begun else "") from None
        stderr = output.stderr_text[-_STDERR_CHARACTERS:]
        return replace(result, target=self.id, started=started, finished=finished, stderr=stderr)

    def _execute(self, run: CollectorRun) -> Output:
        if self.scheme not in SSH_SCHEMES:
            with_stdin = self.scheme in _WITH_STDIN
            command = run.command if with_stdin else run.command_without_stdin
            return testinfra_backends.execute(self.spec, command, run.stdin if with_stdin else b"", self.seconds)
        backend = testinfra_backends.create(self.spec)
        assert isinstance(backend, SshBackend)
        try:
            return backend.execute(run.command, run.stdin, self.seconds)
        finally:
            backend.close()

    def _problem(self, output: Output, truncated: str) -> ConnectionProblem:
        """Why there is no recording. ``truncated``: there is the beginning of one, and this is wrong with it."""
        spec = self.spec
        if output.late:
            detail = f"{spec.name}: the collector did not end in {self.seconds:g} s"
            remedy = "look for hung mounts or a very high load on the VM: uptime; ps -eo stat,cmd"
            return ConnectionProblem(Problem.TIMEOUT, detail, remedy)
        if truncated:
            return dropped(spec.name, f"connection lost in the middle of the collector's output, which {truncated}")
        if spec.scheme not in SSH_SCHEMES:
            reason = output.last_line or f"status {output.status}, output {show(output.stdout)}"
            return ConnectionProblem(Problem.TRANSPORT, f"{spec.scheme}://{spec.name}: {reason}", testinfra_backends.remedy(spec))
        if output.status is None and not output.stdout:
            return dropped(spec.name, "the connection ended before the collector printed anything")
        said = output.stdout.strip() or output.stderr.strip()
        detail = f"{spec.name}: no collector output (status {output.status}); the VM says {show(said) if said else 'nothing'}"
        remedy = "check that the account has a POSIX login shell and no forced command; a Windows VM needs winrm://"
        return ConnectionProblem(Problem.NOT_LINUX, detail, remedy)
