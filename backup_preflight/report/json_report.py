"""``--json=FILE``: every result as data. The schema is docs/report.schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backup_preflight.files import write_atomically
from backup_preflight.logs import Logs
from backup_preflight.report.run_report import RunReport
from backup_preflight.verdict import Result

FORMAT = 1


def write(path: Path, report: RunReport) -> None:
    """Write the report, the order of VMs and checks as in the run. Raises OSError."""
    data = {
        "format": FORMAT,
        "suite": report.suite,
        "edition": report.edition.value,
        "exit_code": report.exit_code,
        "waivers": report.waiver_notes(),
        "vms": [
            {
                "target": vm.id,
                "system": vm.system,
                "description": vm.description,
                "counts": vm.counts,
                "logs": _logs(report.logs.get(vm.id)),
                "results": [_plain(result) for result in vm.results],
            }
            for vm in report.vms
        ],
    }
    write_atomically(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def _logs(logs: Logs | None) -> dict[str, Any] | None:
    if logs is None:
        return None
    return {"directory": str(logs.directory), "files": list(logs.files), "problems": list(logs.problems)}


def _plain(result: Result) -> dict[str, Any]:
    """Every field but the VM's system, which stands with the VM; and the first line as people read it."""
    return {"headline": result.headline, **{key: value for key, value in result.as_data().items() if key != "system"}}
