"""Faults: how a guest is broken, and what the suite must then say. One file for each cause.

A fault is a function that breaks a healthy guest; its docstring says what is wrong, ``@fault`` what the suite has to find. The
repair is what the finding prints as its commands. Only where the fix lies outside of the guest (in the portal, in a network
security group), or is for a person to decide, the lab repairs, and the fault says so (``repaired_by``).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.host import Host
from lab.images import DEFAULT

FAIL, ADVICE, UNDETERMINED, UNREACHABLE = "fail", "advice", "undetermined", "unreachable"

Break = Callable[[Host], object]


@dataclass(frozen=True)
class Fault:
    """``expect``: check → verdict, the first one is the cause to be named first; in the 2017 edition ``expect_2017``.

    ``hides``: checks that can no longer say anything (they were met before). ``spoils``: the repair leaves something, so that the
    guest is not broken in another way afterwards.
    """

    name: str
    cause: str
    says: str
    break_: Break
    expect: Mapping[str, str]
    expect_2017: Mapping[str, str] | None
    hides: frozenset[str]
    image: str
    prepare: Break | None
    repair: Break | None
    smoke: bool
    spoils: bool
    repaired_by: str = field(default="")


_REGISTRY: dict[str, Fault] = {}


def fault(
    *fails: str,
    advice: str = "",
    undetermined: str = "",
    unreachable: bool = False,
    fails_2017: str | None = None,
    advice_2017: str = "",
    hides: str = "",
    image: str = DEFAULT,
    prepare: Break | None = None,
    repair: Break | None = None,
    repaired_by: str = "portal",
    smoke: bool = False,
    spoils: bool = False,
    name: str = "",
) -> Callable[[Break], Break]:
    """Register a fault. Checks are words: those that fail, in order, those that advise, and so on.

    ``prepare`` makes the image's guest a healthy one. ``repair`` with ``repaired_by`` (portal, network, administrator): where no
    command in the guest is the fix. ``smoke``: also proven by every ``make test``. With ``prepare``, or without finding and repair, a
    fault ``spoils`` its guest as well.
    """

    def register(break_: Break) -> Break:
        expect = dict.fromkeys(fails, FAIL) | dict.fromkeys(advice.split(), ADVICE) | dict.fromkeys(undetermined.split(), UNDETERMINED)
        if unreachable:
            expect["CONNECTION"] = UNREACHABLE
        expect_2017 = None
        if fails_2017 is not None or advice_2017:
            expect_2017 = dict.fromkeys((fails_2017 or "").split(), FAIL) | dict.fromkeys(advice_2017.split(), ADVICE)
        found = Fault(
            name or getattr(break_, "__name__", "").replace("_", "-"),
            break_.__module__.rpartition(".")[2].upper(),
            (break_.__doc__ or "").strip(),
            break_,
            expect,
            expect_2017,
            frozenset(hides.split()),
            image,
            prepare,
            repair,
            smoke,
            spoils or prepare is not None or not (expect or repair),
            repaired_by if repair else "",
        )
        if found.name in _REGISTRY:
            raise ValueError(f"two faults are named {found.name}")
        _REGISTRY[found.name] = found
        return break_

    return register


def faults() -> Mapping[str, Fault]:
    """Every fault by name, in the order of the files."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _REGISTRY
