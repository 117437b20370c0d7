"""Traps of the agent's facts: versions, the unit's name, waagent.conf, one cause and one failure."""

from __future__ import annotations

import pytest

from backup_preflight.checks import catalogue
from backup_preflight.facts.observation import NotObserved, at_least, is_number, number, version
from selftests.checks.cases_agent import IMAGE, PURGED
from selftests.checks.cases_network import ELSEWHERE
from selftests.recordings import (
    ABSENT,
    CLOCK,
    CONF,
    DENIED,
    EXTENSION,
    NETWORK,
    UNIT,
    Changes,
    Key,
    Part,
    edited,
    facts,
    judge_of,
    kv,
    status_file,
    unprivileged,
)


def _verdicts(changes: Changes | None = None, base: dict[Key, Part] | None = None, edition: str = "current") -> dict[str, str]:
    judge = judge_of(changes, base, edition) if base else judge_of(changes, edition=edition)
    return {check.id: judge.result(check).verdict for check in catalogue().values() if "fleet" not in check.facts}


def _with(verdicts: dict[str, str], *words: str) -> list[str]:
    return [id_ for id_, verdict in verdicts.items() if verdict in words]


@pytest.mark.parametrize(
    ("found", "wanted", "enough"),
    [
        ("2.10.0.8", "2.2.53.1", True),
        ("1.0.100.0", "1.0.91.0", True),
        ("1.0.9217.0", "1.0.91.0", True),
        ("2.2.53", "2.2.53.1", False),
        ("2.2.53.0", "2.2.53", True),
        ("2.2.53", "2.2.53.0", True),
    ],
)
def test_versions_compare_as_integers(found: str, wanted: str, enough: bool) -> None:
    assert at_least(version(found), version(wanted)) is enough


@pytest.mark.parametrize("word", ["", "²", "1_000", "-1", "0x10", "1.5", "9" * 19, "nan"])
def test_only_plain_digits_are_a_number(word: str) -> None:
    assert not is_number(word)
    with pytest.raises(NotObserved):
        number(word, "it")


def test_the_third_line_counts_for_an_agent_that_updated_itself() -> None:
    agent = facts({"agent_version": "WALinuxAgent-2.0.16 running on debian 12\nPython: 3.11.2\nGoal state agent: 2.12.0.2"}).agent
    assert agent.version.goal_state == (2, 12, 0, 2)
    assert str(agent.version) == "2.0.16, updated by itself to 2.12.0.2"


@pytest.mark.parametrize("name", ["walinuxagent.service", "waagent.service"])
def test_the_unit_is_found_by_existence(name: str) -> None:
    other = ({"walinuxagent.service", "waagent.service"} - {name}).pop()
    changes: Changes = {("unit", name): kv(LoadState="loaded", ActiveState="active"), ("unit", other): kv(LoadState="not-found")}
    assert facts(changes).agent.unit == name


def test_the_unit_is_found_in_an_image_too() -> None:
    changes: Changes = {**IMAGE, ("unit", UNIT): DENIED, ("unit", "waagent.service"): DENIED}
    assert facts(changes).agent.unit == UNIT


@pytest.mark.parametrize(
    ("lines", "on"),
    [
        ("Extensions.Enabled=n", False),
        ("Extensions.Enabled = n", False),
        ("  Extensions.Enabled=n", False),
        ("Extensions.Enabled=N", False),
        ('Extensions.Enabled="n"', False),
        ("Extensions.Enabled=n # c", False),
        ("Extensions.Enabled=y\nExtensions.Enabled=n", False),
        ("Extensions.Enabled=n\nExtensions.Enabled=y", True),
        ("Extensions.Enabled=no", True),
        ("Extensions.Enabled=false", True),
        ("Extensions.Enabled=0", True),
        ("#Extensions.Enabled=n", True),
        ("extensions.enabled=n", True),
        ("Extensions.Enable=n", True),
        ("", True),
    ],
)
def test_waagent_conf_is_read_by_the_agents_own_rules(lines: str, on: bool) -> None:
    assert facts({("agent_conf", CONF): lines}).agent.switch("Extensions.Enabled", default=True) is on


def test_the_code_of_a_status_file_counts_and_not_its_word() -> None:
    changes: Changes = {("snapshot_status", f"{EXTENSION}/7.status"): status_file(15, "no network", status="success")}
    found = facts(changes).extension.last_status
    assert found
    assert found.code == 15
    assert _verdicts(changes)["LIN-12"] == "fail"


