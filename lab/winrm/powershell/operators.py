"""PowerShell's operators, and the methods of its core types."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lab.winrm.powershell.values import (
    Char,
    Hash,
    Span,
    Time,
    TypeName,
    enumerate_,
    formatted,
    is_of,
    like,
    number,
    pattern,
    string,
    truth,
)


def equal(left: Any, right: Any) -> bool:
    """-eq: texts know no case; the right side becomes what the left one is."""
    if left is None or right is None:
        return left is right
    if isinstance(left, str):
        return left.lower() == string(right).lower()
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, int) and isinstance(right, str):
        return string(left) == right
    return bool(left == right)


def add(left: Any, right: Any) -> Any:
    """+ of numbers, texts, lists."""
    if isinstance(left, list):
        return [*left, *(right if isinstance(right, list) else [right])]
    if isinstance(left, str):
        return left + string(right)
    if left is None:
        return right
    return left + number(right)


def unary(operator: str, value: Any) -> Any:
    """-not, unary -join, and a sign."""
    if operator in {"-not", "!"}:
        return not truth(value)
    if operator == "-join":
        return "".join(map(string, enumerate_(value)))
    if operator == "-":
        return -number(value)
    if operator == ",":
        return [value]
    raise NotImplementedError(operator)


def binary(operator: str, left: Any, right: Any, scopes: list[Hash]) -> Any:
    """Every operator between two values but -and and -or. A match goes to $matches."""
    if operator in _PLAIN:
        return _PLAIN[operator](left, right)
    if operator in {"-match", "-notmatch", "-cnotmatch"}:
        found = pattern(string(right), case=operator.startswith("-c")).search(string(left))
        if found and operator == "-match":
            scopes[-1]["matches"] = Hash({str(place): group for place, group in enumerate([found[0], *found.groups()])})
        return bool(found) == (operator == "-match")
    if operator == "-replace":
        what, by = right if isinstance(right, list) else (right, "")
        replacement = re.sub(r"\$(\d)", r"\\g<\1>", string(by).replace("\\", "\\\\"))
        return pattern(string(what)).sub(replacement, string(left))
    if operator == "-split":
        what, most = right if isinstance(right, list) else (right, 0)
        return _split(string(what), string(left), number(most))
    raise NotImplementedError(operator)


def _split(what: str, text: str, most: int) -> list[str]:
    if match := re.fullmatch(r"\(\?<=\\G\.\{(\d+)\}\)\(\?=\.\)", what):  # every so many characters; Python has no \G
        size = int(match[1])
        return [text[start : start + size] for start in range(0, len(text), size)] or [""]
    return pattern(what).split(text, maxsplit=max(0, most - 1))


def _subtract(left: Any, right: Any) -> Any:
    return Span(left.seconds - right.seconds) if isinstance(left, Time) else number(left) - number(right)


def _greater(left: Any, right: Any) -> bool:
    if isinstance(left, Time):
        return bool(left.seconds > right.seconds)
    return number(left) > number(right)


_PLAIN: dict[str, Any] = {
    "-eq": equal,
    "-ne": lambda left, right: not equal(left, right),
    "-gt": _greater,
    "-lt": lambda left, right: _greater(right, left),
    "-ge": lambda left, right: not _greater(right, left),
    "-le": lambda left, right: not _greater(left, right),
    "-like": lambda left, right: like(string(left), string(right)),
    "-notlike": lambda left, right: not like(string(left), string(right)),
    "-contains": lambda left, right: any(equal(item, right) for item in enumerate_(left)),
    "-join": lambda left, right: string(right).join(map(string, enumerate_(left))),
    "-f": lambda left, right: formatted(string(left), right if isinstance(right, list) else [right]),
    "-is": lambda left, right: is_of(left, right.name if isinstance(right, TypeName) else string(right)),
    "-band": lambda left, right: number(left) & number(right),
    "+": add,
    "-": _subtract,
    "*": lambda left, right: number(left) * number(right),
    "..": lambda left, right: list(range(number(left), number(right) + 1)),
}


def method(value: str | Time, name: str, arguments: list[Any]) -> Any:
    """A method of a text or a time, which every language mode allows."""
    if isinstance(value, Time):
        change = {"AddSeconds": 1, "AddDays": 86400}.get(name, 0)
        return Time(value.seconds + change * number(arguments[0])) if change else value
    if name == "ToCharArray":
        return [Char(letter) for letter in value]
    if name == "Substring":
        start, length = number(arguments[0]), number(arguments[1]) if len(arguments) > 1 else len(value)
        return value[start : start + length]
    known: dict[str, Callable[[str], str]] = {"TrimEnd": str.rstrip, "Trim": str.strip, "ToLower": str.lower, "ToUpper": str.upper}
    return known[name](value)
