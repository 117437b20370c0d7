"""Whatever bytes a VM sends, the suite neither crashes nor takes half a recording for a whole one."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_preflight import verdict
from backup_preflight.checks import catalogue
from backup_preflight.recording import NotARecording, Status, parse
from backup_preflight.report.message import render as render_message
from backup_preflight.verdict import Result
from selftests import windows_recordings
from selftests.recordings import HEALTHY, NONCE, OTHER, STATUS_FILE, Key, Part, judge_of, render

FEW = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
CHECKS = [check for check in catalogue().values() if "fleet" not in check.facts]
WHOLE = render(HEALTHY)
NASTY = (
    b"",
    b"\n",
    b"\xff\xfe\x00",
    "²".encode(),
    b"9" * 5000,
    b"-1",
    b"1e999\tx\ty\tz\tw",
    b"=",
    b"[" * 100_000,
    b"{}",
    b"[]",
    b"null",
    b'[{"status": {"code": Infinity}}]',
    b'[{"status": {"code": "' + b"9" * 5000 + b'", "substatus": 1}}]',
    b'{"status": NaN, "formattedMessage": []}',
    b'{"nftables": [{"rule": 1}]}',
    b'{"nftables": {"chain": {"hook": "output", "family": "ip"}}}',
    b'{"nftables": [{"chain": {"hook": "output", "family": "ip", "table": [], "name": 1, "prio": "x"}}]}',
    b'*filter\n-A OUTPUT\n-A OUTPUT -d\n-A OUTPUT ! \n-A OUTPUT -j OUTPUT\n-A OUTPUT -p "x',
    b"HTTP/1.1 200 OK\r\nDate: Thu, 99 Foo 99999 99:99:99 +9999\r\n\r\n<Versions",
    b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 0001 00:00:00 +2359\r\n\r\n<Versions",
    b'HTTP/1.1 200 OK\r\n\r\n{"osDisk": {"diskSizeGB": Infinity}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"osDisk": {"diskSizeGB": "' + b"9" * 400 + b'"}, "dataDisks": {"a": 1}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"osDisk": []}',
    b'HTTP/1.1 200 OK\r\n\r\n{"osDisk": {"name": "\\ud800", "diskSizeGB": 99999}}',
    b'{"status": "NotReady", "message": "\\udfff"}',
    b'[{"status": {"code": 2, "formattedMessage": {"message": "\\ud800"}}}]',
    b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
    b"[SnapshotThread]\n a = 1\n  b\n[SnapshotThread]",
    b"[SnapshotThread\n= 1\n\x00",
    b"unknown-245 a8:3f8110",
    b'unknown-245 "\\777"',
    b"cpu  " + b"9" * 400 + b" 1 1 1 1\ncpu  1 1 1 1 1",
    b"MemTotal: 0 kB\nMemAvailable: 99999999999999999 kB\nMemFree: 0",
    b"uptime=inf\nticks=0\nboot_time=nan\nfree_kib=" + b"9" * 400 + b"\nmode=9\nclock=99999999999999999\nmtime=0\ncode=\xc2\xb2",
    b"WALinuxAgent-" + b"9" * 5000 + b" running on x",
)


@pytest.fixture(autouse=True, scope="module")
def _checks_are_looked_up_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "catalogue", functools.cache(catalogue))
        yield


def _no_crash(sections: dict[Key, Part], edition: str) -> None:
    judge = judge_of(base=sections, edition=edition)
    for check in CHECKS:
        result = judge.result(check)
        assert result.verdict != "crash", result.reason
        _show(result)


@functools.cache  # most results are those of the healthy VM
def _show(result: Result) -> None:
    render_message(result).encode()


@FEW
@given(
    st.binary(max_size=400) | st.builds(lambda head, tail: head + tail, st.sampled_from([WHOLE[:60], WHOLE[:900]]), st.binary(max_size=80))
)
def test_any_bytes_are_a_recording_or_refused(data: bytes) -> None:
    with pytest.raises(NotARecording):
        parse(data)


@pytest.mark.parametrize("meta", [b'{"started": 1' + b"0" * 400 + b"}", b"[" * 100_000], ids=["huge-number", "deep"])
def test_a_damaged_first_line_is_refused(meta: bytes) -> None:
    with pytest.raises(NotARecording):
        parse(b"#azure-backup-preflight " + meta + b"\n" + WHOLE)


@pytest.mark.parametrize("number", range(len(NASTY)))
def test_nasty_bodies_crash_no_check(number: int) -> None:
    """A tenth of the sections each, another tenth with each body; all of them once took 40 s and found nothing more."""
    for key in list(HEALTHY)[number % 10 :: 10]:
        _no_crash({**HEALTHY, key: Part(body=NASTY[number])}, "current")


@FEW
@given(
    st.sampled_from(sorted(HEALTHY)),
    st.sampled_from(NASTY) | st.binary(max_size=200) | st.text(max_size=80).map(str.encode),
    st.sampled_from(["current", "2017"]),
)
def test_no_body_crashes_a_check(key: Key, body: bytes, edition: str) -> None:
    _no_crash({**HEALTHY, key: Part(body=body)}, edition)


@FEW
@given(st.data())
def test_no_damaged_body_crashes_a_check(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(key for key in HEALTHY if HEALTHY[key].body)))
    body = HEALTHY[key].body
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))
    _no_crash({**HEALTHY, key: Part(body=body[:start] + data.draw(st.binary(max_size=8)) + body[end:])}, "current")


@pytest.mark.parametrize("status", [status.value for status in Status if status not in {Status.OK, Status.NOT_COLLECTED}])
def test_no_status_crashes_a_check_and_a_refused_look_accuses_nobody(status: str) -> None:
    for key in HEALTHY:
        if key[0] == "run":
            continue
        judge = judge_of(base={**HEALTHY, key: Part(status, detail="a reason")})
        found = {check.id: judge.result(check).verdict for check in CHECKS}
        assert "crash" not in found.values(), (key, found)
        if status in {"denied", "unsupported"}:
            assert "fail" not in found.values(), (key, [id_ for id_ in found if found[id_] == "fail"])


def test_no_missing_section_crashes_a_check_or_accuses() -> None:
    for key in HEALTHY:
        if key[0] == "run":
            continue
        judge = judge_of(base={other: part for other, part in HEALTHY.items() if other != key})
        found = {check.id: judge.result(check).verdict for check in CHECKS}
        assert not {"crash", "fail"} & set(found.values()), (key, {id_: word for id_, word in found.items() if word in {"crash", "fail"}})


def test_a_truncated_recording_is_refused_wherever_it_ends() -> None:
    end = WHOLE.rindex(b"done ")
    for offset in [*range(0, end, 37), *range(end, len(WHOLE) - len(b"\n") - 2)]:
        with pytest.raises(NotARecording):
            parse(WHOLE[:offset])


def test_nasty_json_crashes_no_check() -> None:
    for key in (("extension_status", OTHER), ("snapshot_status", STATUS_FILE), ("http", "imds")):
        for body in NASTY:
            _no_crash({**HEALTHY, key: Part(body=body)}, "current")


def test_a_line_that_is_cut_short_does_not_pass_for_the_last_one() -> None:
    """``done 93`` cut to ``done 9`` announces another number."""
    last = WHOLE.rstrip(b"\n")
    assert last.startswith(NONCE.encode())
    with pytest.raises(NotARecording):
        parse(last[:-1])


WINDOWS = windows_recordings.HEALTHY
WINDOWS_CHECKS = [check for check in CHECKS if check.is_for("windows")]
NASTY_JSON = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"[" * 100_000,
    b"{",
    b'{"items": 1, "samples": 1, "files": 1, "names": 1, "sids": 1}',
    b'{"items": [1], "samples": [[]], "lines": {}}',
    b'{"items": [{}], "samples": [{}, {}]}',
    b'{"Start": "x", "code": -1, "clock": 1e400, "mtime": true, "Release": [], "cpus": {}}',
    b'{"x": {"y": {"z": NaN}}}',
    b'{"text": "{\\"aggregateStatus\\": {\\"guestAgentStatus\\": 1}}", "mtime": 1}',
    b'{"sddl": "D:(", "WinHttpSettings": "28", "output": "{e8132975-6f93-4464-a53e-1050253ae220}: [999]"}',
    b'"\\ud800"',
)


def _no_windows_crash(sections: dict[Key, Part]) -> None:
    judge = judge_of(base=sections, system="windows")
    for check in WINDOWS_CHECKS:
        result = judge.result(check)
        assert result.verdict != "crash", (check.id, result.reason)
        _show(result)


@pytest.mark.parametrize("body", NASTY_JSON, ids=range(len(NASTY_JSON)))
def test_nasty_bodies_crash_no_windows_check(body: bytes) -> None:
    for key in WINDOWS:
        _no_windows_crash({**WINDOWS, key: Part(body=body)})


@FEW
@given(st.sampled_from(sorted(WINDOWS)), st.sampled_from(NASTY) | st.binary(max_size=200))
def test_no_body_crashes_a_windows_check(key: Key, body: bytes) -> None:
    _no_windows_crash({**WINDOWS, key: Part(body=body)})


@pytest.mark.parametrize("status", [status.value for status in Status if status not in {Status.OK, Status.NOT_COLLECTED}])
def test_no_status_crashes_a_windows_check_and_a_refused_look_accuses_nobody(status: str) -> None:
    for key in WINDOWS:
        judge = judge_of(base={**WINDOWS, key: Part(status, detail="a reason")}, system="windows")
        found = {check.id: judge.result(check).verdict for check in WINDOWS_CHECKS}
        assert "crash" not in found.values(), (key, found)
        if status in {"denied", "unsupported"}:
            assert not {"fail", "advice"} & set(found.values()), (key, found)


def test_no_missing_section_crashes_a_windows_check_or_accuses() -> None:
    for key in WINDOWS:
        judge = judge_of(base={other: part for other, part in WINDOWS.items() if other != key}, system="windows")
        found = {check.id: judge.result(check).verdict for check in WINDOWS_CHECKS}
        assert not {"crash", "fail"} & set(found.values()), (key, found)
