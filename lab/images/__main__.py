"""``python -m lab.images [NAME...]`` builds images: these, or all."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from lab.images import NAMES, image
from lab.shell import LabError


def main() -> int:
    """Build, and say how long it took."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "azure-backup-preflight" / "lab"
    for name in sys.argv[1:] or NAMES:
        start = time.monotonic()
        try:
            built = image(name, cache)
        except LabError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"{name} ({built.label}): {time.monotonic() - start:.0f} s, {built.layers[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
