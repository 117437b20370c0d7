"""``--junitxml=FILE``: one suite for each VM, in pytest's own file.

pytest's writer makes one suite of everything, and of a failure what it makes of tracebacks. So it gets to see only the tests that are
none of ours, and when it has written its file, our suites are put into it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # our own pytest has just written what is read here
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.junitxml import LogXML, xml_key

from backup_preflight.lang import tr
from backup_preflight.report.files import write_whole
from backup_preflight.report.message import one_line, render
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm
from backup_preflight.session import FLEET
from backup_preflight.verdict import CONNECTION, Result, Verdict

_FAILURES = {Verdict.FAIL.value, Verdict.ADVICE.value}


def keep_ours_out(config: pytest.Config) -> Path | None:
    """Let pytest's writer see only what is none of ours. Its file; None when nobody has asked for one."""
    writer = config.stash.get(xml_key, None)
    if writer is None:
        return None
    take_in = LogXML.pytest_runtest_logreport

    def only_others(report: pytest.TestReport) -> None:
        if not getattr(report, "preflight_check", False):
            take_in(writer, report)

    manager = config.pluginmanager
    manager.unregister(writer)
    writer.pytest_runtest_logreport = only_others  # type: ignore[method-assign]
    manager.register(writer)
    return Path(writer.logfile)


def add_suites(path: Path, report: RunReport) -> None:
    """Put our suites into the file that pytest has written, the VMs in the order of --hosts. Raises OSError."""
    root = ET.parse(path).getroot()  # noqa: S314
    for others in root.findall("testsuite"):
        if not others.findall("testcase"):
            root.remove(others)
    root.set("name", "azure-backup-preflight")
    write_whole(path, _pieces(root, report))


def _pieces(root: ET.Element, report: RunReport) -> Iterator[str]:
    """The file, a suite at a time: the elements of a thousand VMs would take 150 MB."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield ET.tostring(ET.Element(root.tag, root.attrib), encoding="unicode", short_empty_elements=False).removesuffix(f"</{root.tag}>")
    for vm in report.vms:
        if vm.results or vm.id != FLEET:
            yield ET.tostring(_suite(vm, report), encoding="unicode")
    for others in root:
        yield ET.tostring(others, encoding="unicode")
    yield f"</{root.tag}>\n"


def _suite(vm: Vm, report: RunReport) -> ET.Element:
    cases = [_case(result, report) for result in vm.results] or [_unfinished(vm)]
    tags = Counter(child.tag for case in cases for child in case)
    suite = ET.Element(
        "testsuite",
        name=one_line(vm.id),
        tests=str(len(cases)),
        failures=str(tags["failure"]),
        errors=str(tags["error"]),
        skipped=str(tags["skipped"]),
        timestamp=report.started.isoformat(timespec="seconds"),
        hostname=one_line(vm.id),
    )
    suite.append(_properties(description=vm.description, system=vm.system, edition=report.edition.value, suite=report.suite))
    suite.extend(cases)
    return suite


def _case(result: Result, report: RunReport) -> ET.Element:
    """One check. What the run counts is a failure or an error, what it only shows is skipped: a green run has no red case."""
    case = ET.Element("testcase", classname=one_line(result.target), name=one_line(f"{result.check} {result.wanted}"))
    case.append(_properties(id=result.check, verdict=result.verdict, level=result.level, cause=" ".join(result.causes), see=result.link))
    if result.verdict == Verdict.NOT_APPLICABLE.value:
        ET.SubElement(case, "skipped", type=result.verdict, message=one_line(result.reason))
    elif result.is_finding:
        tag = "skipped" if not report.gates(result) else "failure" if result.verdict in _FAILURES else "error"
        said = render(result)
        ET.SubElement(case, tag, type=result.verdict, message=said.partition("\n")[0]).text = said
    return case


def _unfinished(vm: Vm) -> ET.Element:
    """A VM that an interrupted run has not come to."""
    case = ET.Element("testcase", classname=one_line(vm.id), name=CONNECTION)
    ET.SubElement(case, "error", type="interrupted", message=f"{one_line(vm.id)}: {tr('the run ended before this VM was looked at')}")
    return case


def _properties(**values: str) -> ET.Element:
    element = ET.Element("properties")
    for name, value in values.items():
        if value:
            ET.SubElement(element, "property", name=name, value=one_line(value))
    return element
