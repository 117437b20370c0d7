"""Every fault, made for real, is one clear result of its own VM, in time, and nothing to the others; docs/reliability.md tells of each."""

from __future__ import annotations

import os

import pytest

from backup_preflight.targets.output import READ_SECONDS
from selftests.reliability import table
from selftests.reliability.faults import Row
from selftests.reliability.runs import fault_rows
from selftests.sshd import missing

CLOSING = 10.0
"""Seconds to give up a connection after the deadline."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    if os.geteuid() != 0:
        missing("needs root for namespaces")
    return fault_rows()


def test_each_is_reported_as_what_it_is(rows: list[Row]) -> None:
    wrong = [(row.transport, row.fault, row.kind, row.expected, row.shown) for row in rows if row.kind not in row.expected]
    assert wrong == []


def test_no_other_vm_is_affected(rows: list[Row]) -> None:
    assert [(row.transport, row.affected) for row in rows if row.affected] == []


def test_each_ends_in_time(rows: list[Row]) -> None:
    assert [(row.transport, row.fault, row.seconds) for row in rows if row.seconds > READ_SECONDS + CLOSING] == []


def test_each_says_what_to_do(rows: list[Row]) -> None:
    for row in rows:
        if row.kind != "read":
            assert any(line.startswith("  Fix   ") for line in row.shown), row.shown


def test_no_thread_process_socket_or_file_is_left(rows: list[Row]) -> None:
    assert {row.transport: row.left for row in rows if row.left} == {}


def test_a_gigabyte_and_a_packet_of_two_do_not_fill_the_memory(rows: list[Row]) -> None:
    assert max(row.peak for row in rows) < 400, "MiB, of which Python and its libraries take 60"


def test_the_document_tells_of_each(rows: list[Row]) -> None:
    """After a change: UPDATE_RELIABILITY=1 pytest selftests/reliability, or python -m selftests.reliability."""
    document = table.DOCUMENT.read_text(encoding="utf-8")
    current = table.replaced(document, "faults", table.faults(rows))
    if os.environ.get("UPDATE_RELIABILITY"):
        table.DOCUMENT.write_text(current, encoding="utf-8")
    else:
        assert table.essence(current) == table.essence(document)
