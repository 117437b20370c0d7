"""recorded://: files and directories of recordings, checked before the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight import recording
from backup_preflight.errors import ConnectionProblem, Problem, UsageError
from backup_preflight.recording import NotARecording, parse, save, save_problem
from backup_preflight.targets import Options, expand

NONCE = "0123456789abcdef" * 2
GOOD = f"{NONCE} azure-backup-preflight 1 linux\n{NONCE} begin run\nuid=0\n{NONCE} end run ok\n{NONCE} done 1\n".encode()


def ids(hosts: str) -> list[str]:
    return [target.id for target in expand(Options(hosts=hosts))[0]]


def test_a_directory_in_order_of_names(tmp_path: Path) -> None:
    for name, target in (("b", "vm-b"), ("a", "u@vm-a:22"), ("c", "")):
        save(replace(parse(GOOD), target=target), tmp_path, name)
    (tmp_path / "other.txt").write_text("no recording")
    targets, notes = expand(Options(hosts=f"recorded://{tmp_path}"))
    assert [target.id for target in targets] == ["u@vm-a:22", "vm-b", "c"]
    assert notes == []
    read = targets[1].read()
    assert (read.target, read.section("run").text) == ("vm-b", "uid=0")


def test_a_file_made_by_hand(tmp_path: Path) -> None:
    (tmp_path / "vm 7.recording").write_bytes(GOOD)
    assert ids(f"recorded://{tmp_path}/vm 7.recording") == ["vm%207"]


def test_two_recordings_of_one_vm_are_refused(tmp_path: Path) -> None:
    """Such as a stale one, or the same VM in two jobs: nobody but the user knows which one counts."""
    for folder, name in (("job1", "vm"), ("job2", "vm"), ("job2", "other")):
        (tmp_path / folder).mkdir(exist_ok=True)
        save(replace(parse(GOOD), target=name), tmp_path / folder, name)
    with pytest.raises(UsageError, match="1 VM has more than one recording; keep the one that shall count") as caught:
        ids(f"recorded://{tmp_path}")
    assert f"vm: {tmp_path}/job1/vm.recording and {tmp_path}/job2/vm.recording" in str(caught.value)


def test_folders_in_a_folder_and_nothing_half_written(tmp_path: Path) -> None:
    """As CI leaves the recordings of several jobs."""
    for job in ("job1", "job2"):
        (tmp_path / job).mkdir()
        save(replace(parse(GOOD), target=f"vm-{job}"), tmp_path / job, "vm")
    (tmp_path / "job1" / ".tmp1x.recording").write_bytes(GOOD[:20])
    assert ids(f"recorded://{tmp_path}") == ["vm-job1", "vm-job2"]


def test_every_bad_file_is_named_at_once(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"vm{number}.recording").write_bytes(GOOD[:-10])
    with pytest.raises(NotARecording, match=r"vm0.recording is truncated.*vm4.recording is truncated.* \(and 2 more\)"):
        ids(f"recorded://{tmp_path}")


def test_that_a_vm_could_not_be_read_is_recorded_too(tmp_path: Path) -> None:
    problem = ConnectionProblem(Problem.TIMEOUT, "vm:22 does not answer", "start it")
    path = save_problem(problem, tmp_path, "vm:22")
    (target,), _ = expand(Options(hosts=f"recorded://{tmp_path}"))
    assert target.id == "vm:22"
    with pytest.raises(ConnectionProblem) as caught:
        target.read()
    assert (caught.value.problem, caught.value.detail, caught.value.remedy) == (Problem.TIMEOUT, problem.detail, problem.remedy)
    assert path.name != save_problem(problem, tmp_path, "vm_22").name
    assert parse(path.read_bytes() + GOOD).section("run").text == "uid=0"  # the output of a VM cannot say it


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = save(replace(parse(GOOD), target="vm"), tmp_path, "a")
    targets, notes = expand(Options(hosts=f"recorded://{tmp_path},recorded://{path}"))
    assert [target.id for target in targets] == ["vm"]
    assert len(notes) == 1


def test_a_name_that_a_recording_claims_is_made_safe(tmp_path: Path) -> None:
    save(replace(parse(GOOD), target="<img src=x>\n" + "x" * 5000), tmp_path, "a")
    (found,) = ids(f"recorded://{tmp_path}")
    assert found.startswith("%3Cimg%20src%3Dx%3E%0Axxx")
    assert len(found) == 200


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no header line"),
        (b"\x00\xff" * 50, "no header line"),
        (b"hello\n", "no header line"),
        (GOOD[:-10], "truncated"),
        (GOOD.replace(b"done 1", b"done 2"), "announces 2 sections"),
        (GOOD.replace(b"preflight 1 ", b"preflight 99 "), "update the suite"),
    ],
)
def test_a_bad_file_is_named(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "vm7.recording"
    path.write_bytes(data)
    for hosts in (f"recorded://{path}", f"recorded://{tmp_path}"):
        with pytest.raises(NotARecording, match=says) as caught:
            expand(Options(hosts=hosts))
        assert str(path) in str(caught.value)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "vm7.recording"
    with path.open("wb") as file:
        file.truncate(recording.MAX_BYTES + 1)
    with pytest.raises(UsageError, match="at most"):
        expand(Options(hosts=f"recorded://{path}"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or directory"):
        expand(Options(hosts=f"recorded://{tmp_path}/missing"))
    with pytest.raises(UsageError, match=r"has no \*.recording file; write some with --record"):
        expand(Options(hosts=f"recorded://{tmp_path}"))
