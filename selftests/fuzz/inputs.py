"""Inputs for the fuzzer: what a parser is used to, with damage that is likely to hurt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

_WORDS = re.compile(rb"[A-Za-z0-9_.-]+")

PIECES = (
    *(b"", b"\n", b"\r\n", b"\t", b" ", b"\x00", b"\xff\xfe", b"\x1b[31m", b"\x85", b"=", b":", b",", b";", b"|", b"/", b"\\", b'"', b"'"),
    *(
        b"@",
        b"%",
        b"%00",
        b"%zz",
        b"#",
        b"?",
        b"!",
        b"[",
        b"]",
        b"[]",
        b"{",
        b"}",
        b"{}",
        b"null",
        b"true",
        b"NaN",
        b"-Infinity",
        b'"\\ud800"',
    ),
    *(b"0", b"-1", b"1e999", b"0x", b"65536", b"4294967296", b"9" * 19, b"9" * 400, b"9" * 5000, b"[" * 2000, b"(" * 2000, b'{"a":' * 500),
    *("²".encode(), "٣".encode(), "\u2028".encode(), "\uff11".encode(), "İ".encode(), "ß".encode(), "\U0001f600".encode()),
    *(b"Thu, 99 Foo 99999 99:99:99 +9999", b"Mon, 01 Jan 0001 00:00:00 +2359", b"9999-12-31T23:59:59Z", b"../../etc/passwd", b"<script>"),
)
"""What parsers stumble over: numbers of no size, digits that are none, line ends that only Python knows, other languages' nulls."""


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with one to four edits, at most 64 KiB of it."""
    data = draw(st.sampled_from(seeds))[:65536]
    for _ in range(draw(st.integers(1, 4))):
        start, end = draw(_span(data))
        data = data[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=6) | st.sampled_from(seeds).map(_some_line)) + data[end:]
    return data


@st.composite
def _span(draw: st.DrawFn, data: bytes) -> tuple[int, int]:
    """A word, a line's rest, some bytes, or all that follows."""
    start = draw(st.integers(0, len(data)))
    kind = draw(st.sampled_from(["word", "line", "bytes", "rest"]))
    if kind == "word" and (match := _WORDS.search(data, start)):
        return match.span()
    if kind == "line":
        end = data.find(b"\n", start)
        return start, len(data) if end < 0 else end
    if kind == "rest":
        return start, len(data)
    return start, min(len(data), start + draw(st.integers(0, 8)))


def _some_line(data: bytes) -> bytes:
    return max(data.splitlines() or [b""], key=len)[:200]
