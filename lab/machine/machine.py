"""Tier 2: one real virtual machine on the lab's network, for what a container cannot have: kernel, clock, firmware, disks of its own."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab.addresses import BRIDGE, GATEWAY, address_of, mac_of
from lab.guest import wait_for_port
from lab.machine.agent import GuestAgent
from lab.machine.base import prepare
from lab.machine.clock import serve_time
from lab.machine.qemu import Qemu
from lab.shell import LabError, run

START_SECONDS = 120


class Machine:
    """A virtual machine that looks like Azure's: 2 processors, 1 GB, an LVM volume on /data.

    It writes to ``directory`` only. ``files``: path in the guest → content, mode and owner, put there before any service starts.
    """

    def __init__(self, name: str, number: int, directory: Path, cache: Path, files: Mapping[str, tuple[bytes, int, int]]) -> None:
        self.name = name
        self.other_name = ""
        self.number = number
        self.address = address_of(number)
        self._directory = directory
        self._cache = cache
        self._files = files
        self._tap = f"t{number}"
        self._qemu: Qemu | None = None
        self._luns: dict[str, int] = {}

    def start(self) -> None:
        """Let it go on from where the cache has it, as itself. Raises LabError."""
        base = prepare(self._cache)
        self._directory.mkdir(parents=True)
        disks = [self._directory / disk.name for disk in base.disks]
        for below, disk in zip(base.disks, disks, strict=True):
            run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", disk)
        self._qemu = Qemu(base.kernel, base.initrd, disks, self._directory / "console", ["-incoming", f"exec:cat {base.memory}"])
        self._qemu.await_status("query-status", "paused", START_SECONDS)  # as it was put away
        self._qemu.monitor.ask("cont")
        self._qemu.agent.synchronize(START_SECONDS)
        self._must(f"date -s @{time.time():.3f}")  # its clock has stood still since
        GuestAgent(self._qemu.agent).put(self._files, START_SECONDS)
        serve_time(GATEWAY)
        run("ip", "tuntap", "add", self._tap, "mode", "tap")
        run("ip", "link", "set", self._tap, "master", BRIDGE, "up")
        self._qemu.add_network_card(self._tap, mac_of(self.number))
        self._must("until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done")
        self._must("hostname -F /etc/hostname && systemctl start --no-block multi-user.target")

    def wait(self) -> None:
        """Until its sshd answers. Raises LabError, with the end of its console, after START_SECONDS."""
        wait_for_port(self.address, 22, START_SECONDS, self.console)

    def console(self) -> str:
        """The last lines it wrote to its console."""
        return self._running.console()

    def run(self, command: str, user: str = "root", seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command line as a login of ``user`` would, past the network, so that it works in whatever state that is.

        Raises LabError when it takes longer than ``seconds``.
        """
        return GuestAgent(self._running.agent).run(command, seconds, user=user)

    def attach_disk(self, name: str, gigabytes: int) -> None:
        """Plug in an empty disk of that size; it takes a megabyte of the machine's."""
        lun = max([1, *self._luns.values()]) + 1
        path = self._directory / f"{name}.qcow2"
        run("qemu-img", "create", "-q", "-f", "qcow2", path, f"{gigabytes}G")
        self._running.add_disk(name, path, lun)
        self._luns[name] = lun
        self._await_disk(lun, there=True)

    def detach_disk(self, name: str) -> None:
        """Pull it out again."""
        lun = self._luns.pop(name)
        self._running.remove_disk(name)
        self._await_disk(lun, there=False)
        (self._directory / f"{name}.qcow2").unlink()

    def stop(self) -> None:
        """End it at once; nothing of it stays."""
        if self._qemu is not None:
            self._qemu.stop()
        subprocess.run(["ip", "link", "del", self._tap], capture_output=True, check=False)
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _running(self) -> Qemu:
        if self._qemu is None:
            raise LabError(f"{self.name} has not been started")
        return self._qemu

    def _must(self, command: str) -> None:
        done = self.run(command, seconds=START_SECONDS)
        if done.returncode:
            raise LabError(f"{self.name}: `{command}`: {done.stderr.strip()}")

    def _await_disk(self, lun: int, *, there: bool) -> None:
        wanted = "until" if there else "while"
        self._must(f"{wanted} ls /sys/class/scsi_device/*:0:0:{lun}/device/block >/dev/null 2>&1; do sleep 0.1; done")
