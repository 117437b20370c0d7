"""Runs the collector in a guest made of namespaces: the machine's own files under an overlay, its own network, its own processes.

Nothing of a run reaches the machine or its network. Needs root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from backup_preflight.recording import Recording, Section, parse

COLLECTOR = Path(__file__).parents[2] / "backup_preflight" / "collect" / "linux.sh"
DOCUMENT = Path(__file__).parents[2] / "docs" / "recording.md"
NONCE = "0123456789abcdef0123456789abcdef"
SHELLS = ("dash", "bash", "busybox sh")

# Arguments: the guest's directory, the shell command that runs the collector. What it finds goes into files there.
_NAMESPACE = r"""
set -e
cd "$1"
mount -t tmpfs tmpfs layers
mkdir layers/upper layers/work layers/root
cp -a changes/. layers/upper/
if [ -d base ]; then lower=base; else lower=/; fi
mount -t overlay overlay -o "lowerdir=$lower,upperdir=layers/upper,workdir=layers/work" layers/root
mkdir -p layers/root/proc layers/root/sys layers/root/dev layers/root/run layers/root/tmp
mount -t proc proc layers/root/proc
mount --rbind /sys layers/root/sys
mount --rbind /dev layers/root/dev
mount -t tmpfs tmpfs layers/root/run
ip link set lo up
. ./setup
touch mark
find layers/upper layers/root/run | sort > before
set +e
pids() {
  for each in layers/root/proc/[0-9]*; do
    [ ! -e "$each/stat" ] || echo "${each##*/} $(tr '\0' ' ' < "$each/cmdline")"
  done
}
pids > earlier
eval "chroot layers/root $2" < input > output 2> errors
echo $? > status
find layers/upper layers/root/run | sort | comm -13 before - > written
find layers/upper layers/root/run -newer mark -type f >> written
pids | grep -vxFf earlier > left
[ ! -e daemons ] || kill $(cat daemons)
"""


@dataclass(frozen=True)
class Run:
    output: bytes
    errors: str
    status: int
    seconds: float
    written: list[str]
    left: list[str]

    @property
    def recording(self) -> Recording:
        return parse(self.output, NONCE)

    def section(self, name: str, subject: str = "") -> Section:
        return self.recording.section(name, subject)

    def lines(self, name: str, subject: str = "") -> list[str]:
        return self.section(name, subject).text.splitlines()

    def values(self, name: str, subject: str = "") -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.lines(name, subject))


def shell_path(shell: str) -> str:
    """The command of a shell; the test is skipped where the machine lacks it."""
    program, *rest = shell.split()
    path = shutil.which(program, path="/usr/bin:/bin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return " ".join([path, *rest])


@cache
def namespaces_work() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "-n", "-p", "-f", "true"], check=False).returncode == 0


def needs_root() -> None:
    if not namespaces_work():
        pytest.skip("needs root and namespaces (unshare)")


def isolated(command: list[str]) -> list[str]:
    """The command in a network namespace of its own, with no interface up."""
    return ["unshare", "-n" if os.geteuid() == 0 else "-rn", *command]


def parameters(storage_endpoints: str = "", image: str = "no", sudo: str = "no", logs: str = "no") -> bytes:
    return f"nonce={NONCE}\nstorage_endpoints={storage_endpoints}\nimage={image}\nsudo={sudo}\nlogs={logs}\n".encode()


@dataclass
class Guest:
    """A guest to be: files are put in place before the run, ``setup`` is run in its network."""

    directory: Path

    def __post_init__(self) -> None:
        for name in ("changes", "layers"):
            (self.directory / name).mkdir(parents=True)
        (self.directory / "changes").chmod(0o755)
        self.file("/etc/resolv.conf", "")

    def file(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        target = self.directory / "changes" / path.lstrip("/")
        self._parents(target)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)

    def folder(self, path: str, mode: int = 0o755) -> None:
        target = self.directory / "changes" / path.lstrip("/")
        self._parents(target / "x")
        target.chmod(mode)

    def program(self, path: str, text: str) -> None:
        self.file(path, f"#!/bin/sh\n{text}\n", 0o755)

    def _parents(self, target: Path) -> None:
        for parent in reversed(target.relative_to(self.directory / "changes").parents):
            folder = self.directory / "changes" / parent
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o755)

    def run(self, shell: str = "dash", setup: str = "", wrap: str = "", script: bytes | None = None, **options: str) -> Run:
        """``wrap``: a command line prefix such as ``setpriv …``. ``options``: see ``parameters``."""
        needs_root()
        (self.directory / "input").write_bytes(parameters(**options) + COLLECTOR.read_bytes() if script is None else script)
        (self.directory / "setup").write_text(setup)
        begun = time.monotonic()
        done = subprocess.run(
            ["unshare", "-m", "--propagation", "private", "-n", "-p", "-f", "--kill-child", "sh", "-c", _NAMESPACE, "sh",
             str(self.directory), f"{wrap} {shell_path(shell)} -s"],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        seconds = time.monotonic() - begun
        assert done.returncode == 0, done.stderr.decode()

        def read(name: str) -> str:
            return (self.directory / name).read_text(errors="replace")

        return Run(
            output=(self.directory / "output").read_bytes(),
            errors=read("errors"),
            status=int(read("status")),
            seconds=seconds,
            written=read("written").splitlines(),
            left=read("left").splitlines(),
        )


AGENT = """\
if [ "$1" = -version ]; then
  echo 'WALinuxAgent-2.7.3.0 running on debian 12'
  echo 'Python: 3.11.2'
  echo 'Goal state agent: 2.7.3.0'
