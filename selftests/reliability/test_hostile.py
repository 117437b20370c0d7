"""A VM can always lie about itself. It cannot speak for another one, steer what shows its words, write elsewhere, or fill the memory."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from backup_preflight import recording
from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.collect.windows_script import collector_text
from backup_preflight.errors import Problem, UsageError, bug
from backup_preflight.facts.observation import quoted
from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import NotARecording, Recording, Section, Status, load, parse
from backup_preflight.report.message import printable, render
from backup_preflight.targets import Options, expand
from backup_preflight.verdict import Judge, Result, Verdict, unreachable
from lab.winrm.machines import healthy
from selftests.command import PYTEST
from selftests.recordings import RULES
from selftests.reliability.lab import REAL, Lab
from selftests.reliability.machine import ROOT

NONCE = "0123456789abcdef" * 2
EVIL = (
    "\x1b]0;owned\x07\x1b[2J\x00\x9b31m\u202e<script>alert(1)</script>]]>&x;\n"
    "::error::x\n   ::add-mask::y\n##vso[task.setvariable variable=PATH]z"
    "\r##[error]\n../../../../tmp/owned\n'\"; touch /tmp/owned; $(touch /tmp/owned)"
)
DEEP = "[" * 50_000
HUGE = "9" * 5_000


@pytest.fixture(scope="module")
def windows() -> Recording:
    return parse("\n".join(healthy().run(f"& {{ {collector_text()} }}", {}).output).encode())


@pytest.fixture(scope="module")
def linux() -> Recording:
    return load(REAL / "healthy.recording")


def changed(found: Recording, change: Callable[[bytes], bytes], only: tuple[str, str] | None = None) -> Recording:
    """The recording with all sections, or one, changed."""
    sections = {
        key: Section(Status.OK, change(section.body)) if only in (None, key) else section for key, section in found.sections.items()
    }
    return replace(found, sections=MappingProxyType(sections))


def results(found: Recording) -> Iterator[Result]:
    facts = facts_of(found)
    judge = Judge("vm", facts, RULES[Edition.CURRENT], {})
    assert isinstance(facts.description, str)
    for check in catalogue().values():
        if not check.of_fleet:
            yield judge.result(check)


def everything(body: bytes) -> bytes:
    """Each value replaced by all that is evil."""
    evil = EVIL.encode("utf-8")
    values = re.sub(rb"(?m)(?<=[=\t])[^\n\t]*", lambda _: evil, body)
    return re.sub(rb'(?<=: )"[^"]*"|(?<=:)"[^"]*"', lambda _: json.dumps(EVIL).encode(), values)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "values": everything,
    "all": lambda _: EVIL.encode(),
    "deep": lambda _: DEEP.encode(),
    "deep-objects": lambda _: b'{"a":' * 50_000,
    "numbers": lambda body: re.sub(rb"\d+", HUGE.encode(), body),
    "infinite": lambda body: re.sub(rb"(?<=[:=\t ])\d+", b"1e999", body),
    "negative": lambda body: re.sub(rb"(?<=[:=\t ])\d+", b"-1", body),
    "lists": lambda body: re.sub(rb'(?<=:)\s*"[^"]*"', b"[[], {}, null]", body),
    "nulls": lambda body: re.sub(rb'(?<=:)\s*("[^"]*"|\d+)', b"null", body),
    "objects": lambda body: body.replace(b"{", b"[").replace(b"}", b"]"),
    "surrogates": lambda body: re.sub(rb'"[^"]*"', rb'"\\ud800"', body),
    "bytes": lambda body: bytes(range(256)) + body[::-1],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("system", ["linux", "windows"])
def test_whatever_a_vm_says_is_no_crash_and_steers_nothing(system: str, change: str, request: pytest.FixtureRequest) -> None:
    found: Recording = request.getfixturevalue(system)
    seen: set[Result] = set()  # one section changes few results
    for only in [None, *found.sections]:
        for result in results(changed(found, CHANGES[change], only)):
            if result in seen:
                continue
            seen.add(result)
            assert result.verdict != Verdict.CRASH.value, (only, result.check, result.reason)
            shown = render(result)
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]|##(vso)?\[|(?m:^\s*::.*::)", shown), (only, result.check)
            assert len(shown) < 30_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a ##vso[task.complete]", r"a \x23#vso[task.complete]"),
        ("##[error]x", r"\x23#[error]x"),
        ("a\n  ::error::x", "a\n  \\x3a:error::x"),
        ("::1 answers", "::1 answers"),
        ("# ## comment", "# ## comment"),
    ],
)
def test_no_command_to_a_ci_in_what_is_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_reports_of_a_hostile_recording_are_whole_and_the_other_vm_is_judged_as_ever(tmp_path: Path, linux: Recording) -> None:
    evil = changed(linux, everything)
    lines = [f"{NONCE} azure-backup-preflight 1 linux"]
    frame = NONCE.encode()
    raw = lines[0].encode()
    for (name, subject), section in evil.sections.items():
        raw += b"\n%s begin %s %s\n%s\n%s end %s ok" % (frame, name.encode(), subject.encode(), section.body, frame, name.encode())
    raw += b"\n%s done %d\n" % (frame, len(evil.sections))
    recording.save(replace(evil, raw=raw, target=f"::error::{EVIL}"), tmp_path, "evil")
    recording.save(replace(linux, target="good"), tmp_path, "good")
    html, junit, report = (tmp_path / name for name in ("r.html", "r.xml", "r.json"))
    command = [*PYTEST, f"--hosts=recorded://{tmp_path}", "--color=no"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [*command, f"--html={html}", "--self-contained-html", f"--junitxml={junit}", f"--json={report}"],
        cwd=ROOT, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-2000:]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]|##(vso)?\[|(?m:^\s*::.*::)", done.stdout)
    assert "<script>alert" not in html.read_text(encoding="utf-8")
    ET.parse(junit)
    found = {vm["target"]: vm for vm in json.loads(report.read_text(encoding="utf-8"))["vms"]}
    assert set(found["good"]["counts"]) == {"pass", "not applicable"}
    assert not Path("/tmp/owned").exists()


def test_a_vm_has_no_say_in_who_it_is() -> None:
    body = f"{NONCE} azure-backup-preflight 1 linux\n{NONCE} begin run\nuid=0\n{NONCE} end run ok\n{NONCE} done 1\n"
    claim = '#azure-backup-preflight {"target": "another", "started": 1, "finished": 2}\n'
    found = parse((claim + body).encode(), NONCE)
    assert (found.target, found.started) == ("", None)
    assert parse((claim + body).encode()).target == "another", "of a file it is all that is known"


def test_a_frame_of_another_run_is_no_frame() -> None:
    other = "f" * 32
    forged = f"{other} azure-backup-preflight 1 linux\n{other} begin run\nuid=0\n{other} end run ok\n{other} done 1\n"
    with pytest.raises(NotARecording):
        parse(forged.encode(), NONCE)
    real = f"{NONCE} azure-backup-preflight 1 linux\n{NONCE} begin run\n{forged}{NONCE} end run ok\n{NONCE} done 1\n"
    assert list(parse(real.encode(), NONCE).sections) == [("run", "")]


def test_a_section_that_is_too_large_is_not_looked_at() -> None:
    body = "x" * (recording.MAX_SECTION + 1)
    text = f"{NONCE} azure-backup-preflight 1 linux\n{NONCE} begin run\n{body}\n{NONCE} end run ok\n{NONCE} done 1\n"
    section = parse(text.encode(), NONCE).section("run")
    assert (section.status, section.body) == (Status.ERROR, b"")


@pytest.mark.parametrize("meta", [f'{{"target": {DEEP}}}', f'{{"started": {HUGE}}}', '{"started": 1e999}', '{"started": NaN}', "[]"])
def test_a_first_line_that_is_a_bomb(meta: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.recording"
    path.write_text(f"#azure-backup-preflight {meta}\n{NONCE} azure-backup-preflight 1 linux\n{NONCE} done 0\n")
    with pytest.raises(NotARecording) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_recording_of_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.recording"
    with path.open("wb") as file:
        file.write(f"{NONCE} azure-backup-preflight 1 linux\n".encode())
        file.truncate(2 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UsageError, match="too large"):
        expand(Options(hosts=f"recorded://{path}"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "KiB"


@pytest.mark.parametrize(
    "names", [("a/b", "a:b", "a_b"), ("..", "...", "", "/"), ("x" * 300, "x" * 301), ("../../etc/passwd", ".._.._etc_passwd")]
)
def test_file_names_stay_apart_and_in_their_folder(names: tuple[str, ...], tmp_path: Path, linux: Recording) -> None:
    paths = {recording.save(linux, tmp_path, name) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path}
    assert not any(path.name.startswith(".") for path in paths)


def test_what_nobody_has_foreseen_is_our_mistake_and_shows_no_secret() -> None:
    with pytest.raises(ValueError, match="hunter2") as caught:
        int("hunter2")
    found = bug(caught.value)
    result = unreachable("vm7", found)
    assert (found.problem, result.verdict) == (Problem.BUG, Verdict.CRASH.value)
    assert "hunter2" not in render(result)


def test_a_mistake_of_ours_costs_no_other_vm_its_results() -> None:
    from backup_preflight.collect.gather import Gathering

    class Broken:
        id, scheme = "broken", "paramiko"

        def read(self) -> Recording:
            raise EOFError

    class Good:
        id, scheme = "good", "paramiko"

        def read(self) -> Recording:
            return load(REAL / "healthy.recording")

    gathering = Gathering([Broken(), Good()], 1, None)
    gathering.start(["broken", "good"])
    assert isinstance(gathering.outcome("good"), Recording)
    assert getattr(gathering.outcome("broken"), "problem", None) is Problem.BUG
    gathering.close()


@pytest.mark.usefixtures("isolated_network")
def test_a_vm_that_knows_every_rule_still_speaks_for_itself_only() -> None:
    """It forges markers with the right nonce, claims another's name, and prints what would be a whole recording of the neighbour."""
    lab = Lab()
    try:
        liar = lab.script("liar", f'printf \'#azure-backup-preflight {{"target": "honest"}}\\n\'; exec {lab.recorded("healthy")}\n')
        lab.vm("liar", lab.sshd(forced=liar))
        lab.healthy("honest", "unit-stopped")
        targets, _ = expand(Options(hosts="liar,honest", ssh_config=str(lab.config)))
        found = {target.id: target.read() for target in targets}
    finally:
        lab.close()
    assert {id_: each.target for id_, each in found.items()} == {"liar": "liar", "honest": "honest"}
    failed = [result.check for result in results(found["honest"]) if result.verdict == Verdict.FAIL.value]
    assert failed == ["LIN-02"]


@pytest.mark.parametrize("words", ["/mnt/a;reboot", "https://$(reboot)/", '-A OUTPUT -m comment --comment "a b" `reboot`', "it's"])
def test_names_of_a_vm_are_words_of_a_command(words: str) -> None:
    """Somebody pastes the commands of a fix into a shell: this one prints them."""
    done = subprocess.run(["sh", "-c", f"PATH=/nowhere; printf '%s\\n' {quoted(words)}"], capture_output=True, text=True, check=True)
    assert "".join(done.stdout.split()) == "".join(words.replace('"', "").split())


def test_an_interface_whose_name_is_a_command_is_not_believed(linux: Recording) -> None:
    found = changed(linux, lambda body: body.replace(b"name=", b"name=a;reboot #"), ("primary_interface", ""))
    assert not any("reboot #" in command for result in results(found) for command in result.commands)
