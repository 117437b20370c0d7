"""The VMs of a benchmark: one real sshd that answers at every address of the VMs' side."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selftests.sshd import generate_key, plain_root


@dataclass(frozen=True)
class Vms:
    """``config``: the client's ssh_config. The VMs run the real collector, until ``answer_after`` is called."""

    key: Path
    config: Path
    directory: Path

    def answer_after(self, seconds: float, recording: Path) -> None:
        """From now on be VMs with processors of their own: answer the collector with a recording, after that time."""
        nonce = recording.read_bytes().partition(b" azure-backup-preflight")[0].rpartition(b"\n")[2]
        (self.directory / "answer").write_bytes(recording.read_bytes().replace(nonce, b"@NONCE@"))
        (self.directory / "seconds").write_text(str(seconds))

    def run_the_collector(self) -> None:
        """From now on run the real collector, all on this machine's processors."""
        (self.directory / "seconds").unlink(missing_ok=True)


# What a login runs. The collector is told from other commands by its command line.
_TARGET = """#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
  'sh -s')
    if [ -e {directory}/seconds ]; then
      read -r nonce
      cat >{directory}/discard
      sleep "$(cat {directory}/seconds)"
      exec sed "s/^@NONCE@/${{nonce#nonce=}}/" {directory}/answer
    fi ;;
esac
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""


@contextlib.contextmanager
def vms() -> Iterator[Vms]:
    """Start it, on port 22 of every address."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise SystemExit("bench: sshd is missing: apt-get install openssh-server")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="preflight-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        _plain_root(directory)
        key, host_key = generate_key(directory / "id_ed25519"), generate_key(directory / "host_ed25519")
        (directory / "discard").symlink_to("/dev/null")
        target = directory / "target"
        target.write_text(_TARGET.format(directory=directory))
        target.chmod(0o755)
        server = directory / "sshd_config"
        server.write_text(
            f"ListenAddress 0.0.0.0\nHostKey {host_key}\nAuthorizedKeysFile {key}.pub\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"UseDNS no\nPermitRootLogin yes\nMaxStartups 2000\nPrintMotd no\nPrintLastLog no\nForceCommand {target}\n"
        )
        public = host_key.with_suffix(".pub").read_text().split()
        (directory / "known_hosts").write_text(f"10.77.* {public[0]} {public[1]}\n")
        config = directory / "ssh_config"
        config.write_text(
            f"User root\nIdentityFile {key}\nIdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking yes\n"
            f"UserKnownHostsFile {directory}/known_hosts\nGlobalKnownHostsFile none\n"
        )
        process = subprocess.Popen([program, "-D", "-f", str(server), "-E", str(directory / "log")])
        try:
            time.sleep(0.5)
            yield Vms(key, config, directory)
        finally:
            subprocess.run(["umount", "/etc/passwd"], check=True)  # so that the next measure can put its own there
            process.terminate()
            process.wait()


def _plain_root(directory: Path) -> None:
    """In this process' own mount namespace root has no start-up files, whatever this machine's has."""
    accounts = directory / "passwd"
    accounts.write_text(plain_root(Path("/etc/passwd").read_text(), directory))
    subprocess.run(["mount", "--bind", accounts, "/etc/passwd"], check=True)
