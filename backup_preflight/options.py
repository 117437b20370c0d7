"""The suite's options: what they are called, and the run that they describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_preflight import shard, xdist
from backup_preflight.causes import Edition, find_error
from backup_preflight.collect.forks import FORKS, forks
from backup_preflight.errors import UsageError
from backup_preflight.lang import LANGUAGES
from backup_preflight.session import Session
from backup_preflight.targets import PASSWORD_VARIABLE, Options, expand, password, register_backends
from backup_preflight.targets.secret import Secret
from backup_preflight.verdict import Rules
from backup_preflight.waivers import Waivers, load_waivers

PASSWORD = pytest.StashKey[Secret | None]()
"""What the environment held, before anything was started that would inherit it."""


def add_options(parser: pytest.Parser) -> None:
    """Add the suite's options; those of targets (--hosts, --sudo, --ssh-config, …) are testinfra's."""
    group = parser.getgroup("azure-backup-preflight", "Azure Backup preflight")
    group.addoption(
        "--edition", choices=[edition.value for edition in Edition], default="current", help="judge by the 2017 page or today's"
    )
    group.addoption(
        "--lang", choices=LANGUAGES, default="en", help="language of the findings and reports (default en); the locale does not count"
    )
    group.addoption("--fail-on-advice", action="store_true", help="advice fails the run too")
    group.addoption("--allow-undetermined", action="store_true", help="exit 0 although something could not be seen")
    group.addoption(
        "--waivers", metavar="FILE", help="findings that are accepted until a day, as TOML; they are shown and do not fail the run"
    )
    group.addoption("--error", metavar="TEXT", help="only the causes of this error: a code, or (part of) its heading, English or Korean")
    group.addoption("--list-errors", action="store_true", help="list the errors with their causes, and exit")
    group.addoption("--explain", nargs="?", const="", metavar="ID", help="explain a check (without ID: list them), and exit")
    group.addoption("--record", metavar="DIR", help="keep what was read of each VM, for recorded://DIR")
    group.addoption("--collect-logs", metavar="DIR", help="fetch the agent's logs of VMs with findings, secrets masked")
    group.addoption("--json", metavar="FILE", help="write every result as JSON")
    group.addoption(
        "--storage-endpoint", action="append", default=[], metavar="HOST", help="a storage host the VMs shall reach; repeatable"
    )
    group.addoption("--accept-new-host-keys", action="store_true", help="accept keys of unknown hosts; a changed key is still refused")
    group.addoption("--ask-pass", action="store_true", help=f"ask for the password of winrm:// entries (or set {PASSWORD_VARIABLE})")
    group.addoption("--shard", metavar="I/N", help="only part I of N of the VMs, such as 2/5: for N jobs side by side")
    group.addoption(
        "--forks", type=int, metavar="N", help=f"read at most N VMs at a time (default {FORKS}; fewer where ulimit -n allows no more)"
    )


def session_of(config: pytest.Config) -> Session:
    """The run that the options describe: its targets taken apart, its files and folders looked at. Raises UsageError."""
    option = config.option
    rules = Rules(Edition(option.edition), find_error(option.error) if option.error else None)
    record = directory("--record", Path(option.record)) if option.record else None
    waivers = load_waivers(Path(option.waivers)) if option.waivers else Waivers()
    register_backends()
    password.forbid_core_files()
    if share := xdist.share_of(config):
        return Session(share.targets, [], rules, share.forks, record, waivers)
    number, remarks = forks(option.forks)
    part = shard.parse(option.shard) if option.shard else None
    targets, notes = expand(
        Options(
            hosts=option.hosts,
            connection=option.connection,
            ssh_config=option.ssh_config,
            ssh_identity_file=option.ssh_identity_file,
            sudo=option.sudo,
            sudo_user=option.sudo_user,
            ansible_inventory=option.ansible_inventory,
            force_ansible=option.force_ansible,
            accept_new_host_keys=option.accept_new_host_keys,
            storage_endpoints=tuple(option.storage_endpoint),
            password=_password(config),
        )
    )
    if option.collect_logs:
        directory("--collect-logs", Path(option.collect_logs))
    if option.json:
        directory("--json", Path(option.json).parent)
    return Session(targets, [*notes, *remarks], rules, number, record, waivers, part)


def _password(config: pytest.Config) -> Secret | None:
    """For the ``winrm://`` entries without one: typed in, else what the environment held. Raises UsageError."""
    return password.ask() if config.option.ask_pass else config.stash.get(PASSWORD, None)


def directory(name: str, path: Path) -> Path:
    """The directory, made if it is not there, before hours of reading come to nothing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{name}: {path}: {error.strerror}: give a place that you may write to") from None
    return path
