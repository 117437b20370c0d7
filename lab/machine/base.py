"""The virtual machine as it is just before its services start: booted once, then kept with its memory, so that it goes on in seconds."""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.images import Image, image
from lab.images.build import remove_unused
from lab.machine import qemu
from lab.machine.agent import GuestAgent
from lab.machine.qemu import Qemu
from lab.shell import LabError, run

MACHINE = "machine"
"""The name of its image; all others are of containers."""

BOOT_SECONDS = 240

_DATA_VOLUME = """set -e
disk=$(echo /dev/disk/by-path/*-scsi-0:0:0:1)
modprobe dm-mod
pvcreate -q "$disk"
vgcreate -q data "$disk"
lvcreate -q -l 100%FREE -n volume data
mkfs.ext4 -q /dev/data/volume
mkdir /data
echo /dev/data/volume /data ext4 defaults,nofail 0 2 >>/etc/fstab
mount /data
"""


@dataclass(frozen=True)
class Base:
    """A machine at rest, in the cache. Network card, name, keys and all else of its own come later."""

    directory: Path

    @property
    def kernel(self) -> Path:
        """Its Linux."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Its initial RAM disk."""
        return self.directory / "initrd"

    @property
    def memory(self) -> Path:
        """Its memory, and the state of its devices."""
        return self.directory / "memory"

    @property
    def disks(self) -> list[Path]:
        """Its disks, never to be written to again: the operating system's, and one that holds a logical volume."""
        return [self.directory / "system.qcow2", self.directory / "data.qcow2"]


def prepare(cache: Path) -> Base:
    """The machine from the cache, made first where it is missing. Raises LabError."""
    system = image(MACHINE, cache)
    version = run("qemu-system-x86_64", "--version")
    key = hashlib.sha256("\n".join([system.layers[0].name, version, inspect.getsource(qemu), _DATA_VOLUME]).encode())
    kept = cache / f"machine-{key.hexdigest()[:16]}"
    with (cache / "machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            draft = cache / "machine.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            _make(system, Base(draft))
            draft.rename(kept)
            remove_unused(cache.glob("machine-" + "?" * 16))
    os.utime(kept)
    return Base(kept)


def _make(system: Image, made: Base) -> None:
    file_system = made.directory / "root.img"
    script = 'mount -t overlay overlay -o "lowerdir=$0" /mnt && exec mke2fs -q -t ext4 -L root -d /mnt "$1" 2G'
    run("unshare", "--mount", "--propagation", "private", "sh", "-c", script, ":".join(map(str, system.layers)), file_system)
    for name, file in (("vmlinuz", made.kernel), ("initrd.img", made.initrd)):
        shutil.copy(max((system.layers[0] / "boot").glob(f"{name}-*")), file)
    # The name is relative, because the directory is moved at the end.
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", file_system.name, "-F", "raw", made.disks[0].name], cwd=made.directory, check=True
    )
    run("qemu-img", "create", "-q", "-f", "qcow2", made.disks[1], "1G")
    console = made.directory / "console"
    # basic.target: file systems are mounted, and nothing that has a name, a key or an address has started.
    machine = Qemu(made.kernel, made.initrd, made.disks, console, [], target="basic.target")
    try:
        agent = GuestAgent(machine.agent)
        try:
            machine.agent.synchronize(BOOT_SECONDS)
        except LabError as error:
            raise LabError(f"the virtual machine did not boot: {error}: {machine.console()}") from None
        done = agent.run(_DATA_VOLUME, BOOT_SECONDS)
        if done.returncode:
            raise LabError(f"the virtual machine's logical volume: {done.stderr.strip()}")
        agent.run("sync", BOOT_SECONDS)
        machine.monitor.ask("stop")
        machine.monitor.ask("migrate", uri=f"exec:cat >{made.memory}")
        machine.await_status("query-migrate", "completed", BOOT_SECONDS)
        machine.monitor.ask("quit")
    finally:
        machine.stop()
