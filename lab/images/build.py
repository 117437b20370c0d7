"""Building an image: one at a time of each Debian release, and nobody sees it before it is complete."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lab.images.recipe import HERE, Recipe
from lab.shell import LabError

_NEEDED = {"mmdebstrap": "mmdebstrap", "setpriv": "util-linux", "unshare": "util-linux"}
_UNUSED_SECONDS = 7 * 24 * 3600
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def build(recipe: Recipe, tree: Path, below: tuple[Path, ...], newer_agent: Path | None, downloads: Path) -> None:
    """Make the directory ``tree``. Packages stay in ``downloads`` for other images. Raises LabError; the log is then kept."""
    _require(recipe.name)
    for directory in (tree.parent, downloads / "archives" / "partial", downloads / "lists" / "partial"):
        directory.mkdir(parents=True, exist_ok=True)
    with (downloads / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():  # another process was faster
            return
        draft = tree.with_name(f"{recipe.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "tree").mkdir(parents=True)
        log = draft.with_suffix(".log")
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            **{name: value for name, value in os.environ.items() if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}},
            "DEBIAN_FRONTEND": "noninteractive",
            "SUITE": recipe.suite,
            "PACKAGES": " ".join(recipe.packages),
            "REMOVE": " ".join(recipe.remove),
            "OFFERED": " ".join(recipe.offered),
            "RECIPE": " ".join(recipe.files),
            "DRAFT": str(draft),
            "BELOW": ":".join(map(str, below)),
            "NEWER_AGENT": str(newer_agent or ""),
            "DOWNLOADS": str(downloads),
            "IMAGES": str(HERE),
        }
        # In namespaces of its own, and ended with us: a build that is killed leaves no mount and no process behind. Nice, because
        # guests of other images may be in proof meanwhile.
        command = ["nice", "setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation", "private", "--pid", "--fork"]
        command += ["--kill-child", "--mount-proc", "--", "sh", str(HERE / "build.sh")]
        with log.open("wb") as output:
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
        if done.returncode:
            shutil.rmtree(draft)
            said = log.read_text(errors="replace").strip().splitlines() or ["nothing was said"]
            cause = next((line for line in said if line.startswith("E: ")), said[-1])
            raise LabError(f"building the image {recipe.name} failed: {cause} (all that was said: {log})")
        (draft / "tree").rename(tree)
        shutil.rmtree(draft)
        log.unlink()
        remove_unused(tree.parent.glob(f"{recipe.name}-" + "?" * len(tree.name.rpartition("-")[2])))


def remove_unused(kept: Iterable[Path]) -> None:
    """Remove what no lab has used for some days: what is built by older recipes."""
    for directory in kept:
        if directory.stat().st_mtime < time.time() - _UNUSED_SECONDS:
            shutil.rmtree(directory)


def _require(name: str) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise LabError(f"to build the image {name} needs root on Linux")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = {package for program, package in _NEEDED.items() if not shutil.which(program, path=path)}
    if not _KEYRING.exists():
        missing.add("debian-archive-keyring")
    if missing:
        packages = " ".join(sorted(missing))
        raise LabError(f"to build the image {name} lacks programs; on Debian: apt-get install --no-install-recommends {packages}")
