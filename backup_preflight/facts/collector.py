"""Which collector read a VM."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backup_preflight.collect.digest import is_ours


@dataclass(frozen=True)
class Collector:
    """Its version and the SHA-256 digest of its file; empty what is not known. The VM says so, and could say anything."""

    system: str
    version: str
    digest: str

    @property
    def is_another(self) -> bool:
        """Whether it is known to be another one than this suite's."""
        return bool(self.digest) and not is_ours(self.system, self.digest)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.version, f"sha256:{self.digest}" if self.digest else "")))


def collector(system: str, version: str, said: str, sent: str) -> Collector:
    """``said``: the digest that the collector took of its own file; ``sent``: of what the suite sent."""
    digest = next((word for word in (said, sent) if re.fullmatch("[0-9a-f]{64}", word)), "")
    return Collector(system, version if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}", version) else "", digest)
