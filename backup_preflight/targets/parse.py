"""Reading one entry: ``scheme://[user[:password]@]host[:port][?key=value&…]``, checked before any connection."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

from backup_preflight.targets import winrm_settings as winrm
from backup_preflight.targets.entry import SCHEME, Entry
from backup_preflight.targets.options import Options
from backup_preflight.targets.paths import expand_user, is_directory, why_unreadable
from backup_preflight.targets.secret import Secret
from backup_preflight.targets.spec import (
    CONTAINER_SCHEMES,
    ENCODE,
    SCHEMES,
    SSH_SCHEMES,
    Spec,
    check_host,
    check_sudo_user,
    check_user,
    nearest,
)

_SUDO = ("sudo", "sudo_user")
_SSH = ("timeout", "ssh_config", "ssh_identity_file")
_TOOL = ("namespace", "container", "kubeconfig", "context")
_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SSH_SCHEMES, _SUDO + _SSH),
    **dict.fromkeys((*CONTAINER_SCHEMES, "local", "chroot"), _SUDO),
    "kubectl": (*_SUDO, *_TOOL),
    "openshift": (*_SUDO, "namespace", "container", "kubeconfig"),
    "ansible": (*_SUDO, *_SSH, "ansible_inventory", "force_ansible"),
    "winrm": winrm.KEYS,
    "recorded": (),
}
_FILES = ("ssh_config", "ssh_identity_file", "kubeconfig", *winrm.FILES)
_CONTAINER = re.compile(r"(?!-)[A-Za-z0-9._:/-]+")


def parse(entry: Entry, options: Options) -> Spec:
    """Read one entry; its query overrides the options. Raises UsageError."""
    scheme, rest = _split_scheme(entry, options)
    rest, _, query = rest.partition("?")
    settings = _settings(entry, options, scheme, query)
    if scheme in (*SSH_SCHEMES, "winrm"):
        return _parse_host(entry, scheme, rest, settings)
    name = urllib.parse.unquote(rest)
    user = None
    if scheme in ("docker", "podman") and "@" in name:
        user, _, name = name.partition("@")
        check_user(entry, user)
    _check_name(entry, scheme, name)
    return Spec(entry, scheme, name or "localhost", user, **settings)  # type: ignore[arg-type]


def _check_name(entry: Entry, scheme: str, name: str) -> None:
    """What stands for the host in the schemes that reach no host by network."""
    if scheme == "local" and name not in ("", "localhost"):
        raise entry.error("local:// is this machine and takes no host name; use ssh://HOST or paramiko://HOST")
    if scheme == "chroot" and not (name.startswith("/") and is_directory(Path(name))):
        raise entry.error("chroot:// takes the absolute path of an existing directory, such as chroot:///mnt/image")
    if scheme in CONTAINER_SCHEMES and not _CONTAINER.fullmatch(name):
        raise entry.error(f"{scheme}:// takes a name of letters, digits and ._:/- that does not begin with '-'")
    if scheme in ("ansible", "recorded") and (not name or name.startswith("-")):
        raise entry.error(f"{scheme}:// takes a {'path' if scheme == 'recorded' else 'group or host pattern'}")


def _split_scheme(entry: Entry, options: Options) -> tuple[str, str]:
    """The entry's scheme (or the default one) and what follows it. Raises UsageError."""
    scheme, separator, rest = entry.text.partition("://")
    if not separator:
        scheme, rest = options.connection or "paramiko", entry.text
    scheme = {"safe-ssh": "ssh"}.get(scheme, scheme)
    if not SCHEME.fullmatch(scheme):
        raise entry.error(f"the part before :// is no transport; {ENCODE}")
    if scheme not in SCHEMES:
        raise entry.error(f"unknown transport {scheme!r}; {nearest(scheme, SCHEMES)}")
    return scheme, rest


