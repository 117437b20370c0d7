"""``--json=FILE``: every result as data. The schema is docs/report.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from backup_preflight.lang import language
from backup_preflight.logs import Logs
from backup_preflight.report.files import write_whole
from backup_preflight.report.run_report import RunReport
from backup_preflight.report.summary import Vm
from backup_preflight.verdict import Result

FORMAT = 1


def write(path: Path, report: RunReport) -> None:
    """Write the report: the VMs in the order of --hosts, their results in that of the checks, a line each. Raises OSError."""
    head = {
        "format": FORMAT,
        "suite": report.suite,
        "lang": language(),
        "edition": report.edition.value,
        "exit_code": report.exit_code,
        "sentence": report.sentence,
        "waivers": report.waiver_notes(),
    }
    write_whole(path, _object(head, "vms", [_vm(vm, report) for vm in report.vms]) + "\n")


def _vm(vm: Vm, report: RunReport) -> str:
    head = {
        "target": vm.id,
        "system": vm.system,
        "description": vm.description,
        "collector": vm.collector,
        "counts": vm.counts,
        "logs": _logs(report.logs.get(vm.id)),
    }
    return _object(head, "results", [_json(_plain(result, report)) for result in vm.results])


def _logs(logs: Logs | None) -> dict[str, object] | None:
    if logs is None:
        return None
    return {"directory": str(logs.directory), "files": list(logs.files), "problems": list(logs.problems)}


def _plain(result: Result, report: RunReport) -> dict[str, object]:
    """Every field but those that stand with the VM; the first line as people read it; whether it fails the run."""
    plain = {"headline": result.headline, "gates": report.gates(result), **result.as_data()}
    for key in ("system", "collector"):
        del plain[key]
    return plain


def _object(head: Mapping[str, object], name: str, items: list[str]) -> str:
    """An object whose last member is a list, each item of it on a line of its own: json's own indenting is many times slower."""
    return f"{_json(head)[:-1]}, {_json(name)}: [\n" + ",\n".join(items) + "\n]}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
