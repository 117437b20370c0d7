"""The recording: what the collector printed on one VM, split into sections. The format is described in docs/recording.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backup_preflight.errors import ConnectionProblem, Problem, UsageError
from backup_preflight.files import safe_name, write_atomically

FORMAT = 1
SUFFIX = ".recording"
MAX_BYTES = 8 * 1024 * 1024
"""Largest recording that is read; the collector bounds each section, a whole one is near 100 KiB."""
MAX_SECTION = 1024 * 1024
"""Largest section that is looked at: the collector gives at most 64 KiB (of a log 512 KiB), which JSON on Windows can make longer."""
_LONGEST_DETAIL = 1000

_LAST_SECOND = 253402300799  # of the year 9999
_META = b"#azure-backup-preflight "
_HEADER = re.compile(rb"^([0-9a-f]{32}) azure-backup-preflight (\d{1,6}) (linux|windows)\r?$", re.MULTILINE)
_BEGIN = re.compile(rb"begin ([a-z0-9_]{1,40})(?: (.*))?")
_END = re.compile(rb"end ([a-z0-9_]{1,40}) (ok|absent|denied|unsupported|timeout|error)(?: (.*))?")
_DONE = re.compile(rb"done (\d{1,6})")


class Status(Enum):
    """How a section, or a field read from it, was observed."""

    OK = "ok"
    ABSENT = "absent"
    DENIED = "denied"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    ERROR = "error"
    NOT_COLLECTED = "not collected"


_STATUS = {status.value.encode(): status for status in Status}


class NotARecording(UsageError):
    """The bytes are no complete recording of a version this suite reads. The message says in which way."""


class Truncated(NotARecording):
    """It begins well, and its end is missing."""


class NotRead(ConnectionProblem):
    """The file says that its VM could not be read. ``target``: that VM."""

    def __init__(self, target: str, problem: Problem, detail: str, remedy: str) -> None:
        super().__init__(problem, detail, remedy)
        self.target = target


@dataclass(frozen=True)
class Section:
    """One section: its bytes, or why there are none."""

    status: Status
    body: bytes = b""
    detail: str = ""

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes become U+FFFD, so that reading never raises."""
        return self.body.decode("utf-8", "replace")


NOT_COLLECTED = Section(Status.NOT_COLLECTED, detail="the recording is of an older collector")


@dataclass(frozen=True)
class Recording:
    """Everything that is known of one VM.

    ``collector`` is the SHA-256 digest of the collector that the suite sent; empty when a person ran one.
    ``started`` and ``finished`` are the suite's clock (seconds since 1970) around the run; None when a person ran the collector.
    """

    system: str
    sections: Mapping[tuple[str, str], Section]
    raw: bytes = field(repr=False)
    target: str = ""
    started: float | None = None
    finished: float | None = None
    stderr: str = ""
    collector: str = ""

    def section(self, name: str, subject: str = "") -> Section:
        """The section, or a stand-in with status ``not collected``."""
        return self.sections.get((name, subject), NOT_COLLECTED)

    def subjects(self, name: str) -> dict[str, Section]:
        """All sections of that name, by subject, in the collector's order."""
        return {subject: section for (found, subject), section in self.sections.items() if found == name}


def parse(data: bytes, nonce: str | None = None) -> Recording:
    """Read the collector's output.

    ``nonce``: what the collector was told, for output that comes straight from a VM; None takes it from the header.
    Raises NotARecording. Noise before the header is skipped; after a restart of the collector (sudo refused, then without)
    the last header counts.
    """
    meta, data = _split_meta(data) if nonce is None else ({}, data)  # a VM has no say in who it is, or when it was read
    header = _find_header(data, nonce)
    version = int(header[2])
    if version > FORMAT:
        raise NotARecording(f"is of format {version}, this suite reads up to {FORMAT}: update the suite")
    frame = header[1] + b" "
    sections: dict[tuple[str, str], Section] = {}
    current: tuple[str, str] | None = None
    body_start = 0
    name = b""
    for line_start, line, line_end in _frame_lines(data, frame, header.end()):
        if begin := _BEGIN.fullmatch(line):
            name, subject = begin.groups(b"")
            current = (name.decode(), subject.decode("utf-8", "replace"))
            body_start = line_end
        elif current and (end := _END.fullmatch(line)) and end[1] == name:
            sections[current] = _section(data[body_start : max(body_start, line_start - 1)], end)
            current = None
        elif done := _DONE.fullmatch(line):
            if int(done[1]) != len(sections):
                raise NotARecording(f"is damaged: it announces {int(done[1])} sections and holds {len(sections)}")
            return Recording(
                system=header[3].decode(),
                sections=MappingProxyType(sections),
                raw=data[header.start() : line_end],
                **meta,
            )
    raise Truncated("is truncated: its last line is missing, so a failure could be missing too")


