"""What is sent to a VM: the collector, its parameters, and the command line that runs it in one round trip.

The collector comes on standard input, so that neither the login shell nor a limit on arguments matters, and no file is
written on the VM.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

RESTRICTED_COLLECTOR = "/usr/local/sbin/azure-backup-preflight"
"""The collector as a root-owned file: where it exists, a site can allow just it in sudoers, by digest."""

# One line without "!" or a quote, because it stands in single quotes in the command line of any login shell (csh expands
# "!", fish reads "\'"). sudo's own failure is status 1, a missing sudo 127: then the collector runs without it.
_WITH_SUDO = (
    "c=$(cat); "
    's() {{ printf "sudo=%s\\n%s\\n" "$1" "$c"; }}; '
    'if [ "$(id -u)" = 0 ]; then s no | sh -s; exit; fi; '
    "f={file}; "
    'if [ "$(stat -Lc %u $f 2>/dev/null)" = 0 ]; then s yes | head -n {lines} | sudo -n{user} $f -; '
    "else s yes | sudo -n{user} sh -s; fi; "
    "r=$?; case $r in 1|127) s refused | sh -s;; *) exit $r;; esac"
)


@cache
def collector_text() -> str:
    """The Linux collector that ships with the suite."""
    return resources.files("backup_preflight.collect").joinpath("linux.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class CollectorRun:
    """One run of the collector on one VM; each has its own nonce (32 hexadecimal digits).

    ``image``: the target is a root file system that is not booted. ``sudo_user`` counts only with ``sudo``.
    ``logs``: the ends of the agent's logs instead of the probes.
    ``collector``: the script's text.
    """

    storage_endpoints: tuple[str, ...] = ()
    image: bool = False
    sudo: bool = False
    sudo_user: str | None = None
    logs: bool = False
    collector: str = field(default_factory=collector_text, repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def stdin(self) -> bytes:
        """The parameter lines, then the collector."""
        lines = self._parameters()
        if not self.sudo:
            lines.append("sudo=no")
        return ("\n".join(lines) + "\n" + self.collector).encode()

    @property
    def command(self) -> str:
        """The command line that reads ``stdin``; any login shell understands it."""
        if not self.sudo:
            return "sh -s"
        user = f" -u {self.sudo_user}" if self.sudo_user else ""
        lines = len(self._parameters()) + 1
        return "sh -c '" + _WITH_SUDO.format(file=RESTRICTED_COLLECTOR, lines=lines, user=user) + "'"

    @property
    def command_without_stdin(self) -> str:
        """One POSIX shell command line that holds everything, for transports without standard input.

        In base64 no quote of the collector grows with each shell on the way, and no template engine finds anything.
        """
        return f"echo {base64.b64encode(self.stdin).decode()} | base64 -d | {self.command}"

    def _parameters(self) -> list[str]:
        return [
            f"nonce={self.nonce}",
            f"storage_endpoints={','.join(self.storage_endpoints)}",
            f"image={'yes' if self.image else 'no'}",
            f"logs={'yes' if self.logs else 'no'}",
        ]
