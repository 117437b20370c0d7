"""What the collector costs the VM."""

from __future__ import annotations

from bench.measures.reading import collector_alone
from bench.running import Row, alternating


def measure_collector() -> list[Row]:
    """On this machine, with a fabric that answers; without the Azure agent, whose own ``waagent -version`` would come on top."""
    (runs,) = alternating(collector_alone, rounds=5)
    return [Row("CPU seconds of the collector on the VM", [ran.cpu for ran in runs], 0.3)]
