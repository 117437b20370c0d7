"""Which collector read a VM: its digest is that of the file, as sha256sum and a rule of sudoers have it."""

from __future__ import annotations

import hashlib

from backup_preflight.collect import script, windows_script


def digest(collector: str) -> str:
    """SHA-256 of a collector's text, in hexadecimal digits."""
    return hashlib.sha256(collector.encode()).hexdigest()


def is_ours(system: str, found: str) -> bool:
    """Whether it is the digest of the collector that this suite has for that system."""
    return found == digest(windows_script.collector_text() if system == "windows" else script.collector_text())
