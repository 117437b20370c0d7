"""What each image is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """``files``: directories, each with files to put in (root/) and a setup.sh, which then runs in the image.

    ``below``: the image that this is a layer over, without it mmdebstrap makes a new one. ``remove``: packages of that one to purge.
    ``offered``: packages that the image's own repository offers, so that fixes work without a mirror.
    ``newer_agent``: an image whose agent that repository offers too.
    """

    name: str
    label: str
    suite: str
    files: tuple[str, ...]
    packages: tuple[str, ...]
    unit: str = "walinuxagent.service"
    below: str = ""
    remove: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    newer_agent: str = ""

    def key(self, *others: str) -> str:
        """Hash of the recipe, its files, the scripts that follow it, and the keys of other images that it needs."""
        state = hashlib.sha256(repr([getattr(self, field.name) for field in fields(self)]).encode())
        scripts = [HERE / "build.sh", HERE / "functions.sh"]
        for path in sorted([*scripts, *(path for part in self.files for path in (HERE / part).rglob("*"))]):
            if path.is_file():
                state.update(f"{path.relative_to(HERE)} {path.stat().st_mode:o}\n".encode() + path.read_bytes())
        state.update(" ".join(others).encode())
        return state.hexdigest()[:12]


COMMON = (
    *("systemd", "systemd-sysv", "dbus", "udev", "openssh-server", "sudo"),
    *("waagent", "openssl", "ca-certificates", "python3", "chrony"),
    *("ifupdown", "isc-dhcp-client", "iproute2", "netbase", "nftables", "iptables", "curl", "procps"),
)
"""Of every Debian image. chrony runs in the virtual machine only: a container may not set the machine's clock."""

OFFERED = ("waagent", "openssl", "coreutils", "util-linux", "mount", "python3", "python3-minimal", "python3-distro", "chrony")


def _debian(version: str, suite: str, agent: str, *packages: str, note: str = "", newer_agent: str = "") -> Recipe:
    label = f"Debian {version} with its own agent {agent}; its unit may start in a container{note}"
    offered = (*OFFERED, *packages)
    return Recipe(f"debian-{version}", label, suite, ("debian", "offline"), COMMON + packages, offered=offered, newer_agent=newer_agent)


MACHINE = ("linux-image-cloud-amd64", "initramfs-tools", "zstd", "lvm2", "e2fsprogs", "qemu-guest-agent")

RPM = ("rpm", "createrepo-c", "dnf")


def _lookalike(like: str, system: str, packing: str, packages: tuple[str, ...], real: str) -> Recipe:
    """A layer over Debian 12: names, package database, network configuration as that distribution's."""
    parts = tuple(part for part in ("agent", packing, f"{like}-like") if part)
    unit = "walinuxagent.service" if like == "ubuntu" else "waagent.service"
    remove = ("waagent", "ifupdown") if like == "suse" else ("waagent", "ifupdown", "isc-dhcp-client")
    label = f"Debian 12 dressed as {system}: {real}; its agent 2.7.3.0 is Debian's, packed anew"
    return Recipe(f"{like}-like", label, "bookworm", parts, packages, unit, "debian-12", remove)


_RECIPES = (
    _debian("12", "bookworm", "2.7.3.0", "python3-distutils"),
    _debian(
        *("11", "bullseye", "2.2.47", "python3-distutils"),
        note="; its repository offers Debian 12's agent as well",
        newer_agent="debian-12",
    ),
    _debian("13", "trixie", "2.12.0.2"),
    _lookalike("rhel", "RHEL 9", "rpm", ("network-manager", *RPM), "real rpm, dnf (yum is a link to it) and NetworkManager"),
    _lookalike("suse", "SLES 15", "rpm", ("zypper", *RPM[:-1]), "real rpm and zypper; small scripts with dhclient stand in for wicked"),
    _lookalike("ubuntu", "Ubuntu 22.04", "", ("netplan.io", "systemd-resolved"), "real netplan and systemd-networkd"),
    _lookalike("azurelinux", "Azure Linux 3", "rpm", ("systemd-resolved", *RPM), "real rpm and systemd-networkd; dnf stands in for tdnf"),
    Recipe("machine", "Debian 12 as a virtual machine", "bookworm", ("machine",), MACHINE, below="debian-12"),
)
RECIPES = {recipe.name: recipe for recipe in _RECIPES}
