"""The lab itself: bridge, fabric, guests. It runs in namespaces of its own, so that with its first process all of it ends.

``python -m lab.server DIRECTORY`` is started by lab/client.py below ``unshare``. It is then process 1 of a PID namespace, in a
mount namespace where /run and the guests' files are its own, and in a network namespace without a way out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from lab import cgroups
from lab.addresses import BRIDGE, ELSEWHERE, GATEWAY, METADATA, STORAGE, WIRESERVER, address_of, mac_of
from lab.client import Manager
from lab.fabric.fabric import Fabric
from lab.fabric.vms import Vm
from lab.guest import Guest
from lab.images import DEFAULT, image
from lab.machine import MACHINE, Machine
from lab.shell import Done, LabError, run

USERS = {"root": ("/root", 0), "azureuser": ("/home/azureuser", 1000), "plain": ("/home/plain", 1001)}
"""Accounts of every guest: home, user id. azureuser may use sudo without a password, plain may not use it at all."""


class Lab:
    """Everything a client may ask for, by the name of a guest."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self._id = directory.name.rpartition("-")[2]
        self._directory = directory
        self._cache = cache
        self._fabric = Fabric(directory / "fabric", cache)
        self._guests: dict[str, Guest | Machine] = {}
        self._lock = threading.Lock()
        self._last = 0
        self._files: dict[str, tuple[bytes, int, int]] = {}

    def open(self) -> None:
        """Make the network and start what every guest shares."""
        for name in ("fabric", "guests", "lxcfs"):
            (self._directory / name).mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("mount", "-t", "tmpfs", "tmpfs", self._directory / "guests")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        for address in (f"{GATEWAY}/16", WIRESERVER, METADATA, STORAGE, ELSEWHERE):
            run("ip", "address", "add", address, "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self._fabric.start()
        lxcfs = ["lxcfs", "-l", "--enable-cfs", "-p", "/run/lxcfs.pid", str(self._directory / "lxcfs")]
        subprocess.Popen(lxcfs, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._files = self._common_files()

    def _common_files(self) -> dict[str, tuple[bytes, int, int]]:
        """What every guest of this lab gets: keys and the lab's certificate authority."""
        for name in ("id_ed25519", "host_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", self._directory / name)
        public, host_key = ((self._directory / f"{name}.pub").read_bytes() for name in ("id_ed25519", "host_key"))
        (self._directory / "known_hosts").write_text(f"* {host_key.decode()}")
        files = {f"{home}/.ssh/authorized_keys": (public, 0o600, owner) for home, owner in USERS.values()}
        files["/etc/ssh/ssh_host_ed25519_key"] = ((self._directory / "host_key").read_bytes(), 0o600, 0)
        files["/etc/ssh/ssh_host_ed25519_key.pub"] = (host_key, 0o644, 0)
        authority = self._fabric.ca_certificate
        # What update-ca-certificates would do, without a second of work in every guest.
        link = run("openssl", "x509", "-noout", "-subject_hash", "-in", authority).strip()
        files[f"/etc/ssl/certs/{link}.0"] = (authority.read_bytes(), 0o644, 0)
        return files

    def start(self, name: str, kind: str = DEFAULT, **values: Any) -> None:
        """Boot a guest of an image (or the virtual machine) that the fabric treats by ``values``, and wait for its sshd."""
        with self._lock:
            self._last += 1
            number = self._last
        self._fabric.add(Vm(name, address_of(number), mac_of(number), **values))
        files = {
            **self._files,
            "/etc/hostname": (f"{name}\n".encode(), 0o644, 0),
            "/etc/hosts": (f"127.0.0.1 localhost\n127.0.1.1 {name}\n".encode(), 0o644, 0),
        }
        guests = self._directory / "guests"
        guest: Guest | Machine
        if kind == MACHINE:
            self._guests[name] = guest = Machine(name, number, guests / name, self._cache, files)
            guest.start()
        else:
            self._guests[name] = guest = Guest(self._id, name, number, image(kind, self._cache), guests, self._directory / "data")
            guest.prepare()
            bundle = guest.root / "etc/ssl/certs/ca-certificates.crt"
            files["/etc/ssl/certs/ca-certificates.crt"] = (bundle.read_bytes() + self._fabric.ca_certificate.read_bytes(), 0o644, 0)
            guest.put(files)
            guest.boot(self._directory / "lxcfs")
        guest.wait()
        self._write_ssh_config()

    def _write_ssh_config(self) -> None:
        lines = [f"Host {guest.name} {guest.other_name}\n  HostName {guest.address}\n" for guest in list(self._guests.values())]
        keys = f"IdentityFile {self._directory}/id_ed25519\n  IdentitiesOnly yes\n  IdentityAgent none"
        known = f"UserKnownHostsFile {self._directory}/known_hosts\n  GlobalKnownHostsFile /dev/null"
        with self._lock:
            (self._directory / "ssh_config").write_text("".join(lines) + f"Host *\n  {keys}\n  {known}\n")

    def _guest(self, name: str) -> Guest | Machine:
        found = next((guest for guest in list(self._guests.values()) if name in {guest.name, guest.other_name}), None)
        if found is None:
            raise LabError(f"the lab has no guest {name}")
        return found

    def name(self, name: str, other_name: str) -> None:
        """Let a guest be known by another name too; by one at a time."""
        self._guest(name).other_name = other_name
        self._write_ssh_config()

    def names(self) -> list[str]:
        """The guests."""
        return list(self._guests)

    def run(self, name: str, command: str, user: str = "root", seconds: float = 60) -> Done:
        """Run a command line in a guest, past its network. Raises LabError when it takes longer than ``seconds``."""
        done = self._guest(name).run(command, user, seconds)
        return Done(done.returncode, done.stdout, done.stderr)

    def vm(self, name: str) -> Vm:
        """What the fabric knows of a guest."""
        return self._fabric.vms[self._guest(name).name]

    def is_ready(self, name: str) -> bool:
        """Whether a guest's agent reports itself and its extensions as ready."""
        return self.vm(name).is_ready()

    def uploads(self, name: str) -> int:
        """How often a guest's agent has reported."""
        return self.vm(name).uploads

    def change(self, name: str, **values: Any) -> None:
        """Change how the fabric treats a guest, and publish a new goal state."""
        self.vm(name).change(**values)

    def packet_filter(self, name: str, rule: str) -> None:
        """A rule on the guest's packets outside of it, as a network security group has them; in nft's words, such as ``drop``."""
        self._nft(name, "filter", f"type filter hook input priority 0; ip saddr {self._guest(name).address} {rule};")

    def divert(self, name: str, rule: str) -> None:
        """Send the guest's packets elsewhere, such as ``ip daddr 168.63.129.16 dnat to 203.0.113.20``."""
        self._nft(name, "nat", f"type nat hook prerouting priority -100; ip saddr {self._guest(name).address} {rule};")

    def open_network(self, name: str) -> None:
        """Take the guest's rules away again."""
        for kind in ("filter", "nat"):
            table = self._table(name, kind)
            run("nft", "-f", "-", stdin=f"table ip {table} {{ }}\ndelete table ip {table}\n")

    def _nft(self, name: str, kind: str, chain: str) -> None:
        run("nft", "-f", "-", stdin=f"table ip {self._table(name, kind)} {{ chain {kind} {{ {chain} }}; }}\n")

    def _table(self, name: str, kind: str) -> str:
        return f"{kind}_{self._guest(name).number}"

    def attach_disk(self, name: str, disk: str, gigabytes: int) -> None:
        """Plug an empty disk of that size into the virtual machine."""
        guest = self._guest(name)
        assert isinstance(guest, Machine)
        guest.attach_disk(disk, gigabytes)

    def detach_disk(self, name: str, disk: str) -> None:
        """Unplug it again."""
        guest = self._guest(name)
        assert isinstance(guest, Machine)
        guest.detach_disk(disk)

    def limit_cpu(self, name: str, share: float) -> None:
        """Give a container this share of one processor."""
        guest = self._guest(name)
        assert isinstance(guest, Guest)
        guest.limit_cpu(share)

    def stop(self, name: str) -> None:
        """End a guest; nothing of it stays."""
        self._guests.pop(name).stop()
        self._fabric.remove(name)
        for kind in ("guests", "data"):
            shutil.rmtree(self._directory / kind / name, ignore_errors=True)

    def close(self) -> None:
        """End everything. What a kill would leave, the control groups, goes too."""
        for name in self.names():
            with contextlib.suppress(Exception):
                self.stop(name)
        cgroups.remove_lab(self._id)


def _serve(directory: Path, cache: Path) -> None:
    lab = Lab(directory, cache)
    lab.open()
    Manager.register("lab", lambda: lab)
    server = Manager(address=str(directory / "socket"), authkey=directory.name.encode()).get_server()

    def close(*_: object) -> None:
        lab.close()
        os._exit(0)

    signal.signal(signal.SIGTERM, close)
    (directory / "ready").touch()
    server.serve_forever()


def main(directory: Path, cache: Path, *, detached: bool) -> int:
    """Process 1: take in orphans until the server ends. Without ``detached`` it ends with whoever holds its standard input."""
    _be_served_first()
    server = os.fork()
    if server == 0:
        _serve(directory, cache)
        return 0

    def stop(*_: object) -> None:
        os.kill(server, signal.SIGTERM)

    def stop_at_the_end_of_input() -> None:
        sys.stdin.read()
        stop()

    signal.signal(signal.SIGTERM, stop)
    if not detached:
        threading.Thread(target=stop_at_the_end_of_input, daemon=True).start()
    while True:
        pid, status = os.wait()
        if pid == server:
            return os.waitstatus_to_exitcode(status)


def _be_served_first() -> None:
    """Before containers, suites and builds: Azure's fabric is never busy, and an emulated machine is slow enough as it is."""
    with contextlib.suppress(OSError):  # a kernel without groups for sessions
        Path("/proc/self/autogroup").write_text("-5")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), detached=sys.argv[3:] == ["detached"]))
