"""Running a program of the machine's, and saying well what went wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

PACKAGES = {
    "ip": "iproute2",
    "lxcfs": "lxcfs",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "node": "nodejs",
    "npm": "npm",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "tinyproxy": "tinyproxy-bin",
    "unshare": "util-linux",
}
"""Program → the Debian package that holds it."""


class Done(NamedTuple):
    """What a command in a guest came to."""

    code: int
    out: str
    err: str


class LabError(Exception):
    """The lab cannot do what it was asked to; the text says why, in one line."""


def require() -> None:
    """Raises LabError unless this is Linux, we are root, and every program of PACKAGES is there."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise LabError("the lab needs root on Linux: it makes namespaces and boots guests in them")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if missing := sorted({package for program, package in PACKAGES.items() if not shutil.which(program, path=path)}):
        raise LabError(f"the lab lacks some programs; on Debian: apt-get install --no-install-recommends {' '.join(missing)}")


def run(*command: str | os.PathLike[str], stdin: str = "") -> str:
    """Standard output of a program that has to succeed. Raises LabError with its last message."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise LabError(f"{_shown(command)}: exit code {done.returncode}: {said}")
    return done.stdout


def _shown(command: Sequence[str | os.PathLike[str]]) -> str:
    words = " ".join(os.fspath(word) for word in command)
    return words if len(words) < 200 else words[:200] + " …"
