"""A machine of our own to break: namespaces for mounts, network and processes, so that each fault is real and nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from selftests.sshd import missing, plain_root

ROOT = Path(__file__).parents[2]
VANISHES = "192.0.2.9"
"""Whatever is sent to this address vanishes: nobody answers, and nothing says that nobody does."""
RESOLVER = "127.0.0.53"

_NAMESPACES = ("--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def run(module: str, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a machine of its own; whatever it starts ends with it."""
    if os.geteuid() != 0:
        missing("needs root for namespaces")
    command = ["unshare", *_NAMESPACES, sys.executable, "-m", module, *arguments]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "SSH_", "COV_"))}
    with tempfile.TemporaryDirectory(prefix="preflight-machine-") as layers:
        environment = {**kept, "PYTHONPATH": str(ROOT), "TMPDIR": layers}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False)


def prepare() -> None:
    """Called first within it: own /etc (accounts, name server), own /run, own temporary files, own network."""
    assert os.getpid() < 50, "not in a machine of its own"
    layers = Path(os.environ["TMPDIR"])  # of ``run``, which removes it
    _command("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(layers))
    for name in ("upper", "work", "tmp"):
        (layers / name).mkdir()
    (layers / "tmp").chmod(0o1777)
    _command("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work", "/etc")
    accounts = Path("/etc/passwd")
    accounts.write_text(plain_root(accounts.read_text(), layers))
    _command("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    Path("/run/sshd").mkdir(mode=0o755)
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    Path("/etc/resolv.conf").write_text(f"nameserver {RESOLVER}\noptions timeout:5 attempts:2\n")
    _command("ip", "link", "set", "lo", "up")
    _command("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
    for each in ("near", "far"):
        _command("ip", "link", "set", each, "up")
    _command("ip", "addr", "add", "192.0.2.1/24", "dev", "near")
    _command("ip", "neigh", "add", VANISHES, "lladdr", "02:00:00:00:00:09", "dev", "near")
    tempfile.tempdir = str(layers / "tmp")
    (layers / "controller").mkdir()
    os.environ["TMPDIR"] = str(layers / "controller")  # of children: what they leave there can be counted


def _command(*words: str) -> None:
    subprocess.run(words, check=True)
