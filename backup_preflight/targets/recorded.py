"""``recorded://PATH``: recordings that are evaluated without a connection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backup_preflight.errors import UsageError
from backup_preflight.recording import SUFFIX, NotARecording, NotRead, Recording, load
from backup_preflight.targets.paths import expand_user, is_directory
from backup_preflight.targets.spec import Spec

_NAMED = 5
"""Bad files that an error names; a folder of thousands may hold many."""


@dataclass(frozen=True)
class RecordedTarget:
    """One recording file. The file is read again by ``read``, lest thousands of recordings stay in memory."""

    id: str
    path: Path
    system: str
    scheme: str = "recorded"

    def read(self) -> Recording:
        """Raises NotARecording, or NotRead when the file says that the VM could not be read."""
        return replace(load(self.path), target=self.id)


def expand_recorded(spec: Spec) -> list[Spec]:
    """One entry per recording of a file, or of a directory and those in it, in the order of names, whichever job wrote them.

    Raises UsageError, and NotARecording for bad files.
    """
    path = expand_user(spec.name)
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise spec.entry.error(f"{reason}; name a recording or a directory of recordings") from None
    if is_directory(path):
        # Hidden files are half written: those of a run under way, or of one that was killed.
        found = (file for file in path.rglob(f"*{SUFFIX}") if not file.name.startswith("."))
        files = sorted(found, key=lambda file: (file.name, file))
        if not files:
            raise spec.entry.error(f"the directory has no *{SUFFIX} file; write some with --record {path}")
    else:
        files = [path]
    entries = [_entry(spec, file) for file in files]
    if bad := [str(entry) for entry in entries if isinstance(entry, NotARecording)]:
        more = f" (and {len(bad) - _NAMED} more)" if len(bad) > _NAMED else ""
        raise NotARecording("; ".join(bad[:_NAMED]) + more)
    return [entry for entry in entries if isinstance(entry, Spec)]


def _entry(spec: Spec, file: Path) -> Spec | NotARecording:
    """The VM that the file says it is of, else the file's name; or what is wrong with the file."""
    try:
        found = load(file)
        target, system = found.target, found.system
    except NotRead as problem:
        target, system = problem.target, ""
    except NotARecording as error:
        return error
    return replace(spec, name=str(file), label=target or file.name.removesuffix(SUFFIX), system=system)


def check_unique(specs: list[Spec]) -> None:
    """One VM has one recording: which of two is meant, only a person knows. Raises UsageError."""
    files: dict[str, list[str]] = {}
    for spec in specs:
        if spec.scheme == "recorded":
            files.setdefault(spec.label, []).append(spec.name)
    clashes = [f"{label}: {' and '.join(names[:3])}" for label, names in files.items() if len(names) > 1]
    if clashes:
        count = "1 VM has" if len(clashes) == 1 else f"{len(clashes)} VMs have"
        raise UsageError(f"{count} more than one recording; keep the one that shall count ({'; '.join(clashes[:_NAMED])})")
