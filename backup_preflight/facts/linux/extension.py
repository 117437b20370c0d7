"""VMSnapshotLinux, the extension that takes the snapshot, and the other extensions beside it."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import (
    NotObserved,
    exists,
    json_value,
    key_values,
    number,
    optional_text,
    rows,
    text,
    unreadable,
    version,
)
from backup_preflight.recording import Recording, Status

NAME = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"


@dataclass(frozen=True)
class Handler:
    """What an extension's handler last told the agent."""

    name: str
    status: str
    code: str
    message: str

    def __str__(self) -> str:
        tail = f", code {self.code}" if self.code not in {"", "0"} else ""
        return f"{self.name} is {self.status}{tail}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True)
class SnapshotStatus:
    """The outcome of the last snapshot command. ``age`` in seconds."""

    code: int
    message: str
    age: float


@dataclass(frozen=True)
class Certificate:
    """A certificate that the extension needs for its settings."""

    thumbprint: str
    certificate: bool
    key: bool
    valid: str


@dataclass(frozen=True)
class FileMode:
    """Owner and permissions of a file."""

    path: str
    owner: str
    mode: int
    type: str

    def __str__(self) -> str:
        return f"{self.path} ({self.owner}, {self.mode:o})"


@dataclass(frozen=True)
class Extension:
    """The backup extension as this VM has it."""

    recording: Recording
    system: System

    @cached_property
    def directories(self) -> list[str]:
        """Directories of all extension handlers, ``<Name>-<Version>``."""
        return (optional_text(self.recording.section("extensions")) or "").splitlines()

    @cached_property
    def newest(self) -> str | None:
        """The newest VMSnapshotLinux directory; None before the first backup."""
        mine = [name for name in self.directories if name.rpartition("-")[0] == NAME]
        return max(mine, key=_version_of, default=None)

    @property
    def version(self) -> tuple[int, ...]:
        """Version of the newest one. Raises NotObserved when there is none."""
        return version(self._directory.rpartition("-")[2])

    @property
    def _directory(self) -> str:
        if self.newest is None:
            raise NotObserved(Status.ABSENT, "the backup extension is not installed")
        return self.newest

    @property
    def state(self) -> str:
        """``config/HandlerState``: NotInstalled, Installed, Enabled, FailedUpgrade; empty when the file is not there.

        Raises NotObserved when the file is empty.
        """
        return self._written("extension_state", self._directory, "HandlerState") or ""

    @property
    def handler(self) -> Handler | None:
        """``config/HandlerStatus`` of the backup extension; None when the agent has not written one."""
        return self._handler(self._directory)

    @property
    def others(self) -> list[Handler]:
        """HandlerStatus of every other extension that has one."""
        others = (self._handler(name) for name in self.directories if name.rpartition("-")[0] != NAME)
        return [handler for handler in others if handler]

    def _handler(self, directory: str) -> Handler | None:
        content = self._written("extension_status", directory, "HandlerStatus")
        if content is None:
            return None
        found = _json(content, f"HandlerStatus of {directory}")
        if not isinstance(found, dict) or "status" not in found:
            raise unreadable(f"HandlerStatus of {directory}", content)
        message = found.get("message")
        if message is None and isinstance(formatted := found.get("formattedMessage"), dict):
            message = formatted.get("message")
        return Handler(directory, str(found["status"]), str(found.get("code", "")), str(message or "")[:300])

    def _written(self, section: str, directory: str, name: str) -> str | None:
        """A file that the agent empties and writes anew with each goal state; None when there is none. Raises NotObserved when empty."""
        content = optional_text(self.recording.section(section, directory))
        if content is not None and not content.strip():
            raise NotObserved(Status.ERROR, f"{name} of {directory} is empty, as it is while the agent writes it: run again")
        return content and content.strip()

    @property
    def freeze_tool(self) -> bool | None:
        """Whether ``safefreeze`` of the newest extension can be executed; None when the recording does not say."""
        content = optional_text(self.recording.section("snapshot_freeze_tool")) or ""
        words = [word for word, path in rows(content, 2) if path.startswith(f"{self._directory}/")]
        return words[0] == "yes" if words else None

    @property
    def old_imports(self) -> tuple[str, ...]:
        """Modules that newer Pythons lack and that this extension imports without a way round (a ``try`` is indented)."""
        content = optional_text(self.recording.section("snapshot_imports")) or ""
        found = set()
        for directory, _, line in rows(content, 3):
            if directory == self._directory and (match := re.match(r"(?:import|from)\s+(imp|distutils|crypt)\b", line)):
                found.add(match[1])
        return tuple(sorted(found))

    @cached_property
    def last_status(self) -> SnapshotStatus | None:
        """The last snapshot's outcome; None before the first one.

        ``status.status`` says "success" whatever happened, so only ``status.code`` is read (HandlerUtil.do_status_report).
        """
        listed = optional_text(self.recording.section("snapshot_status_files"))
        mine = [row for row in rows(listed or "", 4) if row[2] == self._directory]
        newest = max(mine, key=lambda row: _sequence(row[3]), default=None)
        if newest is None:
            return None
        content = text(self.recording.section("snapshot_status", f"{self._directory}/{newest[3].strip()}"))
        found = _json(content, f"status file {newest[3]}")
        try:
            status = found[0]["status"]
            code = int(status["code"])
        except (LookupError, TypeError, ValueError, OverflowError):
            raise unreadable(f"status file {newest[3]}", content) from None
        return SnapshotStatus(code, _message(status), self.system.time - number(newest[0], f"the time of status file {newest[3]}"))

    @property
    def log_lines(self) -> list[str]:
        """The last telling lines of ``extension.log``; empty when it cannot be read."""
        section = self.recording.section("snapshot_log")
        return section.text.splitlines() if section.status is Status.OK else []

    @property
    def certificates(self) -> list[Certificate]:
        """The certificates that the extension's settings were encrypted for."""
        content = optional_text(self.recording.section("snapshot_certificates")) or ""
        return [Certificate(name, crt == "yes", key == "yes", valid.strip()) for name, crt, key, valid in rows(content, 4)]

    @property
    def freeze_lock_holders(self) -> list[str] | None:
        """Lines of ``/proc/locks`` on the freeze lock; None when the lock file does not exist."""
        content = optional_text(self.recording.section("freeze_lock"))
        return None if content is None else content.splitlines()

    @property
    def other_backup_processes(self) -> list[str]:
        """Programs of other backup products that run."""
        return sorted(set((optional_text(self.recording.section("other_backup_processes")) or "").split()))

    @cached_property
    def settings(self) -> Mapping[str, str] | None:
        """``[SnapshotThread]`` of ``/etc/azure/vmbackup.conf``; None when there is no file.

        Raises configparser.Error for what the extension could not read either.
        """
        content = optional_text(self.recording.section("vmbackup_conf"))
        if content is None:
            return None
        parser = configparser.RawConfigParser()
        parser.read_string(content)
        return dict(parser.items("SnapshotThread")) if parser.has_section("SnapshotThread") else {}

    @property
    def scripts_configured(self) -> bool:
        """Whether pre- and post-scripts are configured."""
        return exists(self.recording.section("script_config"))

    @property
    def script_host_configured(self) -> bool:
        """Whether ``VMSnapshotPluginHost.conf`` exists."""
        return exists(self.recording.section("script_host_conf"))

    @cached_property
    def script_config(self) -> Mapping[str, Any]:
        """``VMSnapshotScriptPluginConfig.json``. Raises NotObserved; ValueError for broken JSON."""
        found = json_value(text(self.recording.section("script_config")))
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004  (the same fault as broken JSON to its reader)
        return found

    def file(self, path: str) -> FileMode | None:
        """Owner and permissions of a file the collector looked at; None when it is not there."""
        content = optional_text(self.recording.section("file", path))
        if content is None:
            return None
        found = key_values(content)
        try:
            mode = int(found.get("mode", ""), 8)
        except ValueError:
            raise unreadable(f"the permissions of {path}", content) from None
        return FileMode(path, found.get("owner", ""), mode, found.get("type", ""))

    @property
    def missing_tools(self) -> list[str]:
        """Programs that the extension calls and that are not there."""
        return [name.strip() for word, name in rows(text(self.recording.section("tools")), 2) if word == "no"]


def _version_of(directory: str) -> tuple[int, ...]:
    try:
        return version(directory.rpartition("-")[2])
    except NotObserved:
        return ()


def _sequence(name: str) -> int:
    match = re.match(r"([0-9]{1,18})\.status", name)
    return int(match[1]) if match else -1


def _json(content: str, what: str) -> Any:
    try:
        return json_value(content)
    except ValueError:
        raise unreadable(what, content) from None


def _message(status: dict[str, Any]) -> str:
    """The message of the first substatus, else of the status itself."""
    for part in (status.get("substatus"), [status]):
        try:
            found = part[0]["formattedMessage"]["message"]  # type: ignore[index]
        except (LookupError, TypeError):
            continue
        if found:
            return str(found)[:500]
    return ""
