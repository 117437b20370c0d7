"""``--shard I/N``: one of N parts of the fleet, for N jobs that know nothing of each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from backup_preflight.errors import UsageError


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


VmT = TypeVar("VmT", bound=_HasId)


@dataclass(frozen=True)
class Shard:
    """Part ``index`` (from 1) of ``count``."""

    index: int
    count: int

    def of(self, vms: Sequence[VmT]) -> list[VmT]:
        """The VMs of this part, in the order given.

        All VMs in the order of a hash of their ids, cut into ``count`` runs. So every VM is in exactly one part, parts differ by
        at most one VM, the order of the list does not matter, neighbours (a rack, a dead subnet) are spread, and one VM more
        moves at most one other across each cut.
        """
        places = sorted(range(len(vms)), key=lambda place: hashlib.sha256(vms[place].id.encode()).digest())
        first, end = (len(places) * number // self.count for number in (self.index - 1, self.index))
        return [vms[place] for place in sorted(places[first:end])]

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse(text: str) -> Shard:
    """``2/5``. Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard={text}: give I/N, part I of N, from 1/N to N/N, such as --shard=2/5")
    return Shard(int(match[1]), int(match[2]))
