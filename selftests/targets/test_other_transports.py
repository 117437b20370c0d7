"""local, chroot and testinfra's container transports. Their tools are stand-ins here: small scripts in PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from backup_preflight.errors import Problem
from backup_preflight.targets import Options
from selftests.sshd import missing
from selftests.targets.helpers import STANDIN, facts, problem, target


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory at the front of PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory


def tool(tools: Path, name: str, script: str) -> None:
    path = tools / name
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def test_local() -> None:
    found = target("local://", Options(storage_endpoints=("a.example",)))
    assert facts(found) == {"uid": str(os.geteuid()), "sudo": "no", "image": "no", "storage": "a.example"}
    assert found.backend().run("echo %s", "a b").stdout == "a b\n"


def test_local_with_sudo(tools: Path) -> None:
    tool(tools, "id", "echo 1000\n")
    tool(tools, "sudo", 'echo "sudo: a password is required" >&2; exit 1\n')
    recording = target("local://?sudo=true").read()
    assert "sudo=refused" in recording.section("run").text
    assert recording.stderr == "sudo: a password is required\n"


def test_local_without_sudo_installed(tools: Path) -> None:
    tool(tools, "id", "echo 1000\n")
    tool(tools, "sudo", "exit 127\n")
    assert facts(target("local://?sudo=true"))["sudo"] == "refused"


@pytest.mark.parametrize(
    ("entry", "name", "words"),
    [
        ("docker://root@web", "docker", "exec -u root web /bin/sh -c"),
        ("docker://web", "docker", "exec web /bin/sh -c"),
        ("podman://web", "podman", "exec web /bin/sh -c"),
        ("lxc://web", "lxc", "exec web --mode=non-interactive -- /bin/sh -c"),
        ("kubectl://web?namespace=n&container=c&context=x", "kubectl", "--context=x -n n -c c exec web -- /bin/sh -c"),
        ("openshift://web?namespace=n", "oc", "-n n exec web -- /bin/sh -c"),
    ],
)
def test_containers(entry: str, name: str, words: str, tools: Path) -> None:
    # The stand-in runs its last word as "/bin/sh -c" would, and has no standard input, as "docker exec" without -i.
    tool(
        tools,
        name,
        f'case "$*" in "{words} "*) ;; *) echo "called with $*" >&2; exit 9 ;; esac\n'
        'for word; do :; done; exec /bin/sh -c "$word" </dev/null\n',
    )
    large = STANDIN + "# it's large: ' \\ \" {{ {% {#\n" * 1500
    assert facts(target(entry, collector=large))["sudo"] == "no"
    assert facts(target(entry, Options(sudo=True), collector=large))["sudo"] == ("no" if os.geteuid() == 0 else "refused")


def test_a_missing_tool(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tools))
    found = problem(target("docker://web"))
    assert found.problem is Problem.TRANSPORT
    assert found.detail == "the program docker cannot be run: No such file or directory"
    assert found.remedy == "install docker on this machine, or correct its permissions"


def test_a_container_that_does_not_run(tools: Path) -> None:
    tool(tools, "docker", 'echo "Error response from daemon: No such container: web" >&2; exit 1\n')
    found = problem(target("docker://web"))
    assert found.problem is Problem.TRANSPORT
    assert found.detail == "docker://web: Error response from daemon: No such container: web"
    assert "docker exec web" in found.remedy


def test_a_python_package_that_is_missing() -> None:
    found = problem(target("salt://minion"))
    assert found.problem is Problem.TRANSPORT
    assert "salt" in found.detail


def test_chroot_needs_what_the_image_lacks(tmp_path: Path) -> None:
    found = problem(target(f"chroot://{tmp_path}"))
    assert found.problem is Problem.TRANSPORT
    assert "/bin/sh" in found.detail or "not permitted" in found.detail
    assert f"sudo chroot {tmp_path}" in found.remedy


def test_chroot(tmp_path: Path) -> None:
    busybox = shutil.which("busybox")
    if os.geteuid() != 0 or busybox is None:
        missing("needs root and busybox")
        return
    (tmp_path / "bin").mkdir()
    for name in ("sh", "id", "printf", "cat"):
        shutil.copy(busybox, tmp_path / "bin" / name)
    assert facts(target(f"chroot://{tmp_path}"))["image"] == "yes"
