"""``python -m selftests.pythons``: judge the examples and run the selftests of facts and checks on every Python that is here.

Each gets a virtual environment that is thrown away. What is missing is said; a Python on which something fails is exit code 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
TESTS = ("selftests/facts", "selftests/checks", "--deselect=selftests/facts/test_properties.py")


def interpreter(version: str) -> str | None:
    """Of PATH, of pyenv or of uv, where these keep theirs."""
    kept = (Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions"), Path.home() / ".local/share/uv/python")
    found = [shutil.which(f"python{version}")]
    found += [str(path) for folder in kept for path in sorted(folder.glob(f"*{version}.*/bin/python{version}"))]
    return next((path for path in found if path and _is(path, version)), None)


def _is(path: str, version: str) -> bool:
    """Whether it starts (a shim of pyenv may not), and is that version."""
    script = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == version


def check(path: str, folder: Path, wheel: Path) -> str:
    """Empty when all is well, else what failed."""
    python = folder / "bin/python"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "VIRTUAL_ENV"))}
    steps = (
        ([path, "-m", "venv", str(folder)], 0),
        ([str(python), "-m", "pip", "install", "-q", "-c", "constraints.txt", "pytest", "hypothesis", str(wheel)], 0),
        ([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hosts=recorded://examples"], 1),
        ([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS], 0),
    )
    for command, code in steps:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != code:
            return f"{' '.join(command[1:4])}: exit code {done.returncode}, not {code}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
    return ""


def report(version: str, wheel: Path) -> tuple[str, bool]:
    """One line for a version, and whether it is all well."""
    path = interpreter(version)
    if path is None:
        return f"Python {version}: not here", True
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="preflight-python-") as folder:
        problem = check(path, Path(folder), wheel)
    return f"Python {version}: {problem or 'passed'} ({time.monotonic() - started:.0f} s)", not problem


def main() -> int:
    good = True
    with tempfile.TemporaryDirectory(prefix="preflight-wheel-") as folder, ThreadPoolExecutor(2) as pool:
        # Once for all: builds side by side would meet in the folder build/.
        subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, "."], cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        for line, well in pool.map(partial(report, wheel=wheel), VERSIONS):
            print(line, flush=True)
            good = good and well
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
