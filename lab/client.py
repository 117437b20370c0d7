"""Starting a lab, finding one that runs, and working with its guests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from lab import cgroups
from lab.images import image
from lab.shell import LabError, require

_PREFIX = "backup-preflight-lab-"
_START_SECONDS = 180


def cache_directory() -> Path:
    """Where images and packages are kept between labs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "azure-backup-preflight", "lab")


class Manager(BaseManager):
    """The lab's door: a socket that only its owner can open."""


class RunningLab:
    """A lab, from outside. ``lab`` is lab.server.Lab by proxy; its methods may be called from several threads at once."""

    def __init__(self, directory: Path) -> None:
        Manager.register("lab")
        self.directory = directory
        self._manager = Manager(address=str(directory / "socket"), authkey=directory.name.encode())
        self._manager.connect()
        self.lab: Any = self._manager.lab()  # type: ignore[attr-defined]

    @property
    def pid(self) -> int:
        """Process id of the lab's process 1."""
        unshare = self.directory.name.removeprefix(_PREFIX)
        return int(Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()[0])

    def inside(self, *command: str) -> list[str]:
        """A command line that runs in the lab's network."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *command]

    def close(self) -> None:
        """End the lab, and what it left in the temporary folder."""
        with contextlib.suppress(OSError, IndexError):
            os.kill(self.pid, signal.SIGTERM)
        _end(self.directory)


def build(images: Iterable[str]) -> Path:
    """Build and install what is missing in the cache, as there is no way out of a lab. Returns the cache. Raises LabError.

    Side by side, and beside who else builds: nothing is made twice.
    """
    from lab.fabric import storage  # takes half a second, which nobody else wants to wait
    from lab.machine import MACHINE, prepare

    require()
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    jobs: list[Callable[[], object]] = [partial(storage.install, cache)]
    jobs += [partial(prepare, cache) if name == MACHINE else partial(image, name, cache) for name in set(images)]
    with ThreadPoolExecutor(len(jobs)) as pool:  # images of one Debian release wait for each other
        for done in [pool.submit(job) for job in jobs]:
            done.result()
    return cache


def start(images: Iterable[str], *, detached: bool = False) -> tuple[subprocess.Popen[bytes], RunningLab]:
    """Start a lab, for guests of these images. Unless ``detached``, it ends with this process, however that ends. Raises LabError."""
    cache = build(images)
    sweep()
    prefix = Path(tempfile.gettempdir(), _PREFIX)
    namespaces = "unshare --net --mount --pid --fork --kill-child=KILL --mount-proc --propagation private"
    script = f'mkdir -m 700 "$0$$" && exec {namespaces} "$1" -m lab.server "$0$$" "$2" $3 >"$0$$/log" 2>&1'
    command = ["sh", "-c", script, str(prefix), sys.executable, str(cache), "detached" if detached else ""]
    source = subprocess.DEVNULL if detached else subprocess.PIPE
    process = subprocess.Popen(command, stdin=source, start_new_session=True, cwd=Path(__file__).parents[1])
    directory = Path(f"{prefix}{process.pid}")
    end = time.monotonic() + _START_SECONDS
    while not (directory / "ready").exists():
        if process.poll() is not None or time.monotonic() > end:
            log = (directory / "log").read_text(errors="replace").strip().splitlines()
            process.kill()
            _end(directory)
            raise LabError(f"the lab does not start: {log[-1] if log else 'it said nothing'}")
        time.sleep(0.05)
    if detached:
        (directory / "detached").touch()
    return process, RunningLab(directory)


@contextlib.contextmanager
def running(images: Iterable[str]) -> Iterator[RunningLab]:
    """A lab that ends with the block."""
    process, lab = start(images)
    try:
        yield lab
    finally:
        lab.close()
        process.wait()
        check_machine()


def find() -> RunningLab:
    """The lab that ``make lab-up`` has started. Raises LabError when there is none."""
    for directory in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        if _runs(directory) and (directory / "detached").exists():
            return RunningLab(directory)
    raise LabError("no lab runs here: make lab-up")


def sweep() -> None:
    """Remove what labs left that were killed."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not _runs(directory):
            shutil.rmtree(directory, ignore_errors=True)
    cgroups.sweep()


def check_machine() -> None:
    """Raises LabError when /dev/null is not what it was: a guest's console once changed its owner and mode."""
    found = Path("/dev/null").stat()
    if not stat.S_ISCHR(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o666 or found.st_uid:
        raise LabError(f"/dev/null has been changed: mode {found.st_mode:o}, owner {found.st_uid}")


def _runs(directory: Path) -> bool:
    return Path("/proc", directory.name.removeprefix(_PREFIX)).exists()


def _end(directory: Path) -> None:
    end = time.monotonic() + 30
    while _runs(directory) and time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(int(directory.name.removeprefix(_PREFIX)), os.WNOHANG)
        time.sleep(0.05)
    shutil.rmtree(directory, ignore_errors=True)
