"""What pytest, the checks and the reports cost, beside plain pytest: recorded VMs, so that no connection is in the way."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backup_preflight import recording
from bench.measures.reading import RECORDING
from bench.running import ROOT, Ran, Row, alternating, plain_pytest, pytest, reports, run

PLAIN = ROOT / "bench" / "peers" / "plain_items.py"
LINUX_CHECKS = 47
"""Of a Linux VM."""
ALL_CHECKS = 80
"""Of a VM whose system is not known before it is read."""


def _recorded(directory: Path, count: int) -> Path:
    folder = directory / str(count)
    folder.mkdir()
    healthy = recording.load(RECORDING)
    for number in range(count):
        recording.save(replace(healthy, target=f"vm{number}"), folder, f"vm{number}")
    return folder


def _ours(directory: Path, count: int) -> Callable[[], Ran]:
    folder = _recorded(directory, count)
    return lambda: run(pytest(f"--hosts=recorded://{folder}", *reports(directory)), status=(0, 1, 10))


def plain(functions: int, vms: int, *options: str) -> Ran:
    """That many test functions that do nothing, for each of so many VMs."""
    variables = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "BENCH_FUNCTIONS": str(functions), "BENCH_VMS": str(vms)}
    return run(plain_pytest(PLAIN, *options), environment=variables)


def measure_items() -> list[Row]:
    """One check of one VM, reading its recording and all reports included, and one bare item."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        few, many, bare_few, bare = alternating(
            _ours(directory, 1), _ours(directory, 100), lambda: plain(LINUX_CHECKS, 1), lambda: plain(LINUX_CHECKS, 100)
        )
    ratios = [(b.seconds - a.seconds) / (d.seconds - c.seconds) for a, b, c, d in zip(few, many, bare_few, bare, strict=True)]
    return [Row("one check on one VM / one bare item of plain pytest", ratios, 1.3, remark="recording read, judged, all reports")]


def measure_scale() -> list[Row]:
    """A thousand VMs, and their memory."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        hundred, thousand = alternating(_ours(directory, 100), _ours(directory, 1000), rounds=2)
    ratios = [many.seconds / few.seconds / 10 for few, many in zip(hundred, thousand, strict=True)]
    return [
        Row("cost per VM, 1,000 recorded VMs / 100", ratios, 1.2),
        Row("peak memory, 1,000 recorded VMs, all reports, MiB", [ran.peak for ran in thousand], 400),
    ]


def measure_startup() -> list[Row]:
    """--help, and collecting for 1,000 VMs."""
    with tempfile.TemporaryDirectory() as name:
        hosts = Path(name) / "hosts"
        hosts.write_text("\n".join(f"vm{number}" for number in range(1000)))
        help_of_plain, help_of_ours = alternating(lambda: plain(1, 1, "--help"), lambda: run(pytest("--help")))
        collect_plain, collect_ours = alternating(
            lambda: plain(ALL_CHECKS, 1000, "--collect-only"),
            lambda: run(pytest("--collect-only", f"--hosts=@{hosts}")),
            rounds=2,
        )
    return [
        Row(
            "pytest --help / plain pytest --help",
            [mine.seconds / its.seconds for its, mine in zip(help_of_plain, help_of_ours, strict=True)],
            1.5,
        ),
        Row(
            "--collect-only for 1,000 VMs / plain, as many items",
            [mine.seconds / its.seconds for its, mine in zip(collect_plain, collect_ours, strict=True)],
            1.5,
        ),
    ]
