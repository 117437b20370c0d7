"""recorded://: files and directories of recordings, checked before the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight import recording
from backup_preflight.errors import UsageError
from backup_preflight.recording import NotARecording, parse, save
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


def test_ids_are_unique(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(replace(parse(GOOD), target="vm"), tmp_path, name)
    assert ids(f"recorded://{tmp_path}") == [f"recorded://{tmp_path}/{name}.recording" for name in ("a", "b")]


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
