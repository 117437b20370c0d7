"""``python -m bench [MEASURE...]``: run them and print one table."""

from __future__ import annotations

import os
import signal
import sys

from bench import fabric
from bench.measures.collector import measure_collector
from bench.measures.peers import measure_ansible, measure_testinfra
from bench.measures.pytest_cost import measure_items, measure_scale, measure_startup
from bench.measures.reading import measure_dead, measure_floor, measure_latency, measure_shared
from bench.network import isolate

MEASURES = {
    "floor": measure_floor,
    "latency": measure_latency,
    "shared": measure_shared,
    "items": measure_items,
    "testinfra": measure_testinfra,
    "ansible": measure_ansible,
    "dead": measure_dead,
    "scale": measure_scale,
    "collector": measure_collector,
    "startup": measure_startup,
}


def main(names: list[str]) -> None:
    """The table, as it comes about."""
    if unknown := set(names) - set(MEASURES):
        raise SystemExit(f"bench: no measure {', '.join(sorted(unknown))}; known: {', '.join(MEASURES)}")
    if os.geteuid() != 0:
        raise SystemExit("bench: needs root, for network namespaces of its own")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and namespaces are ended
    isolate()
    fabric.start()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f} before the first measure; ratios are of runs that alternate\n")
    rows = []
    for name in names or MEASURES:
        print(name, end=" ", flush=True)
        rows += MEASURES[name]()
        print()
    print(f"\n{'measure':<58} {'median':>7}  {'spread':<13} bound")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main(sys.argv[1:])