def _section(body: bytes, end: re.Match[bytes]) -> Section:
    if len(body) > MAX_SECTION:
        return Section(Status.ERROR, detail=f"it has {len(body):,} bytes, more than the collector gives")
    return Section(_STATUS[end[2]], body, (end[3] or b"").decode("utf-8", "replace")[:_LONGEST_DETAIL])


def load(path: Path) -> Recording:
    """Read a recording file. Raises NotARecording with the path in the message; NotRead when it holds why there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotARecording(f"recording {path}: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise NotARecording(f"recording {path} is too large: a recording has at most {MAX_BYTES:,} bytes")
    try:
        _check_problem(data)
        return parse(_utf_8(data))
    except NotARecording as error:
        raise NotARecording(f"recording {path} {error}") from None


def save(recording: Recording, directory: Path, name: str) -> Path:
    """Write ``<name>.recording`` atomically, readable by this user only. Raises OSError."""
    meta = {
        "target": recording.target,
        "started": recording.started,
        "finished": recording.finished,
        "stderr": recording.stderr,
        "collector": recording.collector,
    }
    return _write(directory, name, meta, recording.raw)


def save_problem(problem: ConnectionProblem, directory: Path, name: str) -> Path:
    """Write that the VM could not be read, so that a report over all recordings does not pass over it. Raises OSError."""
    meta = {"target": name, "problem": problem.problem.value, "detail": problem.detail, "remedy": problem.remedy}
    return _write(directory, name, meta, b"")


def _write(directory: Path, name: str, meta: Mapping[str, Any], raw: bytes) -> Path:
    return write_atomically(directory / (safe_name(name) + SUFFIX), (_META + json.dumps(meta).encode() + b"\n", raw), private=True)


def _utf_8(data: bytes) -> bytes:
    """What Windows PowerShell redirects into a file is UTF-16 with a byte order mark."""
    if data.startswith(b"\xff\xfe"):
        return data[2:].decode("utf-16-le", "replace").encode()
    return data.removeprefix(b"\xef\xbb\xbf")


def _check_problem(data: bytes) -> None:
    """Raise NotRead if the file says so. Asked of files only: what a VM prints cannot say it."""
    raw, _ = _first_line(data)
    if word := raw.get("problem"):
        problem = next((each for each in Problem if each.value == word), Problem.TRANSPORT)
        target, detail, remedy = (_plain(raw.get(key, "")) for key in ("target", "detail", "remedy"))
        raise NotRead(target, problem, detail, remedy)


def _first_line(data: bytes) -> tuple[dict[str, Any], bytes]:
    """What the suite wrote before the collector's output, and that output."""
    if not data.startswith(_META):
        return {}, data
    line, _, rest = data.partition(b"\n")
    try:
        raw = json.loads(line[len(_META) :])
    except (ValueError, RecursionError):
        raise NotARecording("is damaged: its first line is no JSON") from None
    if not isinstance(raw, dict):
        raise NotARecording("is damaged: its first line is no JSON object")
    return raw, rest


def _split_meta(data: bytes) -> tuple[dict[str, Any], bytes]:
    raw, rest = _first_line(data)
    meta: dict[str, Any] = {key: _plain(raw[key]) for key in ("target", "stderr", "collector") if raw.get(key)}
    for key in ("started", "finished"):
        value = raw.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if not 0 <= value <= _LAST_SECOND:
                raise NotARecording(f"is damaged: {key} is no time")
            meta[key] = float(value)
    return meta, rest


def _plain(value: object) -> str:
    """Text that can be printed: JSON may hold lone surrogates."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _find_header(data: bytes, nonce: str | None) -> re.Match[bytes]:
    headers = [match for match in _HEADER.finditer(data) if nonce is None or match[1] == nonce.encode()]
    if not headers:
        raise NotARecording("is no recording: it has no header line")
    # A file is read from its first header on: later ones may stand in what a file of the VM says.
    return headers[0] if nonce is None else headers[-1]


def _frame_lines(data: bytes, frame: bytes, start: int) -> Iterator[tuple[int, bytes, int]]:
    """(offset, rest of the line, offset of the next line) of every line that begins with the frame."""
    marker = b"\n" + frame
    at = data.find(marker, start)
    while at >= 0:
        end = data.find(b"\n", at + 1)
        if end < 0:
            end = len(data)
        yield at + 1, data[at + len(marker) : end].rstrip(b"\r"), min(end + 1, len(data))
        at = data.find(marker, end)
