"""``recorded://PATH``: recordings that are evaluated without a connection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backup_preflight.errors import UsageError
from backup_preflight.recording import SUFFIX, NotARecording, NotRead, Recording, load
from backup_preflight.targets.spec import Spec

_NAMED = 5
"""Bad files that an error names; a folder of thousands may hold many."""


@dataclass(frozen=True)
class RecordedTarget:
    """One recording file. The file is read again by ``read``, lest thousands of recordings stay in memory."""

    id: str
    path: Path
    scheme: str = "recorded"

    def read(self) -> Recording:
        """Raises NotARecording, or NotRead when the file says that the VM could not be read."""
        return replace(load(self.path), target=self.id)


def expand_recorded(spec: Spec) -> list[Spec]:
    """One entry per recording of a file, or of a directory and those in it, in the order of names, whichever job wrote them.

    Raises UsageError, and NotARecording for bad files.
    """
    path = Path(spec.name).expanduser()
    if path.is_dir():
        # Hidden files are half written: those of a run under way, or of one that was killed.
        found = (file for file in path.rglob(f"*{SUFFIX}") if not file.name.startswith("."))
        files = sorted(found, key=lambda file: (file.name, file))
        if not files:
            raise spec.entry.error(f"the directory has no *{SUFFIX} file; write some with --record {path}")
    elif path.exists():
        files = [path]
    else:
        raise spec.entry.error("there is no such file or directory; name a recording or a directory of recordings")
    labels = {file: _label(file) for file in files}
    if bad := [str(label) for label in labels.values() if isinstance(label, NotARecording)]:
        more = f" (and {len(bad) - _NAMED} more)" if len(bad) > _NAMED else ""
        raise NotARecording("; ".join(bad[:_NAMED]) + more)
    return [replace(spec, name=str(file), label=str(label)) for file, label in labels.items()]


def _label(file: Path) -> str | NotARecording:
    """The VM that the file says it is of, else the file's name; or what is wrong with the file."""
    try:
        target = load(file).target
    except NotRead as problem:
        target = problem.target
    except NotARecording as error:
        return error
    return target or file.name.removesuffix(SUFFIX)


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
