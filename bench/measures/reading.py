"""What a run costs beyond connecting to each VM once, and what dead VMs add."""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backup_preflight.collect.forks import FORKS
from backup_preflight.collect.script import collector_text
from bench.network import Network, dead, network, vm
from bench.running import ROOT, ROUNDS, Ran, Row, alternating, pytest, reports, run
from bench.vms import Vms, vms

RECORDING = ROOT / "selftests" / "real" / "healthy.recording"
DEADLINE = 10.0
"""Seconds to connect, see ``Options.connect_timeout``."""
_DEAD_ROUNDS = 2


def window() -> float:
    """For how many seconds the collector looks at the CPU: what is in its text."""
    found = re.search(r"^cpu_window=([0-9.]+)$", collector_text(), re.MULTILINE)
    assert found
    return float(found[1])


def collector_alone() -> Ran:
    """The real collector, once, here."""
    return run(["sh", "-s"], stdin=collector_text().encode())


def ours(place: Network, machines: Vms, addresses: Sequence[str], directory: Path, *options: str) -> Ran:
    """The suite on these VMs, with every report."""
    hosts = directory / "hosts"
    hosts.write_text("\n".join(addresses))
    arguments = [f"--hosts=@{hosts}", f"--ssh-config={machines.config}", *reports(directory), *options]
    return run([*place.prefix, *pytest(*arguments)], status=(0, 1, 10))


def floor(place: Network, machines: Vms, addresses: Sequence[str]) -> Ran:
    """The least that it can cost."""
    return run([*place.prefix, sys.executable, "-m", "bench.floor", str(machines.key), str(window()), str(FORKS), *addresses])


def _against_floor(name: str, round_trip_ms: int, *, own_cpu: bool, rounds: int = ROUNDS) -> Row:
    addresses = [vm(number) for number in range(100)]
    with vms() as machines, network(round_trip_ms) as place, tempfile.TemporaryDirectory() as directory:
        remark = "all 100 collectors on this machine's CPU too"
        if own_cpu:
            alone = statistics.median(collector_alone().seconds for _ in range(3))
            machines.answer_after(alone, RECORDING)
            remark = f"VMs with their own CPU: each answers after the {alone:.2f} s that the collector takes alone"
        least, all_of_it = alternating(
            lambda: floor(place, machines, addresses), lambda: ours(place, machines, addresses, Path(directory)), rounds=rounds
        )
    return Row(name, [mine.seconds / its.seconds for its, mine in zip(least, all_of_it, strict=True)], 1.5, remark=remark)


def measure_floor() -> list[Row]:
    """100 VMs."""
    return [_against_floor("100 VMs, all reports / floor", 0, own_cpu=True)]


def measure_shared() -> list[Row]:
    """The same with 100 real collectors, which have no processors but this machine's. Once, as it takes a minute."""
    return [_against_floor("100 VMs, all reports / floor", 0, own_cpu=False, rounds=1)]


def measure_latency() -> list[Row]:
    """100 VMs that are far away."""
    return [_against_floor("100 VMs at 50 ms round trip, all reports / floor", 50, own_cpu=True)]


def measure_dead() -> list[Row]:
    """30 of 100 VMs do not answer."""
    alive = [vm(number) for number in range(70)]
    mixed = [dead(number // 3) if number % 3 == 0 and number < 90 else vm(number) for number in range(100)]
    with vms() as machines, network(0) as place, tempfile.TemporaryDirectory() as directory:
        machines.answer_after(window(), RECORDING)
        without, having = alternating(
            lambda: ours(place, machines, alive, Path(directory)),
            lambda: ours(place, machines, mixed, Path(directory)),
            rounds=_DEAD_ROUNDS,
        )
    ratios = [some.seconds / (none.seconds + DEADLINE) for none, some in zip(without, having, strict=True)]
    return [Row("30 of 100 VMs dead / (without them + 10 s to connect)", ratios, 1.2)]
