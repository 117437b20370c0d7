"""Commands that work on values alone; those that look at the machine are the machine's (lab/winrm/machine.py)."""

from __future__ import annotations

import random
from typing import Any

from lab.winrm.powershell.interpreter import Block, Call, Interpreter
from lab.winrm.powershell.values import Object, collapse, number, string, truth


def plain(call: Call, interpreter: Interpreter) -> list[Any] | None:
    """What the command gives; None when it is none of these."""
    name = call.name.lower()
    if name == "set-strictmode":
        return []
    if name == "get-random":
        return [random.randrange(number(call.named["Maximum"]))]
    if name == "invoke-expression":
        return interpreter.run(string(call.positional[0]))
    if name == "foreach-object":
        return [found for value in call.input for found in interpreter.each(call.positional[0], value)]
    if name == "where-object":
        return [value for value in call.input if truth(collapse(interpreter.each(call.positional[0], value)))]
    if name == "sort-object":
        return sorted(call.input, key=lambda value: _key(call, interpreter, value))
    if name == "select-object":
        last, first = call.named["Last"], call.named["First"]
        return call.input[-number(last) :] if last else call.input[: number(first)]
    return None


def _key(call: Call, interpreter: Interpreter, value: Any) -> Any:
    by = call.positional[0] if call.positional else None
    found = collapse(interpreter.each(by, value)) if isinstance(by, Block) else value.properties[by] if isinstance(value, Object) else value
    return getattr(found, "seconds", found.lower() if isinstance(found, str) else found)