def test_the_newest_status_file_is_the_one_with_the_highest_number() -> None:
    listed = f"{CLOCK}\t1\t{EXTENSION}\t9.status\n{CLOCK - 50}\t1\t{EXTENSION}\t10.status"
    found = facts({"snapshot_status_files": listed, ("snapshot_status", f"{EXTENSION}/10.status"): status_file(1)}).extension.last_status
    assert found
    assert found.age == 50


def test_the_newest_extension_is_found_by_version() -> None:
    name = EXTENSION.rpartition("-")[0]
    assert facts({"extensions": f"{name}-1.0.9103.1\n{name}-1.0.9217.0\n{name}-1.0.91.0"}).extension.newest == EXTENSION


def test_a_vm_before_its_first_backup_is_healthy() -> None:
    changes: Changes = {"extensions": "", "snapshot_status_files": "", "snapshot_certificates": "", "snapshot_freeze_tool": ""}
    assert not _with(_verdicts(changes), "fail", "advice", "undetermined", "crash")


def test_a_purged_agent_is_one_failure() -> None:
    assert _with(_verdicts(PURGED), "fail", "advice", "crash") == ["LIN-01"]


def test_a_stopped_agent_is_one_failure() -> None:
    silent: Changes = {"processes": "", "agent_log": kv(mtime=CLOCK - 9999, size=1), "agent_status": ""}
    assert _with(_verdicts(silent), "fail", "advice", "crash") == ["LIN-02"]


@pytest.mark.parametrize("edition", ["current", "2017"])
def test_a_healthy_vm_has_no_finding(edition: str) -> None:
    assert not _with(_verdicts(edition=edition), "fail", "advice", "undetermined", "crash")


@pytest.mark.parametrize("edition", ["current", "2017"])
def test_nothing_fails_for_what_an_ordinary_user_cannot_see(edition: str) -> None:
    verdicts = _verdicts(base=unprivileged(), edition=edition)
    assert not _with(verdicts, "fail", "advice", "crash")
    assert {"LIN-09", "LIN-11", "LIN-18", "NET-01"} & set(_with(verdicts, "undetermined"))


@pytest.mark.parametrize(
    "key", [("networkd_network", NETWORK), ("networkd_link", "/run/systemd/netif/links/2"), ("agent_conf", CONF), ("processes", "")]
)
def test_private_files_accuse_nobody(key: Key) -> None:
    """Netplan's .network files are 0640."""
    assert not _with(_verdicts({key: DENIED}, base=unprivileged()), "fail", "crash")


def test_an_ordinary_user_is_told_what_would_help() -> None:
    judge = judge_of(base=unprivileged())
    for check in catalogue().values():
        if "fleet" not in check.facts and (result := judge.result(check)).verdict == "undetermined":
            assert result.remedy, check.id


def test_a_guest_elsewhere_fails_nothing_of_azures() -> None:
    verdicts = _verdicts(ELSEWHERE)
    azure = {id_ for id_ in verdicts if id_.startswith("NET-") or id_ in {"LIN-14", "LIN-15"}}
    assert {verdicts[id_] for id_ in azure} == {"not applicable"}
    assert not _with(verdicts, "fail", "crash")


def test_where_nothing_tells_the_cloud_a_failure_is_no_verdict() -> None:
    unknown: Changes = {**ELSEWHERE, "run": edited("run", virtualization=""), "dmi": ABSENT}
    verdicts = _verdicts(unknown)
    assert facts(unknown).system.on_azure is None
    assert verdicts["NET-01"] == "undetermined"
    assert not _with(verdicts, "fail", "crash")


def test_an_image_is_judged_by_what_lies_in_it() -> None:
    verdicts = _verdicts({**IMAGE, ("agent_conf", CONF): "Extensions.Enabled=n"})
    assert _with(verdicts, "fail") == ["LIN-07"]
    assert verdicts["LIN-01"] == verdicts["LIN-05"] == "pass"
    assert {verdicts[id_] for id_ in ("LIN-02", "LIN-16", "NET-01", "DSK-01")} == {"not applicable"}


def test_the_editions_differ_where_the_documents_do() -> None:
    old, new = _verdicts(edition="2017"), _verdicts()
    assert old["NET-08"] == "pass"
    assert new["NET-08"] == "not applicable"
    assert old["LIN-07"] == "not applicable"
    assert new["LIN-07"] == "pass"
