"""A guest as faults and tests see it: one object, whose methods fail loudly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lab.fabric.vms import Vm
from lab.shell import Done, LabError

DEADLINE = 150
"""Seconds that anything in a guest may take to come about."""


class Host:
    """One guest of a lab, by name. ``lab`` is lab.server.Lab, mostly by proxy."""

    def __init__(self, lab: Any, name: str) -> None:
        self.lab = lab
        self.name = name

    def run(self, command: str, user: str = "root") -> str:
        """Standard output of a command line that has to succeed. Raises LabError."""
        done = self.try_(command, user)
        if done.code:
            raise LabError(f"{self.name}: `{command}`: exit code {done.code}: {(done.err or done.out).strip()[-300:]}")
        return done.out.strip()

    def try_(self, command: str, user: str = "root", seconds: float = DEADLINE) -> Done:
        """What a command line comes to."""
        done: Done = self.lab.run(self.name, command, user, seconds)
        return done

    def until(self, command: str) -> None:
        """Wait until a command succeeds in the guest. Raises LabError after DEADLINE."""
        self.wait_for(lambda: self.try_(command).code == 0, command)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something holds. Raises LabError after DEADLINE."""
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise LabError(f"{self.name}: after {DEADLINE} s not yet: {what}")
            time.sleep(0.5)

    def restart_agent(self) -> None:
        """Restart the agent, as a change of its configuration needs, and wait for its worker."""
        self.run("systemctl restart walinuxagent")
        self.until("pgrep -f '[-]run-exthandlers'")

    @property
    def vm(self) -> Vm:
        """What the fabric knows of it."""
        found: Vm = self.lab.vm(self.name)
        return found

    def change(self, **values: Any) -> None:
        """Change how the fabric treats it, and publish a new goal state."""
        self.lab.change(self.name, **values)

    @property
    def uploads(self) -> int:
        """How often its agent has reported to the fabric."""
        found: int = self.lab.uploads(self.name)
        return found

    def is_ready(self) -> bool:
        """Whether its agent has told the fabric that it and every extension are ready, for the newest goal state."""
        return bool(self.lab.is_ready(self.name))

    def wait_until_ready(self) -> None:
        """Until the agent has worked off its goal state."""
        self.wait_for(self.is_ready, "the agent reports itself and its extensions ready")
