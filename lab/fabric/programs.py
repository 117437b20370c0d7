"""Programs that serve the fabric and end with it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 60.0
"""Seconds until a program that does not listen counts as failed."""


class FabricError(Exception):
    """The fabric cannot start; the message says what to do."""


class Program:
    """A child with a port. The kernel ends it when the thread that started it ends (``setpriv --pdeathsig``)."""

    def __init__(self, command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        self._log = log

    def wait_for(self, address: str, port: int) -> None:
        """Wait until it listens. Raises FabricError when it ends instead, or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
                return
            time.sleep(0.05)
        raise FabricError(f"nothing listens on {address}:{port}; see {self._log}:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def program(name: str, package: str) -> str:
    """The path of a program. Raises FabricError with the package that holds it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise FabricError(f"the lab needs {name}: apt-get install {package}")
    return found
