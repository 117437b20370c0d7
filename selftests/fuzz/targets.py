"""What is fuzzed: every parser that reads what a VM, a file or a command line says.

A target takes bytes and returns, whatever they are. What it raises is a defect: the errors that a parser documents end here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from pathlib import Path

from backup_preflight.causes import Edition
from backup_preflight.checks import Check, catalogue
from backup_preflight.errors import UsageError
from backup_preflight.facts.http import response
from backup_preflight.facts.linux.leases import fabric_addresses
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.vm import Facts, facts_of
from backup_preflight.recording import NotARecording, Recording, Section, Status, load, parse
from backup_preflight.report.message import render as render_message
from backup_preflight.targets import Options, expand, hostlist, inventory, known_hosts, ssh_config
from backup_preflight.targets.entry import Entry
from backup_preflight.targets.parse import parse as parse_entry
from backup_preflight.verdict import Judge, Rules, Verdict
from selftests import recordings, windows_recordings
from selftests.recordings import Key, Part, real_recordings, render
from selftests.targets.test_inventory import HOSTVARS

REAL = Path(__file__).parents[1] / "real"
CORPUS = Path(__file__).parent / "corpus"
"""One folder for each target: inputs that once were a defect, and seeds that nothing else holds."""


@dataclass(frozen=True)
class Target:
    """``run`` takes an input; ``seeds`` are inputs to begin from."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


@functools.cache
def _checks(system: str) -> list[Check]:
    return [check for check in catalogue().values() if "fleet" not in check.facts and check.is_for(system)]


