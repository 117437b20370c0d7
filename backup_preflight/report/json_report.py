"""``--json=FILE``: every result as data. The schema is docs/report.schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backup_preflight.lang import language
from backup_preflight.report.files import write_whole
from backup_preflight.report.run_report import RunReport
from backup_preflight.verdict import Result

FORMAT = 1


def write(path: Path, report: RunReport) -> None:
    """Write the report: the VMs in the order of --hosts, their results in that of the checks. Raises OSError."""
    data = {
        "format": FORMAT,
        "suite": report.suite,
        "lang": language(),
        "edition": report.edition.value,
        "exit_code": report.exit_code,
        "sentence": report.sentence,
        "vms": [
            {
                "target": vm.id,
                "system": vm.system,
                "description": vm.description,
                "counts": vm.counts,
                "results": [_plain(result, report) for result in vm.results],
            }
            for vm in report.vms
        ],
    }
    write_whole(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _plain(result: Result, report: RunReport) -> dict[str, Any]:
    """Every field but the VM's system, which stands with the VM; the first line as people read it; whether it fails the run."""
    data = {key: value for key, value in result.as_data().items() if key != "system"}
    return {"headline": result.headline, "gates": report.gates(result), **data}
