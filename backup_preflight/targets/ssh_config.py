"""The OpenSSH client's configuration, for the paramiko transport.

Read in OpenSSH's own order (ssh_config(5)): the first value of a keyword wins, ``IdentityFile`` collects, ``Include``
stands for the file's lines under the block it is in. paramiko's parser knows no Include and runs ``Match exec`` in a way
that fails under pytest.
"""

from __future__ import annotations

import getpass
import re
import shlex
import subprocess
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import glob
from pathlib import Path

from backup_preflight.errors import UsageError
from backup_preflight.targets.host_config import LISTS, HostConfig
from backup_preflight.targets.paths import expand_user

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
_MAX_DEPTH = 16
_EXEC_SECONDS = 10


def resolve(host: str, user: str | None, port: int | None, config: Path | None) -> HostConfig:
    """What holds for ``host``; ``user`` and ``port`` from the host spec come first.

    ``config`` replaces the user's and the system's file, as ``ssh -F`` does. Raises UsageError.
    """
    result = HostConfig(host)
    if user is not None:
        result.values["user"] = [user]
    if port is not None:
        result.values["port"] = [str(port)]
    files = [config] if config else [Path("~/.ssh/config").expanduser(), SYSTEM_CONFIG]
    present = [file for file in files if config or file.is_file()]
    for final in (False, True):
        for file in present:
            _apply(result, file, active=True, final=final, depth=0)
    return result


def _lines(file: Path) -> tuple[tuple[str, str], ...]:
    """Keyword (lower case) and rest of each line."""
    try:
        state = file.stat()
        return _parsed(file, (state.st_mtime_ns, state.st_size, state.st_ino))
    except OSError as error:
        raise UsageError(f"ssh config {file}: {error.strerror}; name a file that you can read") from None


@lru_cache(maxsize=256)
def _parsed(file: Path, _state: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
    """One parse for the many VMs of a run, until the file changes."""
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = re.fullmatch(r"(\w+)(?:\s*=\s*|\s+)(.*)", stripped)
        if not match or stripped.count('"') % 2:
            raise UsageError(f"ssh config {file}:{number}: the line is not 'Keyword value'; correct it")
        found.append((match[1].lower(), match[2]))
    return tuple(found)


def _apply(result: HostConfig, file: Path, *, active: bool, final: bool, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise UsageError(f"ssh config {file}: Include goes in a circle; correct the file")
    outer = active
    for keyword, rest in _lines(file):
        if keyword == "host":
            active = outer and _matches(result.original, _words(rest, file))
        elif keyword == "match":
            active = outer and _match(result, _words(rest, file), file, final=final)
        elif not active:
            continue
        elif keyword == "include":
            for pattern in _words(rest, file):
                base = Path("~/.ssh").expanduser() if file != SYSTEM_CONFIG else SYSTEM_CONFIG.parent
                for name in sorted(glob(str(base / expand_user(pattern)))):  # noqa: PTH207  (absolute patterns)
                    _apply(result, Path(name), active=True, final=final, depth=depth + 1)
        else:
            _set(result, keyword, rest)


def _set(result: HostConfig, keyword: str, rest: str) -> None:
    value = rest[1:-1] if len(rest) > 1 and rest[0] == rest[-1] == '"' else rest
    values = result.values.setdefault(keyword, [])
    if not values or (keyword in LISTS and value not in values):
        values.append(value)


def _words(rest: str, file: Path) -> list[str]:
    try:
        return shlex.split(rest, comments=True)
    except ValueError:
        raise UsageError(f"ssh config {file}: the quotes in {rest!r} do not match; correct the line") from None


def _matches(name: str, patterns: list[str]) -> bool:
    """OpenSSH's pattern list: one has to match, and none of those with '!'."""
    name = name.lower()
    if any(pattern.startswith("!") and fnmatchcase(name, pattern[1:].lower()) for pattern in patterns):
        return False
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)


def _match(result: HostConfig, words: list[str], file: Path, *, final: bool) -> bool:
    remaining = iter(words)
    for word in remaining:
        criterion = word.lstrip("!").lower()
        if criterion == "all":
            met = True
        elif criterion in ("final", "canonical"):
            met = final
        else:
            argument = next(remaining, None)
            if argument is None:
                raise UsageError(f"ssh config {file}: 'Match {criterion}' lacks its argument; correct the line")
            met = _criterion(result, criterion, argument, file)
        if met == word.startswith("!"):
            return False
    return True


def _criterion(result: HostConfig, criterion: str, argument: str, file: Path) -> bool:
    subjects = {
        "host": result.host,
        "originalhost": result.original,
        "user": result.user,
        "localuser": getpass.getuser(),
    }
    if criterion in subjects:
        return _matches(subjects[criterion], argument.split(","))
    if criterion == "exec":
        command = result.expand(argument)
        try:
            # The user's own configuration names the command, as for ssh itself.
            done = subprocess.run(  # noqa: S602
                command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=_EXEC_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
    if criterion in ("localnetwork", "tagged", "version", "sessiontype", "command"):
        return False
    raise UsageError(f"ssh config {file}: 'Match {criterion}' is unknown; correct the line, or use ssh://")
