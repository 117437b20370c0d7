"""A site may allow just the collector in sudoers, as a root-owned file, by its digest."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_preflight.collect import script
from selftests.sshd import Accounts, Sshd, public_directory
from selftests.targets.helpers import ENGINES, facts, of, target

INSTALLED = """#!/bin/sh
[ "$1" = - ] || exit 9
while IFS== read -r key value; do
  case $key in nonce) nonce=$value ;; sudo) sudo=$value ;; storage_endpoints) storage=$value ;; image) image=$value ;; esac
done
printf '%s azure-backup-preflight 1 linux\\n' "$nonce"
printf '%s begin run\\ninstalled=yes\\nuid=%s\\nsudo=%s\\nstorage=%s\\nimage=%s\\n%s end run ok\\n' \\
  "$nonce" "$(id -u)" "$sudo" "$storage" "$image" "$nonce"
printf '%s done 1\\n' "$nonce"
"""


@pytest.fixture
def installed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The collector where an administrator would put it (but in a temporary directory), allowed to the plain account."""
    with public_directory() as directory:
        path = directory / "azure-backup-preflight"
        path.write_text(INSTALLED)
        path.chmod(0o755)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rule = Path(f"/etc/sudoers.d/preflight-selftest-digest-{accounts.plain.name}")
        try:
            rule.write_text(f"{accounts.plain.name} ALL=(root) NOPASSWD: sha256:{digest} {path} -\n")
            rule.chmod(0o440)
            monkeypatch.setattr(script, "RESTRICTED_COLLECTOR", str(path))
            yield path
        finally:
            rule.unlink(missing_ok=True)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("engine", ENGINES)
def test_the_installed_collector_runs_with_the_parameters(engine: str, sshd: Sshd, accounts: Accounts) -> None:
    entry = f"{engine}://{accounts.plain.name}@{sshd.host}:{sshd.port}"
    found = facts(target(entry, of(sshd, sudo=True, storage_endpoints=("a.example",))))
    assert found == {"installed": "yes", "uid": "0", "sudo": "yes", "storage": "a.example", "image": "no"}


def test_another_digest_is_refused(sshd: Sshd, accounts: Accounts, installed: Path) -> None:
    installed.write_text(INSTALLED + "# changed\n")
    found = facts(target(f"{accounts.plain.name}@{sshd.host}:{sshd.port}", of(sshd, sudo=True)))
    assert (found["sudo"], found.get("installed")) == ("refused", None)


def test_a_file_that_is_not_roots_is_not_run(sshd: Sshd, accounts: Accounts, installed: Path) -> None:
    shutil.chown(installed, accounts.sudo.name)
    found = facts(target(f"{accounts.sudo.name}@{sshd.host}:{sshd.port}", of(sshd, sudo=True)))
    assert (found["sudo"], found.get("installed")) == ("yes", None)
