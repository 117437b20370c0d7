"""``--junitxml``: one suite for each VM, valid for Jenkins, beside what pytest writes of other people's tests."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema

from backup_preflight.report import junit
from backup_preflight.report.summary import Vm
from backup_preflight.verdict import Result
from selftests.report.runs import ROOT, examples, report, run_pytest
from selftests.report.test_golden import NOTHING_ELSE

SCHEMA = Path(__file__).with_name("junit-10.xsd")
"""Of Jenkins' xUnit plugin, as pytest has it among its own tests (MIT license)."""

FOREIGN = """
def test_good(): pass
def test_bad(): assert 1 == 2, "a foreign failure"
"""


def validate(path: Path) -> None:
    """Against Jenkins' schema. It does not know the properties of a case, which pytest, too, writes there."""
    root = ET.parse(path).getroot()
    for case in root.iter("testcase"):
        for properties in case.findall("properties"):
            case.remove(properties)
    xmlschema.XMLSchema(SCHEMA).validate(root)


def suites(path: Path) -> dict[str, ET.Element]:
    return {suite.get("name", ""): suite for suite in ET.parse(path).getroot()}


def written(tmp_path: Path, *vms: Vm, strict: bool = False, allow_undetermined: bool = False) -> dict[str, ET.Element]:
    path = tmp_path / "junit.xml"
    path.write_text(NOTHING_ELSE)
    junit.add_suites(path, report(*vms, strict=strict, allow_undetermined=allow_undetermined))
    validate(path)
    return suites(path)


def test_the_examples(tmp_path: Path) -> None:
    found = written(tmp_path, *examples().vms)
    assert list(found) == ["bad-vm", "good-vm", "unprivileged"]
    counts = {name: [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] for name, suite in found.items()}
    assert counts["bad-vm"] == ["51", "3", "0", "14"]
    assert counts["good-vm"] == ["51", "0", "0", "5"]
    assert found["bad-vm"].get("hostname") == "bad-vm"
    (case,) = [case for case in found["bad-vm"].iter("testcase") if case.get("name", "").startswith("LIN-02 ")]
    assert case.get("classname") == "bad-vm"
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert properties["id"] == "LIN-02"
    assert properties["level"] == "must"
    assert properties["cause"] == "LINAGENT"
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "bad-vm: the Azure Linux agent is not running (LIN-02)"
    assert "sudo systemctl restart walinuxagent.service" in (failure.text or "")


@pytest.mark.parametrize(
    ("verdict", "level", "strict", "allowed", "tag"),
    [
        ("fail", "must", False, False, "failure"),
        ("advice", "advice", False, False, "skipped"),
        ("advice", "advice", True, False, "failure"),
        ("undetermined", "must", False, False, "error"),
        ("undetermined", "must", False, True, "skipped"),
        ("undetermined", "advice", False, False, "skipped"),
        ("unreachable", "", False, True, "error"),
        ("crash", "advice", False, True, "error"),
        ("not applicable", "must", False, False, "skipped"),
        ("pass", "must", False, False, None),
    ],
)
def test_what_a_verdict_becomes(verdict: str, level: str, strict: bool, allowed: bool, tag: str | None, tmp_path: Path) -> None:
    """A run that ends with exit code 0 has no failure and no error in its file."""
    result = Result("vm", "LIN-02", verdict, problem="it is wrong", level=level, reason="because")
    (suite,) = written(tmp_path, Vm("vm", results=[result]), strict=strict, allow_undetermined=allowed).values()
    case = suite.find("testcase")
    assert case is not None
    assert [child.tag for child in case if child.tag != "properties"] == ([tag] if tag else [])


def test_a_vm_that_an_interrupted_run_has_not_come_to_is_an_error(tmp_path: Path) -> None:
    assert written(tmp_path, Vm("vm"))["vm"].get("errors") == "1"


@pytest.mark.parametrize("processes", [[], ["-n2"]])
def test_beside_other_peoples_tests(processes: list[str], tmp_path: Path) -> None:
    """Theirs are as pytest writes them; the same with xdist, whatever the order that the results come in."""
    (tmp_path / "test_foreign.py").write_text(FOREIGN)
    path, data = tmp_path / "junit.xml", tmp_path / "report.json"
    arguments = ["tests_linux", "tests_network", str(tmp_path / "test_foreign.py"), "--hosts=recorded://examples", *processes]
    done = run_pytest(*arguments, f"--junitxml={path}", f"--json={data}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a foreign failure" in done.stdout
    assert done.stdout.rstrip().endswith("1 more could not be judged.")
    validate(path)
    found = suites(path)
    assert list(found) == ["bad-vm", "good-vm", "unprivileged", "all VMs", "pytest"]
    assert found["pytest"].get("tests") == "2"
    assert found["pytest"].get("failures") == "1"
    assert found["bad-vm"].get("failures") == "3"
    order = [result["check"] for result in json.loads(data.read_text())["vms"][0]["results"]]
    assert order == [case.get("name", "").split()[0] for case in found["bad-vm"].iter("testcase")]
    assert order[:2] == ["LIN-01", "LIN-02"]


def test_a_run_without_our_checks_is_pytests_alone(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(FOREIGN)
    run_pytest("--junitxml=junit.xml", cwd=tmp_path)
    assert list(suites(tmp_path / "junit.xml")) == ["pytest"]


def test_a_report_that_cannot_be_written_is_said_and_the_others_are_there(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/good-vm.recording", tmp_path)
    (tmp_path / "here").mkdir()
    done = run_pytest(f"--hosts=recorded://{tmp_path}", f"--json={tmp_path / 'here'}", f"--junitxml={tmp_path / 'junit.xml'}", "-k", "disk")
    assert done.returncode == 3, done.stdout
    assert f"--json={tmp_path / 'here'} could not be written: Is a directory" in done.stdout
    assert "Traceback" not in done.stdout
    assert "good-vm" in suites(tmp_path / "junit.xml")
