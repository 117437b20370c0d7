"""The text of one entry of ``--hosts``, shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backup_preflight.errors import UsageError

SCHEME = re.compile("[A-Za-z-]+")


@dataclass(frozen=True)
class Entry:
    """The text of one entry and where it stands (``--hosts``, or ``file:line``). The repr holds no password."""

    text: str
    origin: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({redact(self.text)!r}, {self.origin!r})"

    def error(self, problem: str) -> UsageError:
        """A UsageError that names this entry without its password."""
        return UsageError(f"{self.origin}: {redact(self.text)!r}: {problem}")


def redact(text: str) -> str:
    """The entry without anything that may be a password or a part of one."""
    scheme, separator, rest = text.partition("://")
    if not SCHEME.fullmatch(scheme) or not separator:
        scheme, separator, rest = "", "", text
    at, colon = rest.rfind("@"), rest.find(":")
    if -1 < colon < at:
        rest = f"{rest[:colon]}:***{rest[at:]}"
    elif at == -1 and not rest.startswith("[") and colon > -1 and not re.fullmatch(r"\d+(\?.*)?", rest[colon + 1 :]):
        rest = f"{rest[:colon]}:***"
    return f"{scheme}{separator}{rest}"
