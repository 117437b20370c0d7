"""One guest of tier 1: a real Debian in a container, with systemd as its process 1 and a network namespace of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab.addresses import BRIDGE, address_of, mac_of
from lab.cgroups import Cgroup
from lab.images import Image
from lab.shell import LabError, run

_REBOOT = 133
"""What systemd-nspawn exits with when its guest reboots, as --keep-unit is given."""

_START = f"""
for group in $LAB_GROUPS; do echo $$ >"$group" || exit; done
while :; do
  nsenter "--net=/run/netns/$LAB_GUEST" systemd-nspawn "$@" </dev/null >>"$LAB_CONSOLE" 2>&1
  [ $? -eq {_REBOOT} ] || break
done
"""
_SEEN_BY_LXCFS = ("cpuinfo", "diskstats", "loadavg", "meminfo", "stat", "swaps")
"""Files of /proc that show the guest its own limits and load instead of the machine's. Not uptime: the age of processes follows from it."""

START_SECONDS = 90


class Guest:
    """``lab``: the lab's id. ``directory``: of all guests, in memory. ``data``: one that lies on a disk, for a mount at /data."""

    def __init__(self, lab: str, name: str, number: int, image: Image, directory: Path, data: Path) -> None:
        self.name = name
        self.other_name = ""
        self.number = number
        self.image = image
        self.address = address_of(number)
        self.root = directory / name / "root"
        self._directory = directory / name
        self._data = data / name
        self._cgroup = Cgroup(lab, name)
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Mount its root file system: the image below, and what the guest writes above."""
        for directory in (self.root, self._directory / "upper", self._directory / "work", self._data):
            directory.mkdir(parents=True)
        lower = ":".join(map(str, self.image.layers))
        options = f"lowerdir={lower},upperdir={self._directory}/upper,workdir={self._directory}/work"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        # A VM has the modules of the kernel it runs; by them the suite sees whether a newer kernel waits for a reboot.
        (self.root / "lib/modules" / os.uname().release).mkdir(parents=True, exist_ok=True)

    def put(self, files: Mapping[str, tuple[bytes, int, int]]) -> None:
        """Write files, each with content, mode and owner."""
        for path, (content, mode, owner) in files.items():
            file = self.root / path.lstrip("/")
            if not file.parent.exists():
                file.parent.mkdir(mode=0o700, parents=True)
                os.chown(file.parent, owner, owner)
            file.unlink(missing_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
            os.chown(file, owner, owner)

    def boot(self, lxcfs: Path) -> None:
        """Start it, with its own network namespace on the lab's bridge."""
        link = f"v{self.number}"
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.name, "address", mac_of(self.number))
        run("ip", "link", "set", link, "master", BRIDGE, "up")
        groups = self._cgroup.create()
        # Two steps, because a source below /proc would be looked up inside the guest.
        binds = [f"--bind={self._data}:/data", f"--bind={lxcfs}:/run/host-proc"]
        binds += [f"--bind=/run/host-proc/proc/{name}:/proc/{name}" for name in _SEEN_BY_LXCFS]
        command = [
            *("--quiet", "--register=no", "--keep-unit", "--boot", f"--directory={self.root}"),
            *(f"--machine={self.name}", f"--hostname={self.name}"),
            *("--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe"),
            *binds,
        ]
        environment = {
            **os.environ,
            "LAB_GROUPS": " ".join(map(str, groups)),
            "LAB_GUEST": self.name,
            "LAB_CONSOLE": str(self._directory / "console"),
            "SYSTEMD_NSPAWN_LOCK": "0",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        self._process = subprocess.Popen(["sh", "-c", _START, "sh", *command], env=environment, stdin=subprocess.DEVNULL)

    @property
    def leader(self) -> int:
        """Process id of its systemd. Raises LabError when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise LabError(f"{self.name} does not run: {self.console()}")
        nspawn = _children(self._process.pid)
        inner = _children(nspawn[0]) if nspawn else []
        if not inner:
            raise LabError(f"{self.name} is starting")
        return inner[0]

    def wait(self) -> None:
        """Until its sshd answers. Raises LabError after START_SECONDS."""
        wait_for_port(self.address, 22, START_SECONDS, self.console)

    def console(self) -> str:
        """The last lines it wrote to its console."""
        with contextlib.suppress(OSError):
            return " | ".join((self._directory / "console").read_text(errors="replace").split("\n")[-6:])
        return "no console"

    def run(self, command: str, user: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a command line as a login of ``user`` would, past the network, so that it works in whatever state that is.

        Raises LabError when it takes longer than ``seconds``.
        """
        inside = ["nsenter", "--target", str(self.leader), "--all", "--wdns=/"]
        shell = ["su", "-", user, "-c", command] if user != "root" else ["/bin/sh", "-c", command]
        environment = ["env", "-i", "HOME=/root", "TERM=dumb", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        try:
            return subprocess.run(
                [*inside, *environment, *shell],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: `{command}` took longer than {seconds:.0f} s") from None

    def limit_cpu(self, share: float) -> None:
        """Give it this share of one processor."""
        self._cgroup.limit_cpu(share)

    def stop(self) -> None:
        """End it at once: with its process 1 the kernel ends all of it."""
        if self._process is not None:
            with contextlib.suppress(LabError, ProcessLookupError):
                os.kill(self.leader, 9)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        subprocess.run(["umount", "-l", self.root], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)
        self._cgroup.remove()


def wait_for_port(address: str, port: int, seconds: float, said: object) -> None:
    """Until something listens there. Raises LabError, with what ``said()`` returns, when nothing does in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((address, port), 1) as connection:
            connection.settimeout(2)
            if connection.recv(4):
                return
        time.sleep(0.1)
    raise LabError(f"{address}:{port} does not answer after {seconds:.0f} s: {said() if callable(said) else said}")


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return []