def _parse_host(entry: Entry, scheme: str, authority: str, settings: dict[str, object]) -> Spec:
    userinfo, at, address = authority.rpartition("@")
    if "@" in userinfo or re.search(r"[/#\[\]]", userinfo) or "/" in address or "#" in address:
        raise entry.error(f"it has a second '@', a '/' or a '#' where none can stand; {ENCODE}")
    user_text, colon, password_text = userinfo.partition(":")
    user = check_user(entry, urllib.parse.unquote(user_text)) if at else None
    match = re.fullmatch(r"\[([^\]]*)\](?::(.*))?|([^:[]*)(?::(.*))?", address)
    if not match or re.fullmatch(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*", address):
        raise entry.error("write an IPv6 address in brackets, such as [fe80::1]:22")
    host = check_host(entry, urllib.parse.unquote(match[1] if match[1] is not None else match[3]))
    port_text = match[2] if match[1] is not None else match[4]
    if port_text is not None and not (re.fullmatch("[0-9]{1,5}", port_text) and 1 <= int(port_text) <= 65535):
        raise entry.error(f"the port is not a number from 1 to 65535; if it is a part of a password, {ENCODE}")
    password = Secret(urllib.parse.unquote(password_text)) if colon else None
    if scheme == "ssh" and password is not None:
        raise entry.error("ssh:// takes no password; use a key, or paramiko:// with this password")
    port = int(port_text) if port_text else None
    return Spec(entry, scheme, host, user, password, port, **settings)  # type: ignore[arg-type]


def _settings(entry: Entry, options: Options, scheme: str, query: str) -> dict[str, object]:
    given = _query(entry, scheme, query)
    user = check_sudo_user(entry, given.get("sudo_user", options.sudo_user))
    config = given.get("ssh_config", options.ssh_config)
    identity = given.get("ssh_identity_file", options.ssh_identity_file)
    inventory = given.get("ansible_inventory", options.ansible_inventory)
    return {
        "sudo": scheme != "winrm" and (given["sudo"] == "true" if "sudo" in given else options.sudo or "sudo_user" in given),
        "sudo_user": user,
        "timeout": float(given.get("timeout", options.connect_timeout)),
        "ssh_config": expand_user(config) if config else None,
        "ssh_identity_file": expand_user(identity) if identity else None,
        "accept_new_host_keys": options.accept_new_host_keys,
        "ansible_inventory": str(expand_user(inventory)) if inventory else None,
        "force_ansible": given["force_ansible"] == "true" if "force_ansible" in given else options.force_ansible,
        "winrm": winrm.winrm_settings(entry, given if scheme == "winrm" else {}),
        "tool": tuple((key, given[key]) for key in _TOOL if key in given),
    }


def _query(entry: Entry, scheme: str, query: str) -> dict[str, str]:
    """What follows the question mark, checked."""
    given: dict[str, str] = {}
    for part in query.split("&") if query else ():
        key, equals, value = part.partition("=")
        if "@" in key:
            raise entry.error(f"what follows '?' is no key=value; {ENCODE}")
        if key not in _KEYS[scheme]:
            raise entry.error(f"unknown key {key!r} for {scheme}://; {nearest(key, _KEYS[scheme])}")
        if not equals or not value:
            raise entry.error(f"the key {key!r} has no value; write {key}=VALUE")
        given[key] = urllib.parse.unquote(value)
        _check_value(entry, key, given)
    return given


def _check_value(entry: Entry, key: str, given: dict[str, str]) -> None:
    if key in ("sudo", "force_ansible", *winrm.FLAGS) and given[key] not in ("true", "false"):
        raise entry.error(f"{key} is neither 'true' nor 'false'")
    if key in ("timeout", *winrm.SECONDS) and not re.fullmatch(r"(?!0+$)\d{1,4}", given[key]):
        raise entry.error(f"{key} is no number of seconds from 1 to 9999")
    if key in _TOOL and not re.fullmatch(r"(?!-)[A-Za-z0-9._:/@-]+", given[key]):
        raise entry.error(f"{key} begins with '-' or has a character that is not allowed there")
    if key in _FILES:
        path = expand_user(given[key])
        if reason := why_unreadable(path):
            # The entry is shown, but not this part alone: where two entries were run into one, it holds a password.
            raise entry.error(f"{key}: {reason}; name a file that you can read")
        given[key] = str(path)
