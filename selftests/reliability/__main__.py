"""``python -m selftests.reliability``: make every fault, and write the tables of docs/reliability.md. ``load``: run the load too."""

from __future__ import annotations

import sys

from selftests.reliability import load, table
from selftests.reliability.runs import fault_rows, load_runs

if __name__ == "__main__":
    document = table.DOCUMENT.read_text(encoding="utf-8")
    if sys.argv[1:] != ["load"]:
        document = table.replaced(document, "faults", table.faults(fault_rows()))
    else:
        document = table.replaced(document, "load", load.table(load_runs(load.TARGETS, load.SEEDS)))
    table.DOCUMENT.write_text(document, encoding="utf-8")
