"""--hosts: the grammar, lists, ids, and one clear line for everything that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backup_preflight.errors import UsageError
from backup_preflight.targets import LiveTarget, Options, expand


def ids(hosts: str | None, **options: object) -> list[str]:
    return [target.id for target in expand(Options(hosts=hosts, **options))[0]]  # type: ignore[arg-type]


def only(hosts: str, **options: object) -> LiveTarget:
    (found,), _ = expand(Options(hosts=hosts, **options))  # type: ignore[arg-type]
    assert isinstance(found, LiveTarget)
    return found


def test_without_hosts_this_machine() -> None:
    (found,), notes = expand(Options())
    assert (found.id, found.scheme, notes) == ("local", "local", [])


@pytest.mark.parametrize(
    ("hosts", "scheme", "user", "name", "port"),
    [
        ("vm7", "paramiko", None, "vm7", None),
        ("ssh://vm7", "ssh", None, "vm7", None),
        ("safe-ssh://vm7", "ssh", None, "vm7", None),
        ("paramiko://azureuser@vm7:2222", "paramiko", "azureuser", "vm7", 2222),
        ("ssh://DOMAIN%5Cuser@vm7", "ssh", "DOMAIN\\user", "vm7", None),
        ("u@[fe80::1%25eth0]:22", "paramiko", "u", "fe80::1%eth0", 22),
        ("[::1]", "paramiko", None, "::1", None),
        ("docker://root@web-1", "docker", "root", "web-1", None),
        ("podman://web", "podman", None, "web", None),
        ("kubectl://pod?namespace=n&container=c", "kubectl", None, "pod", None),
        ("lxc://c1", "lxc", None, "c1", None),
    ],
)
def test_grammar(hosts: str, scheme: str, user: str | None, name: str, port: int | None) -> None:
    spec = only(hosts).spec
    assert (spec.scheme, spec.user, spec.name, spec.port) == (scheme, user, name, port)


def test_the_connection_option_is_for_entries_without_scheme() -> None:
    assert [target.scheme for target in expand(Options(hosts="a,paramiko://b", connection="ssh"))[0]] == ["ssh", "paramiko"]


def test_the_query_overrides_the_options(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("")
    query = f"sudo=false&sudo_user=backup&timeout=3&ssh_config={file}&ssh_identity_file={str(file).replace(' ', '%20')}"
    spec = only(f"vm7?{query}", sudo=True, connect_timeout=9.0).spec
    assert (spec.sudo, spec.sudo_user, spec.timeout, spec.ssh_config, spec.ssh_identity_file) == (False, "backup", 3, file, file)
    assert only("vm7?sudo_user=backup").spec.sudo


def test_order_and_duplicates(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("\ufeff# a comment\n\n  b  \nssh://c?timeout=5\na\n", encoding="utf-8")
    targets, notes = expand(Options(hosts=f"z,@{file},a"))
    assert [target.id for target in targets] == ["z", "b", "c", "a"]
    assert notes == ["a is named 2 times; it is read once"]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("a,b", ["a", "b"]),
        ("root@a", ["a"]),
        ("a:22,a:2222", ["a:22", "a:2222"]),
        ("a,a:2222", ["a:22", "a:2222"]),
        ("x@a,y@a", ["x@a", "y@a"]),
        ("x@a:1,y@a:1,x@a:2", ["x@a:1", "y@a:1", "x@a:2"]),
        ("ssh://a,a", ["ssh://a:22", "paramiko://a:22"]),
        ("a,a?sudo=true", ["paramiko://a:22+1", "paramiko://a:22+2"]),
        ("[fe80::1]", ["fe80::1"]),
        ("[fe80::1]:1,[fe80::1]:2", ["[fe80::1]:1", "[fe80::1]:2"]),
        ("DOMAIN%5Cu@a,v@a", ["DOMAIN%5Cu@a", "v@a"]),
        ("local://,docker://u@c,docker://c", ["local", "docker://u@c", "docker://c"]),
        ("chroot:///", ["chroot:///"]),
    ],
)
def test_ids(hosts: str, expected: list[str]) -> None:
    assert ids(hosts) == expected
    assert all(re.fullmatch(r"[A-Za-z0-9._:@/%+\[\]-]+", found) for found in expected)


def test_five_thousand_hosts() -> None:
    names = [f"vm{number}" for number in range(5000)]
    assert ids(",".join(names)) == names


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("", "empty"),
        ("a,,b", "empty"),
        ("a,", "empty"),
        ("wnrm://a", "unknown transport 'wnrm'; did you mean 'winrm'|known:"),
        ("paramko://a", "did you mean 'paramiko'"),
        ("winrm://a", "it names no user; write winrm://USER@HOST"),
        ("winrm://u@a", "no password for u; use --ask-pass, or set the environment variable PREFLIGHT_PASSWORD"),
        ("winrm://u:p@a?no_ssl=true&auth=basic", "in clear text"),
        ("winrm://u:p@a?auth=ntml", "auth is none of negotiate, ntlm"),
        ("winrm://u@a?auth=certificate", "certificate_pem=FILE"),
        ("winrm://u:p@a?ca_cert=/nonexistent", "No such file"),
        ("winrm://u:p@a?no_verify_ssl=yes", "neither 'true' nor 'false'"),
        ("winrm://u:p@a?read_timeout_sec=20", "greater than operation_timeout_sec"),
        ("winrm://u:p@a?configuration_name=a/b", "no name of a PowerShell endpoint"),
        ("winrm://u:p@a?sudo=true", "unknown key 'sudo' for winrm://"),
        ("a:0", "1 to 65535"),
        ("a:65536", "1 to 65535"),
        ("a:", "1 to 65535"),
        ("a:22x", "1 to 65535"),
        ("fe80::1", "brackets"),
        ("[fe80::1", "brackets"),
        ("ssh://", "names no host"),
        ("ssh://-oProxyCommand=touch%20PWN", "does not begin with '-'"),
        ("-oProxyCommand", "does not begin with '-'"),
        ("ssh://%2DoProxyCommand", "does not begin with '-'"),
        ("a b", "host name"),
        ("a;b", "host name"),
        ("a%0Ab", "host name"),
        ("a$(id)", "host name"),
        ("bücher.example", "host name"),
        ("-x@a", "user name"),
        ("@a@b", "second '@'|cannot be|No such file"),
        ("u;id@a", "user name"),
        ("%20@a", "user name"),
        ("u@v@a", "second '@'"),
        ("a/b", "'/'"),
        ("a#b", "'#'"),
        ("a?sudu=true", "unknown key 'sudu' for paramiko://; did you mean 'sudo'"),
        ("a?namespace=x", "unknown key 'namespace'"),
        ("a?sudo", "no value"),
        ("a?sudo=", "no value"),
        ("a?sudo=yes", "neither 'true' nor 'false'"),
        ("a?sudo_user=-x", "sudo_user"),
        ("a?sudo_user=x;id", "sudo_user"),
        ("a?timeout=0", "timeout"),
        ("a?timeout=x", "timeout"),
        ("a?ssh_config=/nonexistent", "No such file"),
        ("a?ssh_identity_file=/", "Is a directory"),
        ("local://vm7", "takes no host name"),
        ("chroot://image", "absolute path"),
        ("chroot:///nonexistent", "existing directory"),
        ("docker://-it", "does not begin with '-'"),
        ("docker://a;b", "letters, digits"),
        ("kubectl://p?namespace=-x", "namespace"),
        ("ansible://", "pattern"),
        ("recorded://", "path"),
        ("@/nonexistent", "No such file"),
        ("@/", "Is a directory"),
        ("@", "Is a directory|No such file"),
    ],
)
def test_one_clear_line_for_bad_input(hosts: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        expand(Options(hosts=hosts))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("--hosts: ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"connection": "paramko"}, "--connection=paramko: unknown transport; did you mean 'paramiko'"),
        ({"connection": "winrm"}, "it names no user"),
        ({"ssh_config": "/nonexistent"}, "--ssh-config /nonexistent: No such file"),
        ({"ssh_identity_file": "/nonexistent"}, "--ssh-identity-file /nonexistent: No such file"),
        ({"storage_endpoints": ("https://x/",)}, "--storage-endpoint=https://x/"),
        ({"sudo_user": "-x"}, "sudo_user"),
    ],
)
def test_bad_options(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        expand(Options(hosts="a", **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a\nb:0\n", ":2: 'b:0'"),
        (b"a\n\n@other\n", ":3: a list cannot name another"),
        (b"# nothing\n\n", "names no host"),
        (b"\xff\xfe\x00", "no text file"),
    ],
)
def test_errors_in_a_list_name_the_line(text: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(text)
    with pytest.raises(UsageError, match=says) as caught:
        expand(Options(hosts=f"a,@{file}"))
    assert str(file) in str(caught.value)