def read_all(value: object) -> None:
    """Read every property of facts and of what they give. Raises whatever they raise but what they document."""
    if isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            read_all(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            read_all(each)
    elif dataclasses.is_dataclass(value) and type(value).__module__.startswith("backup_preflight.facts"):
        for name, member in vars(type(value)).items():
            if not name.startswith("_") and isinstance(member, (property, functools.cached_property)):
                with contextlib.suppress(NotObserved, ConfigParserError):
                    read_all(getattr(value, name))


def judge_all(recording: Recording) -> None:
    """Every fact, and every check in both editions; each message can be printed."""
    facts: Facts = facts_of(recording)
    read_all(facts)
    for edition in Edition:
        judge = Judge("vm", facts, Rules(edition), {})
        for check in _checks(recording.system):
            result = judge.result(check)
            if result.verdict == Verdict.CRASH.value:
                raise AssertionError(f"{check.id}: {result.reason}")
            render_message(result).encode()


def _recording(data: bytes) -> None:
    with contextlib.suppress(NotARecording):
        judge_all(parse(data))


def _recording_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.recording")
        path.write_bytes(data)
        with contextlib.suppress(NotARecording):
            load(path)


def _section(base: Mapping[Key, Part], system: str) -> Callable[[bytes], None]:
    """An input is ``section subject``, a line end, and the body that the section gets in an otherwise healthy VM."""

    def run(data: bytes) -> None:
        head, _, body = data.partition(b"\n")
        name, _, subject = head.decode("utf-8", "replace").partition(" ")
        with contextlib.suppress(NotARecording):
            judge_all(parse(render({**base, (name, subject): Part(body=body)}, system=system)))

    return run


def _http(data: bytes) -> None:
    found = response(Section(Status.OK, data))
    assert found.failure or found.code


def _lease(data: bytes) -> None:
    fabric_addresses(parse(render({("dhcp_lease", "x"): Part(body=data)})))


def _hosts(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list")
        path.write_bytes(data)
        with contextlib.suppress(UsageError):
            for entry in hostlist.entries(f"@{path}"):
                _entry(entry.text)


def _entry(text: str) -> None:
    """One entry; its password is shown neither by what it becomes nor by what is wrong with it."""
    entry = Entry(text, "fuzz")
    try:
        spec = parse_entry(entry, Options())
        if spec.scheme != "ansible":  # runs a program
            expand(Options(hosts=text))
    except UsageError as error:
        shown = str(error)
    else:
        shown = repr(spec)
    if text.count("pl4nted") == 1 and re.search(r":pl4nted[^@]*@", text):
        assert "pl4nted" not in shown + repr(entry), shown


def _inventory(data: bytes) -> None:
    """The variables of one host, as ``ansible-inventory`` prints them."""
    try:
        variables = json.loads(data)
    except (ValueError, RecursionError):
        return
    spec = parse_entry(Entry("ansible://all", "fuzz"), Options())
    if isinstance(variables, dict):
        with contextlib.suppress(UsageError):
            inventory._host(spec, "vm", variables, ConfigParser())


def _ssh_config(data: bytes) -> None:
    if any(word in data.lower() for word in (b"exec", b"include")):
        return  # runs a command, or reads what happens to lie about
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config")
        path.write_bytes(data)
        with contextlib.suppress(UsageError):
            found = ssh_config.resolve("vm7", None, None, path)
            _ = (found.host, found.user, found.proxy_command, found.jump_hosts, found.paths("identityfile"))
            _ = found.port


def _known_hosts(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "known_hosts")
        path.write_bytes(data)
        known_hosts.judge(b"x", known_hosts.lookup("[vm7]:2222", [path]))


def _seeds(*inline: bytes, name: str) -> tuple[bytes, ...]:
    folder = CORPUS / name
    kept = tuple(path.read_bytes() for path in sorted(folder.iterdir())) if folder.is_dir() else ()
    return inline + kept


def _sections(*found: Recording | Mapping[Key, Part]) -> list[bytes]:
    """Every section with content, once."""
    seeds: dict[bytes, None] = {}
    for one in found:
        parts = one.sections if isinstance(one, Recording) else one
        for (name, subject), part in parts.items():
            if part.body:
                seeds[f"{name} {subject}\n".encode() + part.body[:8192]] = None
    return list(seeds)


def _bodies(name: str, seeds: Sequence[bytes]) -> list[bytes]:
    return [seed.partition(b"\n")[2] for seed in seeds if seed.startswith(f"{name} ".encode())]


_WINDOWS = windows_recordings.HEALTHY
_META = b'#azure-backup-preflight {"target": "vm7", "started": 1780000000.5, "finished": 1780000005, "stderr": "x"}\n'
_SSH_CONFIG = b"""Host vm7 !vm8
  HostName 192.0.2.7
  Port 2222
  User "azure user"
  IdentityFile ~/.ssh/id %d/%h
  ProxyJump admin@bastion:22,[fd00::1]:22
Match host 192.0.2.* originalhost vm7 user azureuser
  ProxyCommand ssh -W %h:%p bastion
  HostKeyAlias vm7
"""
_KNOWN_HOSTS = b"""[vm7]:2222,192.0.2.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqDQNzHpZ4K0W0
|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa AAAAB3NzaC1yc2E=
@revoked *.example.com,!vm7.example.com ecdsa-sha2-nistp256 AAAAE2VjZHNh
@cert-authority *.example.com ssh-ed25519 AAAA
"""
_HOSTS = b"""# a comment
vm1
azureuser:pl4nted%40@10.0.0.4:2222?sudo=true&timeout=30
ssh://vm7?ssh_identity_file=~/.ssh/id
paramiko://u@[fd00::4]:22
winrm://CORP%5Cadmin:pl4nted@vm9?auth=basic&no_ssl=false&ca_cert=/x
docker://name
kubectl://pod?namespace=x&container=y
chroot:///mnt/image
"""


def _load() -> dict[str, Target]:
    real = [load(path) for path in real_recordings()]
    whole = [render(recordings.HEALTHY), render(recordings.unprivileged()), render(_WINDOWS, system="windows")]
    sections = _sections(recordings.HEALTHY, *real)
    runs: dict[str, tuple[Callable[[bytes], None], Sequence[bytes]]] = {
        "recording": (_recording, whole),
        "recording-file": (_recording_file, [_META + whole[0], b"\xff\xfe" + whole[2].decode().encode("utf-16-le")]),
        "linux": (_section(recordings.HEALTHY, "linux"), sections),
        "windows": (_section(_WINDOWS, "windows"), _sections(_WINDOWS)),
        "http": (_http, _bodies("http", sections)),
        "lease": (_lease, _bodies("dhcp_lease", sections)),
        "hosts": (_hosts, [_HOSTS, *_HOSTS.splitlines()]),
        "inventory": (_inventory, [json.dumps(variables).encode() for variables in HOSTVARS.values()]),
        "ssh-config": (_ssh_config, [_SSH_CONFIG]),
        "known-hosts": (_known_hosts, [_KNOWN_HOSTS]),
    }
    return {name: Target(name, run, _seeds(*seeds, name=name)) for name, (run, seeds) in runs.items()}


TARGETS = _load()
