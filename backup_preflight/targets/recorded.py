"""``recorded://PATH``: recordings that are evaluated without a connection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backup_preflight.recording import SUFFIX, Recording, load
from backup_preflight.targets.spec import Spec


@dataclass(frozen=True)
class RecordedTarget:
    """One recording file. The file is read again by ``read``, lest thousands of recordings stay in memory."""

    id: str
    path: Path
    system: str
    scheme: str = "recorded"

    def read(self) -> Recording:
        """Raises NotARecording."""
        return replace(load(self.path), target=self.id)


def expand_recorded(spec: Spec) -> list[Spec]:
    """One entry per recording of a file or directory, sorted by name. Raises UsageError, and NotARecording for a bad file."""
    path = Path(spec.name).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.glob(f"*{SUFFIX}") if not file.name.startswith("."))
        if not files:
            raise spec.entry.error(f"the directory has no *{SUFFIX} file; write some with --record {path}")
    elif path.exists():
        files = [path]
    else:
        raise spec.entry.error("there is no such file or directory; name a recording or a directory of recordings")
    return [_entry(spec, file) for file in files]


def _entry(spec: Spec, file: Path) -> Spec:
    found = load(file)
    return replace(spec, name=str(file), label=found.target or file.name.removesuffix(SUFFIX), system=found.system)
