"""``python -m selftests.fuzz SECONDS [TARGET …]``: new inputs for that long; what breaks a parser is kept in the corpus, as a test.

Says how many inputs each target has seen; exit code 1 when one of them was a defect.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from backup_preflight import verdict
from backup_preflight.checks import catalogue
from selftests.fuzz.inputs import mutated
from selftests.fuzz.targets import CORPUS, TARGETS, Target

_INPUTS = 100
"""Inputs of a target before the next one has its turn."""


def main(seconds: float, names: list[str]) -> int:
    verdict.catalogue = functools.cache(catalogue)  # type: ignore[attr-defined]  (it is looked up for every verdict)
    end = time.monotonic() + seconds
    seen: Counter[str] = Counter()
    defects: list[str] = []
    for name in itertools.cycle(names or TARGETS):
        if time.monotonic() > end:
            break
        if kept := _round(TARGETS[name], seen, end):
            defects.append(f"{name}: {kept}")
    for name, count in sorted(seen.items()):
        print(f"{name:16}{count:9,} inputs")
    print(f"{seen.total():25,} inputs, {len(set(defects))} defects")
    print("".join(f"    {defect}\n" for defect in dict.fromkeys(defects)), end="")
    return 1 if defects else 0


def _round(target: Target, seen: Counter[str], end: float) -> Path | None:
    """Some inputs; the smallest that breaks the target is kept. Where it lies, if there is one."""
    last = b""

    @seed(random.getrandbits(64))
    @settings(
        max_examples=_INPUTS,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(mutated(target.seeds))
    def run(data: bytes) -> None:
        nonlocal last
        if time.monotonic() > end + 30:
            return  # shrinking has no end of its own
        seen[target.name] += 1
        last = data
        target.run(data)

    try:
        run()
    except Exception:  # noqa: BLE001  (whatever a parser raises is what is looked for)
        path = CORPUS / target.name / hashlib.sha256(last).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(last)
        print(f"--- {target.name}: {last[:300]!r}\n{traceback.format_exc(limit=-4)}", flush=True)
        return path
    return None


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
