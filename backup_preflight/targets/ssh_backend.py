"""What our two SSH backends share, as testinfra's ``host.run`` and as the way the collector goes."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

from testinfra.backend import base

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.ids import clean
from backup_preflight.targets.options import Options
from backup_preflight.targets.output import READ_SECONDS, Output
from backup_preflight.targets.parse import parse
from backup_preflight.targets.spec import Spec


class SshBackend(base.BaseBackend, abc.ABC):
    """A testinfra backend that can also give a command its standard input, and ends at a deadline."""

    def __init__(self, hostspec: str | Spec, **kwargs: Any) -> None:
        """``hostspec``: an entry that was read, or its text with the keywords that testinfra gives a backend."""
        if isinstance(hostspec, Spec):
            self.spec = hostspec
        else:
            known = {field.name for field in dataclasses.fields(Options)} - {"hosts", "connection"}
            options = Options(**{key: value for key, value in kwargs.items() if key in known})
            query = f"?timeout={kwargs['timeout']}" if "timeout" in kwargs else ""
            self.spec = parse(Entry(f"{self.NAME}://{hostspec}{query}", "host"), options)
        super().__init__(self.spec.name, self.spec.sudo, self.spec.sudo_user)

    @abc.abstractmethod
    def execute(self, command: str, stdin: bytes = b"", seconds: float = READ_SECONDS) -> Output:
        """Run one command line in the login shell. Raises ConnectionProblem."""

    @abc.abstractmethod
    def close(self) -> None:
        """Give back what the backend holds; it stays usable."""

    def run(self, command: str, *args: str, **_: Any) -> base.CommandResult:
        """testinfra's entry: one command, its status and output. Raises ConnectionProblem when there is no status."""
        line = self.get_command(command, *args)
        output = self.execute(line)
        if output.late:
            detail = f"{self.spec.name}: a command ran for more than {READ_SECONDS:g} s"
            raise ConnectionProblem(Problem.TIMEOUT, detail, "run it by hand on the VM to see what it waits for")
        if output.status is None:
            raise dropped(self.spec.name, "a command ended without a status")
        return self.result(output.status, line.encode(), bytes(output.stdout), bytes(output.stderr))

    def get_sudo_command(self, command: str, sudo_user: str | None) -> str:
        """testinfra's, without ever asking for a password."""
        if sudo_user is None:
            return self.quote("sudo -n /bin/sh -c %s", command)
        return self.quote("sudo -n -u %s /bin/sh -c %s", sudo_user, command)

    def get_pytest_id(self) -> str:
        """Without user and password."""
        return f"{self.NAME}://{clean(self.spec.name)}"

    def decode(self, data: bytes) -> str:
        """testinfra's would ask the VM for its encoding."""
        return data.decode("utf-8", "replace")

    def encode(self, data: str) -> bytes:
        """See ``decode``."""
        return data.encode("utf-8", "surrogateescape")


def dropped(name: str, reason: str) -> ConnectionProblem:
    """The connection ended too early."""
    remedy = "try again; if it stays, look into the VM's sshd log (account expired, nologin, out of memory, network)"
    return ConnectionProblem(Problem.DROPPED, f"{name}: {reason}", remedy)
