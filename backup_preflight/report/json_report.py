"""``--json=FILE``: every result as data. The schema is docs/report.schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backup_preflight import __version__
from backup_preflight.causes import Edition
from backup_preflight.report.summary import Vm
from backup_preflight.verdict import Result

FORMAT = 1


def write(path: Path, vms: list[Vm], edition: Edition, code: int) -> None:
    """Write the report, the order of VMs and checks as in the run. Raises OSError."""
    report = {
        "format": FORMAT,
        "suite": __version__,
        "edition": edition.value,
        "exit_code": code,
        "vms": [
            {
                "target": vm.id,
                "system": vm.system,
                "description": vm.description,
                "counts": vm.counts,
                "results": [_plain(result) for result in vm.results],
            }
            for vm in vms
        ],
    }
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(result: Result) -> dict[str, Any]:
    """Every field but the VM's system, which stands with the VM."""
    return {key: value for key, value in result.as_data().items() if key != "system"}
