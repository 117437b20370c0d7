"""The lab's command line; the Makefile's lab targets call it.

python -m lab up                  start the lab, with one healthy guest; it stays until "down"
python -m lab shell [VM]          a root shell in a guest; a new guest when it is not there (default: vm1)
python -m lab down                end it
python -m lab prove [FAULT ...]   prove all faults, or these; writes docs/proof.md when all are proven
python -m lab recordings          as prove, and keep the recordings for the selftests
python -m lab faults              list the faults
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lab import client, suite
from lab.controls import control
from lab.faults import Fault, faults
from lab.host import Host
from lab.images import DEFAULT, NAMES, image
from lab.machine import MACHINE
from lab.prove import Outcome, Proof, check_recordings
from lab.recordings import keep
from lab.report import write_proof
from lab.shell import LabError

_ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "shell", "down", "prove", "recordings", "faults"])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a guest, or faults")
    arguments = parser.parse_args()
    try:
        return _COMMANDS[arguments.command](arguments.names)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _up(_: list[str]) -> int:
    try:
        lab = client.find()
    except LabError:
        lab = client.start(NAMES, detached=True)[1]
    if not lab.lab.names():
        lab.lab.start("vm1")
        Host(lab.lab, "vm1").wait_until_ready()
    network = " ".join(lab.inside())
    print(f"The lab runs, with {', '.join(lab.lab.names())}. The suite reads a guest from inside the lab's network:\n")
    print(f"    {network} {sys.executable} -m pytest --hosts=azureuser@vm1 --sudo --ssh-config={lab.directory}/ssh_config\n")
    print("    make lab-shell VM=vm1    a root shell in it\n    make lab-down            end the lab")
    return 0


def _shell(names: list[str]) -> int:
    lab = client.find()
    name = names[0] if names else "vm1"
    if name not in lab.lab.names():
        lab.lab.start(name)
    return subprocess.run(lab.inside("ssh", "-F", f"{lab.directory}/ssh_config", f"root@{name}"), check=False).returncode


def _down(_: list[str]) -> int:
    client.find().close()
    client.sweep()
    client.check_machine()
    return 0


def _faults(_: list[str]) -> int:
    for fault in faults().values():
        print(f"{fault.name:36} {' '.join(fault.expect) or '-':16} {fault.says}")
    return 0


def _prove(names: list[str]) -> int:
    folder, failed = _proven(names)
    if failed:
        return 1
    shutil.rmtree(folder.parent)
    return 0


def _recordings(_: list[str]) -> int:
    folder, failed = _proven([])
    if failed:
        return 1
    tree = image(DEFAULT, client.cache_directory()).layers[0]
    suite.read_image(tree, folder.parent / "image")
    next((folder.parent / "image").glob("*.recording")).replace(folder / "image.recording")
    keep(folder, _ROOT / "selftests/real")
    shutil.rmtree(folder.parent)
    return 0


def _proven(names: list[str]) -> tuple[Path, bool]:
    """Prove faults; the folder with their recordings, and whether something was not as it must be."""
    wanted = _chosen(names)
    started = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="preflight-proof-"))
    recordings = work / "broken"
    print(f"{len(wanted)} faults; recordings go to {work}, which goes when all is proven", flush=True)
    machines = [fault for fault in wanted if fault.image == MACHINE]
    containers = [fault for fault in wanted if fault.image != MACHINE]
    with client.running([DEFAULT]) as lab, ThreadPoolExecutor() as beside:
        images = beside.submit(_build_meanwhile, {fault.image for fault in wanted})
        proof = Proof(lab, recordings, _progress)
        outcomes = proof.once(containers)
        images.result()
        # One emulated guest at a time, as it keeps a processor busy; beside it there is room for all that is left.
        emulated = beside.submit(replace(proof, together=1, lanes=1).prove, machines)
        controls = beside.submit(control, lab, recordings) if not names else None
        proven = proof.again(outcomes) + emulated.result()
        controlled = controls.result() if controls else []
    for outcome in controlled:
        _progress(outcome)
    outcomes = sorted(proven, key=lambda outcome: wanted.index(outcome.fault)) + controlled
    check_recordings(outcomes, recordings)
    failed = [outcome for outcome in outcomes if outcome.problems]
    for outcome in failed:
        _progress(outcome)
    seconds = time.monotonic() - started
    if not names and not failed:
        write_proof(_ROOT / "docs/proof.md", outcomes)
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed in {seconds:.0f} s")
    return recordings, bool(failed)


def _build_meanwhile(images: set[str]) -> None:
    """Build what the first guests do not wait for, with what they leave of the processors."""
    with ThreadPoolExecutor(initializer=os.nice, initargs=(10,)) as gently:
        gently.submit(client.build, images - {MACHINE}).result()
    client.build(images & {MACHINE})  # it boots, for which it has only so long


def _chosen(names: list[str]) -> list[Fault]:
    known = faults()
    if unknown := [name for name in names if name not in known]:
        raise LabError(f"there is no fault {', '.join(unknown)} (all: python -m lab faults)")
    return [known[name] for name in names] if names else list(known.values())


def _progress(outcome: Outcome) -> None:
    found = " ".join(f"{id_}:{verdict}" for id_, verdict in outcome.found.items()) or "nothing"
    print(f"{'FAILED' if outcome.problems else 'proven':7} {outcome.fault.name:36} {found}", flush=True)
    for problem in outcome.problems:
        print(f"        {problem}", flush=True)


_COMMANDS = {"up": _up, "shell": _shell, "down": _down, "prove": _prove, "recordings": _recordings, "faults": _faults}

if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
