"""PowerShell's values as Python has them, and how one becomes another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any


class Char(str):
    """A [char]; its number is what [int] gives."""

    __slots__ = ()


class Hash(dict[str, Any]):
    """A [hashtable]: keys know no case."""

    def _key(self, key: object) -> str:
        wanted = str(key)
        if super().__contains__(wanted):
            return wanted
        return next((known for known in self if known.lower() == wanted.lower()), wanted)

    def has(self, key: object) -> bool:
        """Whether the key is there, with whatever value."""
        return self._key(key) in self

    def __getitem__(self, key: object) -> Any:
        return super().get(self._key(key))

    def __setitem__(self, key: object, value: Any) -> None:
        super().__setitem__(self._key(key), value)


@dataclass(frozen=True)
class Time:
    """A [datetime], in UTC."""

    seconds: float


@dataclass(frozen=True)
class Span:
    """A [timespan]."""

    seconds: float


@dataclass
class Object:
    """Any other object: its properties."""

    properties: Hash = field(default_factory=Hash)


class DotNet:
    """An object of .NET with methods; ``WaitForExit`` is the Python name ``wait_for_exit``."""


@dataclass(frozen=True)
class TypeName:
    """A type literal, such as [int]."""

    name: str


class Failure(Exception):
    """An error record. ``socket``: the number of a socket's error, 0 for any other."""

    def __init__(self, id_: str, category: str = "NotSpecified", message: str = "", socket: int = 0) -> None:
        super().__init__(message or id_)
        self.id, self.category, self.message, self.socket = id_, category, message or id_, socket

    @property
    def record(self) -> Object:
        """As a script sees it in $_: the number of a socket's error is in the inner exception."""
        inner = Object(Hash(Message=self.message, SocketErrorCode=self.socket)) if self.socket else None
        exception = Object(Hash(Message=self.message, InnerException=inner))
        return Object(
            Hash(FullyQualifiedErrorId=self.id, CategoryInfo=Object(Hash(Category=self.category)), Exception=exception, failure=self)
        )


def enumerate_(value: Any) -> list[Any]:
    """A value as the pipeline takes it: a list is many, nothing is none."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, bytes)) else [value]


def collapse(values: list[Any]) -> Any:
    """What an expression gives: nothing, one value, or a list."""
    return None if not values else values[0] if len(values) == 1 else values


def truth(value: Any) -> bool:
    """Whether a condition holds."""
    if isinstance(value, list):
        return truth(value[0]) if len(value) == 1 else bool(value)
    return bool(value) if isinstance(value, (bool, int, float, str, bytes)) or value is None else True


def string(value: Any) -> str:
    """A value in a string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list):
        return " ".join(map(string, value))
    if isinstance(value, Time):
        return datetime.fromtimestamp(value.seconds, timezone.utc).strftime("%m/%d/%Y %H:%M:%S")
    if isinstance(value, Hash):
        return "System.Collections.Hashtable"
    return str(value)


def number(value: Any) -> int:
    """A value as a whole number. Raises Failure."""
    if isinstance(value, Char):
        return ord(value)
    if value is None:
        return 0
    try:
        return round(value) if isinstance(value, float) else int(value)
    except (TypeError, ValueError):
        raise Failure("InvalidCastFromStringToInteger", "InvalidArgument", f"no number: {value!r}") from None


def convert(value: Any, name: str) -> Any:
    """A cast. Raises Failure."""
    name = name.lower().removeprefix("system.")
    if name.endswith("[]"):
        return bytes(map(number, enumerate_(value))) if name == "byte[]" else [convert(item, name[:-2]) for item in enumerate_(value)]
    if name in {"int", "int64", "uint32", "long"}:
        return number(value)
    if name == "bool":
        return truth(value)
    if name == "char":
        return Char(chr(value)) if isinstance(value, int) else Char(value)
    if name == "string":
        return string(value)
    if name == "version":
        return tuple(map(int, string(value).split(".")))
    if name == "datetime":
        return value if isinstance(value, Time) else Time(datetime.fromisoformat(string(value)).replace(tzinfo=timezone.utc).timestamp())
    return value


def is_of(value: Any, name: str) -> bool:
    """The operator -is."""
    kinds: dict[str, Any] = {
        "bool": bool,
        "string": str,
        "char": Char,
        "datetime": Time,
        "byte[]": bytes,
        "hashtable": Hash,
        "array": (list, bytes),
    }
    return isinstance(value, kinds[name.lower()]) and not (name.lower() == "string" and isinstance(value, Char))


def formatted(template: str, values: Iterable[Any]) -> str:
    """The operator -f, as far as ``{0:x4}`` goes."""
    found = list(values)

    def one(match: re.Match[str]) -> str:
        value, form = found[int(match[1])], match[2] or ""
        return format(number(value), f"0{form[1:]}x") if form.startswith("x") else string(value)

    return re.sub(r"\{(\d+)(?::([^}]*))?\}", one, template)


def pattern(found: str, *, case: bool = False) -> re.Pattern[str]:
    """A regular expression of .NET, as far as it is the same; (?i) is what PowerShell does anyway."""
    return re.compile(found.removeprefix("(?i)"), 0 if case else re.IGNORECASE)


def like(value: str, wildcard: str) -> bool:
    """The operator -like."""
    expression = "".join(".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in wildcard)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL) is not None
