"""``--collect-logs=DIR``: of VMs with findings, the ends of the logs that support asks for, redacted.

The same collector fetches them, in a second run that makes no probes: what is allowed to read a VM may read its logs too.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from backup_preflight.errors import ConnectionProblem, bug
from backup_preflight.facts.windows.document import joined
from backup_preflight.files import safe_name
from backup_preflight.recording import Recording, Section, Status
from backup_preflight.redact import redact
from backup_preflight.targets import LiveTarget, Target

_NO_COLLECTOR = "the collector that is installed on the VM knows no logs: install that of this version"
_FILES = 100
"""At most so many of one VM; the collector gives fewer, but a VM can lie."""


@dataclass(frozen=True)
class Logs:
    """The logs of one VM: its folder and the files in it; ``problems`` says what could not be fetched, a line each."""

    directory: Path
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class LogCollection:
    """Fetches logs beside the run, at most ``forks`` VMs at a time."""

    def __init__(self, directory: Path, forks: int) -> None:
        self._directory = directory
        self._pool = ThreadPoolExecutor(max_workers=forks, thread_name_prefix="logs")
        self._futures: dict[str, Future[Logs]] = {}

    def start(self, target: Target) -> None:
        """Begin with this VM."""
        if target.id not in self._futures:
            self._futures[target.id] = self._pool.submit(self._fetch, target)

    def finish(self, *, interrupted: bool) -> dict[str, Logs]:
        """What there is, by VM; waits for it, unless the run was interrupted."""
        self._pool.shutdown(wait=not interrupted, cancel_futures=interrupted)
        return {id_: future.result() for id_, future in self._futures.items() if future.done() and not future.cancelled()}

    def _fetch(self, target: Target) -> Logs:
        directory = self._directory / safe_name(target.id)
        if not isinstance(target, LiveTarget):
            return Logs(directory, problems=("a recording has no logs: run it on the VM",))
        try:
            found = replace(target, logs=True).read()
        except ConnectionProblem as problem:
            return Logs(directory, problems=(str(problem),))
        except Exception as error:  # noqa: BLE001  (the logs of other VMs are still worth having)
            return Logs(directory, problems=(str(bug(error)),))
        try:
            return _write(found, directory)
        except OSError as error:
            return Logs(directory, problems=(f"could not be written: {error.strerror}",))


def _write(found: Recording, directory: Path) -> Logs:
    """Raises OSError."""
    files: list[str] = []
    problems: list[str] = []
    for path, section in list(found.subjects("log").items())[:_FILES]:
        if section.status is not Status.OK:
            problems.append(f"{path}: {section.status.value}{': ' * bool(section.detail)}{section.detail}")
            continue
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = _file_name(path, files)
        (directory / name).write_text(redact(_text(found.system, section)), encoding="utf-8")
        files.append(name)
    if not files and not problems:
        problems.append(_NO_COLLECTOR)
    return Logs(directory, tuple(files), tuple(problems))


def _text(system: str, section: Section) -> str:
    if system != "windows":
        return section.text
    try:
        return str(json.loads(joined(section))["text"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return section.text


def _file_name(path: str, taken: list[str]) -> str:
    """The whole path in one name, which no other file of this VM has."""
    name = re.sub(r"[^A-Za-z0-9._@-]", "_", path.lstrip("/")).lstrip(".")[-150:] or "_"
    return name if name not in taken else f"{len(taken)}-{name}"
