"""Which host keys are known (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), and how one is added."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path


class Verdict(Enum):
    """What the known_hosts files say of a key that a server shows."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True)
class KnownKey:
    """One line's key for the host. ``blob``: the key as it is on the wire; ``where``: ``file:line``."""

    key_type: str
    blob: bytes
    where: str
    revoked: bool = False


def host_name(host: str, port: int) -> str:
    """The name under which the files hold a host: ``host``, or ``[host]:port``."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def lookup(name: str, files: Iterable[Path]) -> list[KnownKey]:
    """The keys of all files for that name. Unreadable files and lines count as absent, as for OpenSSH."""
    found = []
    for file in files:
        try:
            state = file.stat()
            lines = _parsed(file, (state.st_mtime_ns, state.st_size, state.st_ino))
        except OSError:
            continue
        found += [line.key for line in lines if line.is_for(name)]
    return found


def judge(blob: bytes, known: Iterable[KnownKey]) -> Verdict:
    """A key that is not among the known ones of its host is a changed one, whatever its type."""
    keys = list(known)
    if any(key.revoked and key.blob == blob for key in keys):
        return Verdict.REVOKED
    trusted = [key for key in keys if not key.revoked]
    if any(key.blob == blob for key in trusted):
        return Verdict.KNOWN
    return Verdict.CHANGED if trusted else Verdict.UNKNOWN


def append(file: Path, name: str, key_type: str, blob: bytes, *, hashed: bool) -> None:
    """Add the key, unless another thread or process just did. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if judge(blob, lookup(name, [file])) is not Verdict.UNKNOWN:
            return
        stream.seek(0)
        content = stream.read()
        line = f"{_hash(name) if hashed else name} {key_type} {base64.b64encode(blob).decode()}\n"
        stream.write(b"\n" * (bool(content) and not content.endswith(b"\n")) + line.encode())


def fingerprint(blob: bytes) -> str:
    """As OpenSSH prints it: ``SHA256:…``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class _Line:
    """One line: the names it is for (patterns), or the salt and hash of one name."""

    key: KnownKey
    names: tuple[str, ...] = ()
    salt: bytes = b""
    digest: bytes = b""

    def is_for(self, name: str) -> bool:
        if self.salt:
            return hmac.compare_digest(_digest(name, self.salt), self.digest)
        if name in self.names:
            return not any(_matches(name, other[1:]) for other in self.names if other.startswith("!"))
        return _any_pattern(name, self.names)


@lru_cache(maxsize=64)
def _parsed(file: Path, _state: tuple[int, ...]) -> tuple[_Line, ...]:
    """One parse for the many VMs of a run, until the file changes."""
    found = []
    for number, text in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        fields = text.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        # paramiko knows no host certificates, so an authority's key says nothing here.
        if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked"):
            continue
        try:
            blob = base64.b64decode(fields[2], validate=True)
            key = KnownKey(fields[1], blob, f"{file}:{number}", marker == "@revoked")
            if fields[0].startswith("|1|"):
                salt, digest = (base64.b64decode(part) for part in fields[0][3:].split("|"))
                found.append(_Line(key, salt=salt, digest=digest))
            else:
                found.append(_Line(key, tuple(fields[0].lower().split(","))))
        except ValueError:
            continue
    return tuple(found)


def _any_pattern(name: str, patterns: tuple[str, ...]) -> bool:
    if not any("*" in pattern or "?" in pattern for pattern in patterns):
        return False
    if any(_matches(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    # fnmatch would take "[" of "[host]:port" for a set of characters.
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _digest(name: str, salt: bytes) -> bytes:
    return hmac.digest(salt, name.encode(), "sha1")


def _hash(name: str) -> str:
    salt = secrets.token_bytes(20)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(_digest(name, salt)).decode()}"
