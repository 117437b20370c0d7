"""Is this the server we mean? The host key check of the paramiko transport, with OpenSSH's rules, never asking."""

from __future__ import annotations

import shlex
from pathlib import Path

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.host_config import HostConfig
from backup_preflight.targets.known_hosts import KnownKey, Verdict, append, fingerprint, host_name, judge, lookup

_USER_FILES = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_FILES = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"


class HostKeyCheck:
    """The known keys of one host, and the verdict on the key its server shows."""

    def __init__(self, config: HostConfig, *, accept_new: bool) -> None:
        self._config = config
        self._strict = config.get("stricthostkeychecking", "ask").lower()
        self._accept_new = accept_new or self._strict == "accept-new"
        alias = config.get("hostkeyalias")
        self._name = alias.lower() if alias else host_name(config.host, config.port)
        self._user_files = config.paths("userknownhostsfile", _USER_FILES)
        files = [*self._user_files, *config.paths("globalknownhostsfile", _GLOBAL_FILES)]
        self._known = lookup(self._name, files)
        if not self._known and not alias:
            # As OpenSSH does: an entry without the port serves too, when its key is the same one.
            self._plain = lookup(config.host.lower(), files)
        else:
            self._plain = []

    def preferred(self, algorithms: tuple[str, ...]) -> list[str]:
        """The algorithms, those of known key types first: a server shows only one of its keys."""
        known = {key.key_type for key in [*self._known, *self._plain] if not key.revoked}
        if "ssh-rsa" in known:
            known |= {"rsa-sha2-512", "rsa-sha2-256"}
        return sorted(algorithms, key=lambda algorithm: algorithm not in known)

    def check(self, key_type: str, blob: bytes) -> None:
        """Raise ConnectionProblem unless the key may be trusted; add a new one where that is allowed."""
        verdict = judge(blob, self._known)
        if verdict is Verdict.KNOWN or (verdict is Verdict.UNKNOWN and judge(blob, self._plain) is Verdict.KNOWN):
            return
        if Verdict.REVOKED in (verdict, judge(blob, self._plain)):
            raise ConnectionProblem(
                Problem.HOST_KEY,
                f"the key that {self._name} shows ({key_type} {fingerprint(blob)}) is marked as revoked",
                "do not connect; ask who revoked it (@revoked in known_hosts)",
            )
        if verdict is Verdict.CHANGED:
            raise self._changed(key_type, blob)
        if self._accept_new:
            self._add(key_type, blob)
        elif self._strict not in ("no", "off"):
            raise self._unknown(key_type, blob)

    def _add(self, key_type: str, blob: bytes) -> None:
        if not self._user_files:
            return
        file = self._user_files[0]
        try:
            append(file, self._name, key_type, blob, hashed=self._config.is_set("hashknownhosts"))
        except OSError as error:
            raise ConnectionProblem(
                Problem.HOST_KEY,
                f"the new key of {self._name} cannot be written to {file}: {error.strerror}",
                f"make {file} writable, or add the key by hand: {self._keyscan(key_type)}",
            ) from None

    def _changed(self, key_type: str, blob: bytes) -> ConnectionProblem:
        known = [key for key in self._known if not key.revoked]
        return ConnectionProblem(
            Problem.HOST_KEY,
            f"{self._name} shows another key than the known one: {key_type} {fingerprint(blob)} instead of "
            + ", ".join(f"{key.key_type} {fingerprint(key.blob)} ({key.where})" for key in known),
            "someone may be in between; if the VM was rebuilt, remove the old key and add the new one: "
            + " && ".join(f"ssh-keygen -f {file} -R {shlex.quote(self._name)}" for file in _files(known))
            + f" && {self._keyscan(key_type)}",
        )

    def _unknown(self, key_type: str, blob: bytes) -> ConnectionProblem:
        return ConnectionProblem(
            Problem.HOST_KEY,
            f"the key of {self._name} is not known: {key_type} {fingerprint(blob)}",
            "compare it on the VM (cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -), then add it: "
            f"{self._keyscan(key_type)}; or run once with --accept-new-host-keys",
        )

    def _keyscan(self, key_type: str) -> str:
        file = self._user_files[0] if self._user_files else Path("~/.ssh/known_hosts")
        short = key_type.removeprefix("ssh-").partition("-")[0]
        return f"ssh-keyscan -t {short} -p {self._config.port} {self._config.host} >> {file}"


def _files(keys: list[KnownKey]) -> list[str]:
    return sorted({shlex.quote(key.where.rpartition(":")[0]) for key in keys})
