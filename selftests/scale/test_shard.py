"""--shard I/N: jobs that know nothing of each other share a fleet, and one run over their recordings makes the one report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backup_preflight.errors import UsageError
from backup_preflight.shard import Shard, parse
from selftests.scale.helpers import NO_AGENT, Outcome, deployment, fleet, write
from selftests.test_command_line import run


@dataclass(frozen=True)
class Vm:
    id: str


FLEET = [Vm(f"vm{number}.example") for number in range(1000)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 999, 1000, 1500])
def test_every_vm_is_in_one_part_and_parts_are_of_one_size(count: int) -> None:
    parts = [Shard(index, count).of(FLEET) for index in range(1, count + 1)]
    assert sorted(vm.id for part in parts for vm in part) == sorted(vm.id for vm in FLEET)
    assert {len(part) for part in parts} <= {1000 // count, -(-1000 // count)}


def test_the_order_of_the_list_does_not_matter_and_is_kept() -> None:
    part = Shard(2, 5).of(FLEET)
    assert part == [vm for vm in FLEET if vm in part]
    assert Shard(2, 5).of(FLEET[::-1]) == part[::-1]


def test_neighbours_are_spread() -> None:
    first = FLEET[:100]
    for index in range(1, 6):
        assert 5 <= len(set(first) & set(Shard(index, 5).of(FLEET))) <= 40


def test_one_vm_more_moves_few() -> None:
    def parts(vms: list[Vm]) -> dict[str, int]:
        return {vm.id: index for index in range(1, 11) for vm in Shard(index, 10).of(vms)}

    before, after = parts(FLEET), parts([*FLEET[:500], Vm("new"), *FLEET[500:]])
    assert sum(after[id_] != part for id_, part in before.items()) <= 9


@pytest.mark.parametrize("text", ["0/5", "6/5", "2", "2/", "/5", "-1/5", "a/b", "1/0", "2 / 5", "1/5/2"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(UsageError, match=f"--shard={text}: give I/N"):
        parse(text)


def test_a_bad_part_ends_the_run_before_any_work() -> None:
    done = run("--hosts=recorded://examples", "--shard=4/3")
    assert done.returncode == 4
    assert "ERROR: --shard=4/3: give I/N" in done.stderr


def test_a_part_without_a_vm_is_no_failure(tmp_path: Path) -> None:
    names = fleet(tmp_path / "fleet", 2)
    hosts = f"--hosts=recorded://{tmp_path / 'fleet'}"
    outcomes = [Outcome(tmp_path, hosts, f"--shard={index}/3") for index in (1, 2, 3)]
    assert sorted(name for outcome in outcomes for name in outcome.vms if name != "all VMs") == names
    (alone,) = [outcome for outcome in outcomes if not outcome.vms]
    spread = Outcome(tmp_path, hosts, f"--shard={outcomes.index(alone) + 1}/3", "-n", "2")
    for empty in (alone, spread):
        assert empty.code == 0, empty.text
        assert "0 of 2 VMs, edition current" in empty.text
        assert "holds none of the 2 VMs of this run: nothing to do" in empty.text
        assert "ready for Azure Backup" not in empty.text
        assert empty.json["vms"] == []


@pytest.mark.usefixtures("isolated_network")
def test_the_report_over_all_recordings_is_the_report_of_one_run(tmp_path: Path) -> None:
    """A VM that no job could read is in it too, and what only all VMs together show."""
    fleet(tmp_path / "fleet", 4, bad=2)
    for number in range(5):
        write(tmp_path / "fleet", f"classic{number}", deployment("crowded"))
    write(tmp_path / "fleet", "classic-bad", {**deployment("crowded"), **NO_AGENT})
    dead = "paramiko://root@127.0.0.1:9"
    hosts = f"--hosts=recorded://{tmp_path / 'fleet'},{dead}"
    whole = Outcome(tmp_path / "whole", hosts)
    seen: list[str] = []
    for index in (1, 2, 3):
        job = Outcome(tmp_path / "job", hosts, f"--shard={index}/3", f"--record={tmp_path / 'kept' / f'job{index}'}")
        vms = [name for name in job.vms if name != "all VMs"]
        assert f"shard {index}/3: {len(vms)} of 11 VMs" in job.text
        (together,) = [result for vm in job.json["vms"] if vm["target"] == "all VMs" for result in vm["results"]]
        assert together["verdict"] == "not applicable"  # three or four VMs cannot be too many
        seen += vms
    assert sorted(seen) == sorted(name for name in whole.vms if name != "all VMs")
    merged = Outcome(tmp_path / "merged", f"--hosts=recorded://{tmp_path / 'kept'}")
    assert merged.code == whole.code == 1
    assert _by_target(merged) == _by_target(whole)
    assert whole.vms["127.0.0.1"]["counts"] == {"unreachable": 1}
    assert "6 VMs share the deployment crowded" in merged.text


def _by_target(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.json, "vms": outcome.vms}


def test_what_breaks_the_rule_within_one_part_is_said(tmp_path: Path) -> None:
    for number in range(10):
        write(tmp_path / "fleet", f"vm{number}", deployment("crowded"))
    outcome = Outcome(tmp_path, f"--hosts=recorded://{tmp_path / 'fleet'}", "--shard=1/2")
    assert "5 VMs share the deployment crowded" in outcome.text
