"""The VMs of a run: real sshd processes on loopback addresses, and the ssh_config that knows them by name."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from backup_preflight.errors import Problem
from selftests.recordings import real_recordings
from selftests.reliability.machine import ROOT
from selftests.reliability.server import Handler, Server, count, relay
from selftests.sshd import PASSWORD, Sshd, public_directory, running_sshd

HEALTHY = "healthy-neighbour"
REAL = ROOT / "selftests" / "real"
ANSWER = Path(__file__).with_name("answer.sh")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Fault:
    """A VM with something wrong. ``kind``: how it must be reported; None: it is read all the same. ``entry``: of --hosts."""

    name: str
    how: str
    kind: Problem | tuple[Problem, ...] | None
    entry: str = ""
    sudo: bool = False


class Lab:
    """Makes VMs. Everything ends with ``close``."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.directory = self.enter(public_directory())
        self.server = Server()
        self.stack.callback(self.server.close)
        self._number = 0
        self._blocks: list[str] = []
        self.addresses: dict[str, list[str]] = {}
        # What a forced command runs must be open to every account; the checkout need not be.
        shutil.copy(ANSWER, self.directory)
        for file in real_recordings():
            _, _, answer = file.read_bytes().partition(b"\n")
            nonce = answer[:32]
            (self.directory / file.name).write_bytes(re.sub(rb"(?m)^" + nonce + b" ", b"@NONCE@ ", answer))

    def enter(self, context: AbstractContextManager[_T]) -> _T:
        """Keep it until the end."""
        return self.stack.enter_context(context)

    def close(self) -> None:
        """End every server."""
        self.stack.close()

    @property
    def config(self) -> Path:
        """The ssh_config with all VMs so far."""
        path = self.directory / "ssh_config"
        path.write_text("".join(self._blocks) + "Host *\n GlobalKnownHostsFile /dev/null\n IdentitiesOnly yes\n IdentityAgent none\n")
        return path

    def forget(self) -> None:
        """Let ssh_config know no VM; the servers stay."""
        self._blocks.clear()

    def address(self) -> str:
        """A loopback address of its own."""
        self._number += 1
        return f"127.0.{self._number // 250 + 1}.{self._number % 250 + 1}"

    def recorded(self, name: str = "healthy") -> str:
        """The forced command of a VM that answers what a real guest has answered."""
        return f"/bin/sh {self.directory}/{ANSWER.name} {self.directory}/{name}.recording"

    def script(self, name: str, text: str) -> str:
        """A forced command: a shell script that gets what the suite sends on standard input."""
        path = self.directory / f"{name}.sh"
        path.write_text(text)
        path.chmod(0o755)
        return f"/bin/sh {path}"

    def account(self, name: str, *options: str, shell: str = "/bin/sh") -> str:
        """A local account, whose password is PASSWORD."""
        home = self.directory / f"home-{name}"
        subprocess.run(["useradd", "-m", "-k", "/nonexistent", "-d", home, "-s", shell, *options, name], check=True)
        subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}\n", text=True, check=True)
        return name

    def sshd(self, *options: str, forced: str = "", addresses: int = 1) -> Sshd:
        """A real server on port 22 of a loopback address of its own (more with ``addresses``)."""
        first, *others = [self.address() for _ in range(addresses)]
        lines = [*options, *(f"ListenAddress {each}:22" for each in others)]
        if forced:
            lines.append(f"ForceCommand {forced}")
        server = self.enter(running_sshd(lines, host=first, port=22))
        self.addresses[first] = [first, *others]
        key = server.host_key.with_suffix(".pub").read_text().split()
        server.known_hosts.write_text(f"* {key[0]} {key[1]}\n")
        return server

    def vm(self, name: str, server: Sshd | None = None, *lines: str, host: str = "", user: str = "root") -> str:
        """Let ssh_config know a VM by name."""
        block = [f"Host {name}", *lines, f"HostName {host or (server.host if server else name)}", f"User {user}"]
        if server:
            block += [f"IdentityFile {server.key}", f"UserKnownHostsFile {server.known_hosts}"]
        self._blocks.append("\n ".join(block) + "\n")
        return name

    def misbehaving(self, name: str, handler: Handler) -> None:
        """A VM on whose port 22 this answers."""
        address = self.address()
        self.server.listen((address, 22), handler)
        self.vm(name, host=address)

    def relayed(self, name: str, server: Sshd, after: int, then: str) -> None:
        """A VM whose connection is cut, stalled or corrupted after so many bytes from a real server."""
        address = self.address()
        self.server.listen((address, 22), partial(relay, to=(server.host, 22), after=after, then=then))
        self.vm(name, server, host=address)

    def counted(self, name: str, server: Sshd, counted: list[int]) -> None:
        """A VM whose answer's bytes are counted on the way."""
        address = self.address()
        self.server.listen((address, 22), partial(count, to=(server.host, 22), counted=counted))
        self.vm(name, server, host=address)

    def healthy(self, name: str = HEALTHY, recording: str = "healthy") -> str:
        """A VM that can be read."""
        return self.vm(name, self.sshd(forced=self.recorded(recording)))
