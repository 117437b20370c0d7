"""The suite beside what people would take instead, on 8 VMs: the same preconditions, all on this machine's CPU."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.measures.reading import ours
from bench.network import network, vm
from bench.running import ROOT, Row, alternating, run
from bench.vms import vms

_PEERS = ROOT / "bench" / "peers"
_VMS = [vm(number) for number in range(8)]
_ROUNDS = 2


def measure_testinfra() -> list[Row]:
    """Stock pytest-testinfra over paramiko, two worker processes; beside this machine's CPU, and where the way counts."""
    return [_testinfra(round_trip_ms) for round_trip_ms in (0, 50)]


def _testinfra(round_trip_ms: int) -> Row:
    options = ["-p", "no:backup_preflight.plugin", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-c", "/dev/null", "--tb=no"]
    with vms() as machines, network(round_trip_ms) as place, tempfile.TemporaryDirectory() as directory:
        stock = [
            *place.prefix, sys.executable, "-W", "ignore", "-m", "pytest", "-q", "-n", "2", *options,
            f"--rootdir={_PEERS}", str(_PEERS / "test_preconditions.py"),
            f"--hosts={','.join(f'paramiko://{address}' for address in _VMS)}", f"--ssh-config={machines.config}",
        ]  # fmt: skip
        theirs, mine = alternating(lambda: run(stock, status=(0, 1)), lambda: ours(place, machines, _VMS, Path(directory)), rounds=_ROUNDS)
    ratios = [their.seconds / my.seconds for their, my in zip(theirs, mine, strict=True)]
    return Row(f"8 VMs at {round_trip_ms} ms: stock pytest-testinfra -n 2 / ours", ratios, 10, at_least=True)


def measure_ansible() -> list[Row]:
    """ansible-core: facts, package_facts, service_facts and assert, with pipelining."""
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    with vms() as machines, network(0) as place, tempfile.TemporaryDirectory() as directory:
        inventory = Path(directory) / "inventory.ini"
        inventory.write_text("".join(f"{address} ansible_user=root\n" for address in _VMS))
        variables = {
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_ARGS": f"-F {machines.config} -o ControlMaster=auto -o ControlPersist=5s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": directory,
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "LC_ALL": "C.UTF-8",
        }
        command = [*place.prefix, playbook, "-i", str(inventory), "-f", "8", str(_PEERS / "preconditions.yml")]
        theirs, mine = alternating(
            lambda: run(command, status=(0, 2), environment=variables), lambda: ours(place, machines, _VMS, Path(directory)), rounds=_ROUNDS
        )
    ratios = [their.seconds / my.seconds for their, my in zip(theirs, mine, strict=True)]
    return [Row("8 VMs: ansible-core / ours", ratios, 5, at_least=True)]
