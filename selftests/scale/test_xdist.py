"""pytest -n N: real worker processes of pytest-xdist."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import subprocess
import termios
from pathlib import Path

import pytest

from lab.winrm.machines import healthy
from selftests.command import PYTEST
from selftests.scale.helpers import NO_AGENT, Outcome, deployment, fleet, write
from selftests.sshd import Sshd, missing
from selftests.test_command_line import ROOT, run
from selftests.winrm.helpers import ACCOUNT, windows

try:
    import xdist
except ImportError:
    xdist = None

pytestmark = pytest.mark.usefixtures("with_xdist")


@pytest.fixture
def with_xdist() -> None:
    if xdist is None:
        missing("pytest-xdist is missing: pip install pytest-xdist")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A good VM, a bad one, one seen by an ordinary user, one that cannot be read, and five of one deployment."""
    recordings = tmp_path_factory.mktemp("fleet")
    for name in range(5):
        write(recordings, f"classic{name}", deployment("crowded"))
    hosts = [f"recorded://{ROOT}/examples", f"recorded://{recordings}", "paramiko://root@127.0.0.1:9"]
    return "--hosts=" + ",".join(hosts)


@pytest.fixture(scope="module")
def alone(examples: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Their run without workers."""
    return Outcome(tmp_path_factory.mktemp("alone"), examples)


@pytest.mark.usefixtures("isolated_network")
@pytest.mark.parametrize("options", [["-n", "auto"], ["-n", "3", "--dist", "each"], ["-n", "0"]])
def test_the_reports_are_the_same_as_without(options: list[str], examples: str, alone: Outcome, tmp_path: Path) -> None:
    spread = Outcome(tmp_path, examples, *options)
    assert (spread.code, spread.json) == (alone.code, alone.json), spread.text
    assert (alone.code, len(alone.json["vms"])) == (1, 10)
    assert "5 VMs share the deployment crowded" in spread.text
    assert spread.junit == alone.junit
    assert spread.sections == alone.sections
    assert spread.closing == alone.closing


def test_a_part_of_the_checks(tmp_path: Path) -> None:
    """What is not selected is asked of no worker; a check of all VMs together asks every one of them."""
    for selection in (["-k", "good-vm and disk or schedules"], ["--error=GuestAgentSnapshotTaskStatusError"]):
        alone = Outcome(tmp_path / "alone", "--hosts=recorded://examples", *selection)
        spread = Outcome(tmp_path / "spread", "--hosts=recorded://examples", "-n", "2", *selection)
        assert (spread.code, spread.json, spread.junit) == (alone.code, alone.json, alone.junit), spread.text
    nothing = Outcome(tmp_path / "nothing", "--hosts=recorded://examples", "-n", "2", "-k", "no_such_check")
    assert nothing.code == 5, nothing.text


@pytest.mark.usefixtures("isolated_network")
def test_each_vm_is_read_once(sshd: Sshd, tmp_path: Path) -> None:
    """Over all workers and with both engines. Their host keys are new: two workers write them into one file at once."""
    config, known = tmp_path / "config", tmp_path / "known_hosts"
    lines = [f"Host alias{number}\n  HostName {sshd.host}\n  Port {sshd.port}\n  HostKeyAlias alias{number}\n" for number in range(4)]
    config.write_text(
        "".join(lines) + f"Host *\n  User {sshd.user}\n  IdentityFile {sshd.key}\n  IdentitiesOnly yes\n  IdentityAgent none\n"
        f"  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n"
    )
    before = sshd.log_text().count("Accepted publickey")
    hosts = ",".join(f"{engine}://alias{number}" for number, engine in enumerate(("paramiko", "ssh") * 2))
    kept = tmp_path / "kept"
    arguments = [f"--hosts={hosts}", f"--ssh-config={config}", "--accept-new-host-keys", f"--record={kept}"]
    outcome = Outcome(tmp_path, *arguments, "-n", "2", "--forks", "4")
    assert outcome.code in {1, 10}, outcome.text
    assert sshd.log_text().count("Accepted publickey") == before + 4
    assert sorted(outcome.vms) == ["alias0", "alias1", "alias2", "alias3", "all VMs"]
    assert sorted(path.name for path in kept.iterdir()) == [f"alias{number}.recording" for number in range(4)]
    written = [line.split()[0] for line in known.read_text().splitlines()]
    assert sorted(set(written)) == [f"alias{number}" for number in range(4)]
    again = Outcome(tmp_path / "again", f"--hosts=recorded://{kept}")
    assert again.json["vms"] == outcome.json["vms"]


def test_a_list_out_of_a_pipe_is_read_once(tmp_path: Path) -> None:
    """As with ``--hosts=@<(az vm list …)``: nobody can read it a second time."""
    fleet(tmp_path / "fleet", 3)
    entries = "".join(f"recorded://{path}\n" for path in (tmp_path / "fleet").iterdir())
    source, sink = os.pipe()
    os.write(sink, entries.encode())
    os.close(sink)
    command = [*PYTEST, f"--hosts=@/dev/fd/{source}", "-n", "2"]
    done = subprocess.run(command, cwd=ROOT, pass_fds=[source], capture_output=True, text=True, check=False, timeout=120)
    os.close(source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 3 VMs ready" in done.stdout


def test_a_password_is_asked_for_once_and_shown_nowhere(tmp_path: Path) -> None:
    with windows(healthy()) as first, windows(healthy()) as second:
        hosts = ",".join(f"winrm://{ACCOUNT.user}@127.0.0.1:{server.port}?no_ssl=true" for server in (first, second))
        files = [f"--json={tmp_path}/r.json", f"--junitxml={tmp_path}/r.xml", f"--html={tmp_path}/r.html", f"--debug={tmp_path}/debug"]
        options = ["--ask-pass", "-n", "2", "-vv", "-l", "--tb=long", "--log-level=DEBUG", *files]
        command = [*PYTEST, f"--hosts={hosts}", *options]
        parent, child = pty.openpty()
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=child, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(child, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(child)
        asked = b""
        while b"Password" not in asked:
            asked += os.read(parent, 1000)
        os.write(parent, f"{ACCOUNT.password}\n".encode())
        output, _ = process.communicate(timeout=120)
        os.close(parent)
    assert process.returncode in {0, 10}, output
    assert "authentication" not in output
    assert output.count("read as administrator") + (tmp_path / "r.json").read_text().count("read as administrator") >= 2
    everything = output + "".join(path.read_text() for path in tmp_path.iterdir())
    assert ACCOUNT.password not in everything


@pytest.mark.parametrize("limit", [["-x"], ["--maxfail=2"]])
def test_it_stops_at_failures(limit: list[str], tmp_path: Path) -> None:
    names = fleet(tmp_path / "fleet", 40, bad=40)
    outcome = Outcome(tmp_path, f"--hosts=recorded://{tmp_path / 'fleet'}", "-n", "2", *limit)
    assert outcome.code == 1, outcome.text
    assert "stopping after" in outcome.text
    assert sum(bool(vm["results"]) for vm in outcome.vms.values()) < len(names) / 2


CRASH = """
import os, pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" in os.environ and report.nodeid in os.environ["CRASH"].split():
        os._exit(1)
"""


@pytest.mark.parametrize(
    ("at", "options"),
    [
        (["tests_linux/test_agent.py::test_agent_is_running[vm003]"], []),
        (["preflight::connection[vm001]", "preflight::connection[vm002]"], []),
        (["preflight::connection[vm003]"], ["--max-worker-restart=0"]),
    ],
)
def test_a_crash_loses_no_other_vm(at: list[str], options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = fleet(tmp_path / "fleet", 7)
    (tmp_path / "crash_at.py").write_text(CRASH)
    monkeypatch.setenv("CRASH", " ".join(at))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    outcome = Outcome(tmp_path, "-p", "crash_at", f"--hosts=recorded://{tmp_path / 'fleet'}", "-n", "2", *options)
    assert outcome.code == 3, outcome.text
    crashed = {id_ for id_, vm in outcome.vms.items() if vm["counts"].get("crash")}
    died = {re.sub(r".*\[(.*)\]", r"\1", nodeid) for nodeid in at}
    assert list(outcome.vms)[: len(names)] == names  # nobody is missing
    if options:
        assert crashed >= died
        assert len(crashed) < len(names)
        assert "before it came to this VM" in outcome.text
    else:
        assert crashed == died
    complete = [id_ for id_ in names if outcome.vms[id_]["counts"].get("pass", 0) > 30]
    assert set(complete) >= set(names) - crashed
    assert "ready for Azure Backup" not in outcome.text
    assert "crashed while running" in outcome.text


def test_other_peoples_tests_run_once(tmp_path: Path) -> None:
    """Tests of no VM beside the checks; one that wants all VMs is told that no worker has them."""
    fleet(tmp_path / "fleet", 4)
    own = tmp_path / "test_own.py"
    own.write_text("from backup_preflight.fixtures import *\ndef test_one(): pass\ndef test_two(fleet): assert len(fleet) == 4\n")
    arguments = [f"--hosts=recorded://{tmp_path / 'fleet'}", "tests_linux", str(own), "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    alone = Outcome(tmp_path / "alone", *arguments)
    spread = Outcome(tmp_path / "spread", *arguments, "-n", "2")
    assert alone.code == 0, alone.text
    assert spread.code == 1, spread.text
    assert spread.json["vms"] == alone.json["vms"]
    assert spread.junit.keys() == alone.junit.keys()
    ((test, said),) = [(name, message) for (_, name), (outcome, message) in spread.junit.items() if outcome == "error"]
    assert test == "test_two"
    assert "a worker of pytest-xdist knows only its own VMs; run without -n" in said


def test_collect_only_needs_no_worker(tmp_path: Path) -> None:
    write(tmp_path, "vm1", NO_AGENT)
    done = run(f"--hosts=recorded://{tmp_path}", "-n", "2", "--collect-only", "-q")
    assert done.returncode == 0
    assert "test_agent_is_running[vm1]" in done.stdout
