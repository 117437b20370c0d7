"""Whatever POSIX shell /bin/sh is, the collector says the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from selftests.collect.guest import Guest, Run, installed, needs_root
from selftests.sshd import missing

SHELLS = ("bash", "busybox", "ksh", "mksh", "yash", "zsh")


HIJACKED = (
    "awk",
    "cat",
    "cd",
    "date",
    "grep",
    "head",
    "id",
    "ls",
    "printf",
    "sed",
    "sleep",
    "stat",
    "tail",
    "test",
    "timeout",
    "tr",
    "uname",
    "wc",
)
_SLOW = {"timeout", "error"}


def run_as_sh(shell: str, directory: Path, wrap: str = "", *, hijacked: bool = False) -> Run:
    """The collector by ``sh -s``, where /bin/sh is this shell."""
    needs_root()
    path = shutil.which(shell, path="/usr/bin:/bin")
    if path is None:
        missing(f"{shell} is missing: apt-get install {shell}")
        raise AssertionError
    guest = installed(Guest(directory))
    guest.folder("/usr/bin")
    sh = guest.directory / "changes" / "usr" / "bin" / "sh"
    sh.symlink_to(Path(path).resolve())
    if hijacked:
        for name in HIJACKED:
            guest.program(f"/hijacked/{name}", "echo hijacked\n")
        guest.file("/hijacked/rc", "".join(f"alias {name}='echo hijacked'\n{name}() {{ echo hijacked; }}\n" for name in HIJACKED))
    return guest.run(shell="sh", wrap=wrap)


def differences(found: Run, other: Run) -> dict[tuple[str, str], tuple[str, str]]:
    """Sections that are seen otherwise. What took too long tells of the machine's load, not of the shell."""
    ours, theirs = ({key: section.status.value for key, section in run.recording.sections.items()} for run in (found, other))
    assert ours.keys() == theirs.keys()
    pairs = {key: (ours[key], theirs[key]) for key in ours}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1] and not _SLOW & set(pair)}


@pytest.fixture(scope="module")
def dash(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_as_sh("dash", tmp_path_factory.mktemp("dash") / "guest")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_collector_says_the_same_in_every_shell(shell: str, dash: Run, tmp_path: Path) -> None:
    found = run_as_sh(shell, tmp_path / "guest")
    assert found.errors == ""
    assert found.left == []
    assert found.written == []
    assert differences(found, dash) == {}


@pytest.mark.parametrize("shell", ["dash", *SHELLS])
def test_nothing_of_the_users_own_environment_reaches_it(shell: str, dash: Run, tmp_path: Path) -> None:
    """Programs planted in PATH, exported functions, ENV and BASH_ENV with aliases, and what else changes how commands behave."""
    functions = [f"'BASH_FUNC_{name}%%=() {{ echo hijacked; }}'" for name in HIJACKED]
    plain = "PATH=/hijacked:/usr/bin:/bin ENV=/hijacked/rc BASH_ENV=/hijacked/rc CDPATH=/tmp IFS=e GREP_OPTIONS=-v POSIXLY_CORRECT=1"
    wrap = f"/usr/bin/env {' '.join(functions)} {plain} TZ=Asia/Seoul LC_ALL=de_DE.UTF-8"
    found = run_as_sh(shell, tmp_path / "guest", wrap, hijacked=True)
    assert [line for line in found.output.splitlines() if b"hijacked" in line] == []
    assert "hijacked" not in found.errors
    assert differences(found, dash) == {}
