"""Which collector read a VM is known: its version, and a digest that sha256sum and sudoers have too."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from backup_preflight import __version__
from backup_preflight.collect import script, windows_script
from selftests.collect.guest import COLLECTOR, Guest
from selftests.recordings import Part, edited, recording, render
from selftests.sshd import Sshd
from selftests.targets.helpers import of, target
from selftests.test_command_line import run
from selftests.winrm.helpers import target as windows_target
from selftests.winrm.helpers import windows

DIGEST = hashlib.sha256(COLLECTOR.read_bytes()).hexdigest()


def test_both_carry_the_suites_version() -> None:
    assert re.search(r"(?m)^version=(\S+)$", script.collector_text())[1] == __version__  # type: ignore[index]
    assert re.search(r"(?m)^\$version = '(\S+)'$", windows_script.collector_text())[1] == __version__  # type: ignore[index]


@pytest.mark.parametrize("call", ["/usr/local/sbin/collect", "./collect", "collect"])
def test_a_file_says_its_own_digest(call: str, tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    guest.file("/usr/local/sbin/collect", COLLECTOR.read_bytes())
    found = guest.run(script=f"cd /usr/local/sbin; image=yes; exec dash {call}\n".encode()).output
    assert f"collector={__version__}\nsha256={DIGEST}\n".encode() in found


def test_standard_input_has_none_of_its_own(tmp_path: Path) -> None:
    assert Guest(tmp_path).run(image="yes").values("run")["sha256"] == ""


@pytest.mark.usefixtures("isolated_network")
def test_what_was_sent_stands_in_recording_and_report(sshd: Sshd, tmp_path: Path) -> None:
    kept, report = tmp_path / "kept", tmp_path / "report.json"
    run(f"--hosts=paramiko://{sshd.address}", f"--ssh-config={sshd.config}", f"--record={kept}", "-k", "LIN_01 or python")
    (file,) = kept.iterdir()
    assert json.loads(file.read_bytes().splitlines()[0].partition(b" ")[2])["collector"] == DIGEST
    done = run(f"--hosts=recorded://{kept}", f"--json={report}", "-k", "python")
    assert json.loads(report.read_text())["vms"][0]["collector"] == f"{__version__} sha256:{DIGEST}"
    assert "another version" not in done.stdout


def test_of_windows_too() -> None:
    with windows() as server:
        found = windows_target(server).read()
    assert found.collector == hashlib.sha256(windows_script.collector_text().encode()).hexdigest()


@pytest.mark.parametrize("where", ["sent", "said"])
def test_a_recording_of_another_collector_is_called_that(where: str, tmp_path: Path) -> None:
    said = {("run", ""): Part(body=edited("run", sha256="0" * 64).encode())} if where == "said" else {}
    meta = {"target": "vm7", "collector": DIGEST if where == "said" else "0" * 64}
    (tmp_path / "x.recording").write_bytes(render({**recording(), **said}, meta=meta))
    done = run(f"--hosts=recorded://{tmp_path}", f"--json={tmp_path}/report.json")
    assert "read as root, by another version of the collector" in done.stdout
    assert json.loads((tmp_path / "report.json").read_text())["vms"][0]["collector"].endswith("0" * 64)


def test_what_is_no_digest_is_not_shown(tmp_path: Path) -> None:
    hostile = edited("run", sha256="<b>\x1b[31m", collector="<script>")
    (tmp_path / "x.recording").write_bytes(render({**recording(), ("run", ""): Part(body=hostile.encode())}))
    run(f"--hosts=recorded://{tmp_path}", f"--json={tmp_path}/report.json")
    assert json.loads((tmp_path / "report.json").read_text())["vms"][0]["collector"] == ""


def test_a_target_keeps_what_it_sent(sshd: Sshd) -> None:
    found = target(f"paramiko://{sshd.address}", of(sshd)).read()
    assert found.collector != DIGEST  # a stand-in was sent
