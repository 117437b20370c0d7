"""The lab's images: what is said when one cannot be built, and that two recipes of the same image stay one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.images import NAMES, image
from lab.images.recipe import RECIPES
from lab.shell import LabError
from selftests.sshd import way_out

LAB = Path(__file__).parents[2] / "lab"


def test_an_unknown_name_gets_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no image debian-99; there are .*debian-12"):
        image("debian-99", tmp_path)


def test_what_is_missing_for_a_build_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="apt-get install .*mmdebstrap" if os.geteuid() == 0 else "needs root"):
        image("debian-12", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_refers_to_what_exists(name: str) -> None:
    recipe = RECIPES[name]
    assert all((LAB / "images" / part / "setup.sh").is_file() for part in recipe.files)
    assert {other for other in (recipe.below, recipe.newer_agent) if other} <= set(NAMES)


def test_the_dockerfile_has_the_packages_of_debian_12() -> None:
    (block,) = re.findall(r"--no-install-recommends([^&]+)&&", (LAB / "Dockerfile").read_text())
    assert sorted(block.replace("\\", "").split()) == sorted(RECIPES["debian-12"].packages)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mmdebstrap"), reason="building an image needs root and mmdebstrap")
def test_a_build_that_is_killed_leaves_no_mount_and_no_process(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from lab.images import image; image('debian-12', Path(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=LAB.parent, stderr=subprocess.DEVNULL)
    wait_until(lambda: (tmp_path / "images" / "debian-12.draft" / "tree" / "etc").exists() or process.poll() is not None)
    process.kill()
    process.wait()
    wait_until(lambda: not builders(tmp_path))
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


@pytest.mark.usefixtures("isolated_network")
def test_what_is_downloaded_comes_over_the_network_that_the_tests_have_left() -> None:
    """Else an empty cache waits for time limits, as this process has only loopback."""
    network = Path("/proc/thread-self/ns/net")
    inside = network.readlink()
    with way_out():
        assert network.readlink() == Path(f"/proc/{os.getppid()}/ns/net").readlink() != inside
    assert network.readlink() == inside


def builders(cache: Path) -> list[str]:
    """Process ids of what builds in this cache."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it ended
            if f"DRAFT={cache}/".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    """Until it is true, for 30 seconds at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
