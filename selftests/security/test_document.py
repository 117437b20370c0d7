"""docs/security.md and docs/dependencies.md say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backup_preflight.causes import Edition
from backup_preflight.checks import catalogue
from backup_preflight.collect import script, windows_script
from backup_preflight.facts.vm import facts_of
from backup_preflight.recording import Recording, load, parse
from backup_preflight.verdict import Judge, Rules
from lab.winrm.machines import healthy
from lab.winrm.powershell.tree import parse as parse_powershell
from lab.winrm.powershell.tree import text, walk
from selftests import powershell
from selftests.security.commands import programs

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/security.md").read_text()
REAL = ROOT / "selftests/real"
FLEET = {"CP-03"}
"""Needs several VMs."""


def column(heading: str, number: int = 0) -> list[str]:
    """A column of the first table below a heading, or of the table with that heading."""
    start = DOCUMENT.index(heading)
    rows = re.search(r"(?m)(^\|.*\n)+", DOCUMENT[start:])
    assert rows
    return [row.split("|")[number + 1] for row in rows[0].splitlines()[2:]]


def listed(heading: str) -> set[str]:
    return set(re.findall("`([^`]+)`", " ".join(column(heading))))


def test_every_program_of_the_linux_collector_is_listed() -> None:
    from_variables = {"waagent", "iptables-legacy-save"}
    assert listed("## What runs on a Linux VM") == programs(script.collector_text()) | from_variables
    assert all(re.search(rf"\b{name}\b", script.collector_text()) for name in from_variables)


def test_every_command_of_the_windows_collector_is_listed() -> None:
    tree = parse_powershell(windows_script.collector_text())
    functions = {text(node).lower() for node in walk(tree) if node.type == "function_name"}
    called = {text(node).lower() for node in walk(tree) if node.type == "command_name"} - functions
    tools = set(re.findall(r"Start-Tool '([^']+)'", windows_script.collector_text()))
    assert {name.lower() for name in listed("## What runs on a Windows VM")} == {name for name in called if "-" in name} | tools
    assert tools == powershell.PROGRAMS


def undetermined(*recordings: Recording) -> set[str]:
    found = set()
    for recording in recordings:
        judge = Judge("vm", facts_of(recording), Rules(Edition.CURRENT), {})
        for check in catalogue().values():
            if not check.of_fleet and check.is_for(recording.system) and judge.result(check).verdict == "undetermined":
                found.add(check.id)
    return found


def checks_in(heading: str) -> set[str]:
    return set(re.findall("[A-Z]{2,3}-[0-9]{2}", " ".join(column(heading, 1))))


def test_what_linux_closes_to_an_ordinary_user_is_listed() -> None:
    """Two VMs: one of the lab, really read by an ordinary user, and one whose fabric answers root only."""
    seen = undetermined(load(REAL / "unprivileged.recording"), load(ROOT / "examples/unprivileged.recording"))
    assert undetermined(load(REAL / "healthy.recording")) == set()
    assert seen == checks_in("| closed to an ordinary user of Linux") - FLEET


def test_what_windows_closes_to_an_ordinary_user_is_listed() -> None:
    """On a described machine; the last ones of the table need more to be closed than that."""

    def read(*, admin: bool) -> Recording:
        answer = healthy(admin=admin).run(windows_script.collector_text(), {"Nonce": "0" * 32, "StorageEndpoints": ""})
        return parse("\n".join(map(str, answer.output)).encode(), "0" * 32)

    lost = undetermined(read(admin=False)) - undetermined(read(admin=True))
    assert lost <= checks_in("| closed to a Windows account") <= lost | {"DSK-01", "DSK-02", "WIN-01", "WIN-02"}


@pytest.mark.parametrize("name", ["Preflight.psrc", "Preflight.pssc"])
def test_the_jea_files_are_powershell_and_name_the_published_collector(name: str) -> None:
    source = (ROOT / "examples/jea" / name).read_text()
    tree = parse_powershell(source)
    assert not [node for node in walk(tree) if node.type == "ERROR" or node.is_missing]
    assert not [node for node in walk(tree) if node.type in {"command", "invokation_expression"}], "a data file calls nothing"
    if name.endswith("psrc"):
        assert re.findall(r"(?m)^\s*(Visible\w+) = '(.*)'$", source) == [("VisibleExternalCommands", windows_script.PUBLISHED_COLLECTOR)]
    else:
        assert "SessionType = 'RestrictedRemoteServer'" in source


def test_every_dependency_is_justified_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [re.split("[<>=;\\[ ]", name)[0] for name in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    page = (ROOT / "docs/dependencies.md").read_text()
    assert sorted(re.findall(r"(?m)^\| `([^`]+)` \|", page)) == sorted(wanted)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {name.lower() for name in wanted} <= pinned
