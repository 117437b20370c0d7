"""The OpenSSH configuration is read as OpenSSH reads it; where it can, ``ssh -G`` is the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backup_preflight.errors import UsageError
from backup_preflight.targets import Options, expand
from backup_preflight.targets.ssh_config import resolve


def by_openssh(config: Path, host: str) -> dict[str, list[str]]:
    shown = subprocess.run(["ssh", "-G", "-F", str(config), host], check=True, capture_output=True, text=True).stdout
    values: dict[str, list[str]] = {}
    for line in shown.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value)
    return values


CONFIG = """
# a comment
Include {directory}/conf.d/*.conf
Host vm7 vm8 !vm9
    HostName %h.internal.example
    User=azureuser
    Port 2222
    IdentityFile ~/.ssh/first
Host vm* !vm9
    User nobody
    IdentityFile ~/.ssh/second
Match originalhost vm9 exec "test %n = vm9"
    User from-exec
Match host "*.internal.example" user azureuser
    ProxyJump bastion:22
Match originalhost vm9 !exec "false"
    Port 9
Match final host *.internal.example
    HostKeyAlias final
Match all
    ServerAliveInterval 7
Host "quoted name"
    User quoted
"""


@pytest.mark.parametrize("host", ["vm7", "vm8", "vm9", "vm10", "included", "other", "nested"])
def test_as_openssh_does(host: str, tmp_path: Path) -> None:
    directory = tmp_path / "conf.d"
    directory.mkdir()
    (directory / "1.conf").write_text(f"Host included nested\n  User one\n  Include {tmp_path}/nested\n  Compression yes\n")
    (directory / "2.conf").write_text("Host included\n  User two\n  Port 22022\n")
    (tmp_path / "nested").write_text("Host nested\n  Port 33\nHost vm7\n  Port 44\n")
    config = tmp_path / "config"
    config.write_text(CONFIG.format(directory=tmp_path))
    ours, theirs = resolve(host, None, None, config), by_openssh(config, host)
    assert (ours.host, str(ours.port), ours.user) == (theirs["hostname"][0], theirs["port"][0], theirs["user"][0])
    for keyword in ("proxyjump", "hostkeyalias", "compression", "serveraliveinterval"):
        default = {"compression": "no", "serveraliveinterval": "0"}.get(keyword, "")
        expected = theirs.get(keyword, [default])[0]
        assert ours.get(keyword, default).removesuffix(":22") == expected.removesuffix(":22")
    if "identityfile" in ours.values:
        assert ours.values["identityfile"] == theirs["identityfile"]


def test_the_entry_comes_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n User nobody\n Port 1\nMatch user root\n HostName 192.0.2.1\n")
    found = resolve("vm7", "root", 2222, config)
    assert (found.user, found.port, found.host) == ("root", 2222, "192.0.2.1")


def test_tokens_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", str(tmp_path))
    config = tmp_path / "config"
    config.write_text('IdentityFile "${KEYS}/%h-%p-%r"\nUserKnownHostsFile none\nProxyCommand nc %h %p %%\nHostName 192.0.2.1\n')
    found = resolve("vm7", "root", None, config)
    assert found.paths("identityfile") == [tmp_path / "192.0.2.1-22-root"]
    assert found.paths("userknownhostsfile", "~/.ssh/known_hosts") == []
    assert found.proxy_command == "nc 192.0.2.1 22 %"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Host\n", "config:1"),
        ('User "x\n', "config:1"),
        ("\nPort\n", "config:2"),
        ("Port x\n", "Port x is not a number"),
        ("Match host\n", "lacks its argument"),
        ("Match nonsense x\n", "unknown"),
        ("Include {file}\n", "circle"),
    ],
)
def test_a_broken_file_is_named(text: str, says: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(text.format(file=config))
    with pytest.raises(UsageError, match=says):
        assert resolve("vm7", None, None, config).port


def test_a_broken_file_ends_the_run_before_any_connection(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host\n")
    with pytest.raises(UsageError, match="config:1"):
        expand(Options(hosts="vm7", ssh_config=str(config)))
