"""The recordings that the selftests keep: those of the proof, without what says where it was made."""

from __future__ import annotations

import re
from pathlib import Path

_CLEANED = (
    (rb"lowerdir=[^ \n]*", b"lowerdir=/image,upperdir=/upper,workdir=/work"),
    (rb"/\S*/backup-preflight-lab-\d+/", b"/lab/"),
    (rb'"target": "chroot://[^"]*"', b'"target": "chroot:///image"'),
    (rb"(?m)^([A-Z_]+_URL)=.*$", rb"\1="),
)
"""Pattern → what is kept of it: the machine's folders, and the web addresses of os-release."""


def keep(recordings: Path, kept: Path) -> None:
    """Replace the recordings in ``kept``."""
    for old in kept.glob("*.recording"):
        old.unlink()
    for new in sorted(recordings.glob("*.recording")):
        content = new.read_bytes()
        for pattern, replacement in _CLEANED:
            content = re.sub(pattern, replacement, content)
        (kept / new.name).write_bytes(content)