fi
"""
EXTENSION = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9217.0"


def installed(guest: Guest, files: Mapping[str, str] | None = None) -> Guest:
    """The guest with an agent that has run one backup."""
    lib = "/var/lib/waagent"
    guest.program("/usr/sbin/waagent", AGENT)
    guest.file("/etc/waagent.conf", "Extensions.Enabled=y\n")
    guest.file("/var/log/waagent.log", "INFO\n")
    guest.folder("/var/log/azure")
    guest.folder(lib, 0o700)
    guest.file(f"{lib}/SharedConfig.xml", '<SharedConfig>\n<Deployment name="d1" guid="{0}">\n<Service name="s1"/>\n</Deployment>\n')
    guest.file(f"{lib}/ovf-env.xml", "<a><wa:ProvisionGuestAgent>true</wa:ProvisionGuestAgent><p>hunter2</p></a>")
    guest.file(f"{lib}/WireServerEndpoint", "168.63.129.16")
    guest.file(f"{lib}/GoalState.1.xml", "<x/>")
    guest.file(f"{lib}/history/2026-01-01T00-00-00__1/waagent_status.json", "{}")
    guest.file(
        f"{lib}/history/2026-01-01T00-00-00__1/ExtensionsConfig.xml",
        "<StatusUploadBlob>https://store.blob.core.windows.net/c/b?sv=1&amp;sig=c2VjcmV0</StatusUploadBlob>"
        "<u>https://umsa1.blob.core.windows.net/x</u><u>https://example.org/</u>",
    )
    extension = f"{lib}/{EXTENSION}"
    guest.file(f"{extension}/HandlerManifest.json", "[]")
    guest.file(f"{extension}/config/HandlerState", "Enabled")
    guest.file(f"{extension}/config/HandlerStatus", json.dumps({"status": "Ready", "code": 0}))
    guest.file(
        f"{extension}/config/9.settings",
        json.dumps({"protectedSettingsCertThumbprint": "AB12", "protectedSettings": "MIIhunter2"}),
    )
    guest.file(f"{extension}/status/9.status", "nine")
    guest.file(f"{extension}/status/10.status", '[{"status": {"code": 1, "uri": "https://x.blob.core.windows.net/d?sig=c2VjcmV0"}}]')
    guest.file(f"{extension}/main/safefreeze/bin/safefreeze", "", 0o755)
    guest.file(f"{extension}/main/WaagentLib.py", "import os\nimport crypt\ntry:\n    from distutils.version import LooseVersion\n")
    guest.file(f"{lib}/AB12.crt", "no certificate")
    for path, content in (files or {}).items():
        guest.file(path, content)
    return guest
