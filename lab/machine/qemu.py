"""One QEMU process: a virtual machine that looks like Azure's, emulated (TCG), so that it runs wherever the lab does."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.machine.channel import Channel
from lab.shell import LabError

MEMORY_MB = 1100
"""The suite wants 1 GB; the kernel keeps some to itself. QEMU takes from the machine what the guest touches, about a third."""

_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
_UUID = "2f0c8a4e-1111-4222-8333-444455556666"
_CHIPSET = (
    *("-accel", "tcg,thread=multi,tb-size=256", "-smp", "2", "-m", str(MEMORY_MB), "-display", "none", "-nodefaults", "-no-user-config"),
    # A hypervisor's CPUID leaf would say TCG; with these systemd-detect-virt says microsoft, as on Azure.
    *("-cpu", "max,-hypervisor"),
    *("-smbios", f"type=1,manufacturer=Microsoft Corporation,product=Virtual Machine,version=Hyper-V UEFI Release v4.1,uuid={_UUID}"),
    *("-smbios", f"type=3,manufacturer=Microsoft Corporation,asset={_ASSET_TAG}"),
    *("-rtc", "base=utc,clock=host"),
    *("-device", "virtio-rng-pci"),
    *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
    *("-device", "virtio-scsi-pci,id=scsi"),
)
_KERNEL_ARGUMENTS = "root=LABEL=root rw console=ttyS0 net.ifnames=0 quiet norandmaps mitigations=off"
"""Without random addresses, as a program that always lies in the same place is translated once: the suite takes half the time."""


class Qemu:
    """A running QEMU. A lab that is killed takes it along: its PID namespace ends. One with a ``target`` is made outside of labs as well,
    and ends with the thread that has started it.

    ``disks`` are qcow2 files, LUN 0 onwards. ``console`` gets what the guest writes to its serial port.
    """

    def __init__(
        self, kernel: Path, initrd: Path, disks: Sequence[Path], console: Path, options: Sequence[str], *, target: str = ""
    ) -> None:
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        self._console = console
        self.monitor, self.agent = map(Channel, ours)
        append = f"{_KERNEL_ARGUMENTS} systemd.unit={target}" if target else _KERNEL_ARGUMENTS
        command = [
            *(("setpriv", "--pdeathsig", "KILL", "--") if target else ()),
            *("qemu-system-x86_64", *_CHIPSET),
            *("-kernel", str(kernel), "-initrd", str(initrd), "-append", append),
            *("-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=monitor,fd={theirs[0].fileno()}", "-mon", "chardev=monitor,mode=control"),
            *("-chardev", f"socket,id=agent,fd={theirs[1].fileno()}"),
            *options,
        ]
        for lun, disk in enumerate(disks):
            command += ["-drive", f"file={disk},format=qcow2,if=none,id=disk{lun}", "-device", _disk(f"disk{lun}", lun)]
        self._messages = console.with_suffix(".messages")
        with self._messages.open("wb") as messages:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, pass_fds=[end.fileno() for end in theirs]
            )
        for end in theirs:
            end.close()
        try:
            self.monitor.ask("qmp_capabilities")
        except (LabError, OSError):
            self.stop()
            raise LabError(f"qemu-system-x86_64 ended: {self._messages.read_text(errors='replace').strip()[-300:]}") from None

    def add_network_card(self, tap: str, mac: str) -> None:
        """Plug in a network card on a tap device."""
        self.monitor.ask("netdev_add", type="tap", id="net", ifname=tap, script="no", downscript="no")
        self.monitor.ask("device_add", driver="virtio-net-pci", id="card", netdev="net", mac=mac)

    def add_disk(self, name: str, path: Path, lun: int) -> None:
        """Plug a qcow2 file in."""
        self.monitor.ask("blockdev-add", driver="qcow2", node_name=name, file={"driver": "file", "filename": str(path)})
        self.monitor.ask("device_add", driver="scsi-hd", id=f"device-{name}", bus="scsi.0", lun=str(lun), drive=name, **_MAKE)

    def remove_disk(self, name: str) -> None:
        """Pull it out, as soon as the guest has let it go."""
        self.monitor.ask("device_del", id=f"device-{name}")
        self.monitor.wait_for("DEVICE_DELETED", 30)
        self.monitor.ask("blockdev-del", node_name=name)

    def await_status(self, query: str, wanted: str, seconds: float) -> None:
        """Until a query of the monitor has this status. Raises LabError."""
        end = time.monotonic() + seconds
        while (status := self.monitor.ask(query).get("status")) != wanted:
            if status == "failed" or time.monotonic() >= end:
                raise LabError(f"QEMU: {query} is {status}, wanted {wanted}: {self.console()}")
            time.sleep(0.05)

    def console(self) -> str:
        """The last lines that the guest wrote to its console."""
        with contextlib.suppress(OSError):
            return " | ".join(self._console.read_text(errors="replace").strip().split("\n")[-6:])
        return "no console"

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self.monitor.close()
        self.agent.close()


_MAKE: dict[str, Any] = {"vendor": "Msft", "product": "Virtual Disk"}


def _disk(drive: str, lun: int) -> str:
    return f"scsi-hd,bus=scsi.0,drive={drive},lun={lun}," + ",".join(f"{key}={value}" for key, value in _MAKE.items())
