"""What an OpenSSH client configuration says of one host, its tokens and defaults applied."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import socket
from dataclasses import dataclass, field
from pathlib import Path

from backup_preflight.errors import UsageError
from backup_preflight.targets.paths import expand_user

LISTS = ("identityfile", "certificatefile")
"""Keywords of which every value counts."""


@dataclass
class HostConfig:
    """The keywords (lower case) that hold for one host."""

    original: str
    values: dict[str, list[str]] = field(default_factory=dict)

    def get(self, keyword: str, default: str = "") -> str:
        """The keyword's value, with surrounding white space removed."""
        found = self.values.get(keyword)
        return found[0] if found else default

    def is_set(self, keyword: str, default: str = "no") -> bool:
        """Whether a yes/no keyword says yes."""
        return self.get(keyword, default).lower() in ("yes", "true")

    @property
    def host(self) -> str:
        """The name or address to connect to."""
        return self.get("hostname", self.original).replace("%%", "%").replace("%h", self.original)

    @property
    def port(self) -> int:
        """The port to connect to."""
        text = self.get("port", "22")
        if not text.isdecimal() or not 1 <= int(text) <= 65535:
            raise UsageError(f"ssh config of {self.original}: Port {text} is not a number from 1 to 65535; correct the file")
        return int(text)

    @property
    def user(self) -> str:
        """The login name."""
        return self.get("user") or getpass.getuser()

    def expand(self, text: str) -> str:
        """The text with OpenSSH's %-tokens replaced."""
        if "%" not in text:
            return text
        tokens = {
            "%": "%",
            "h": self.host,
            "n": self.original,
            "p": self.get("port", "22"),
            "r": self.user,
            "u": getpass.getuser(),
            "d": str(Path.home()),
            "i": str(os.getuid()),
            "L": socket.gethostname().partition(".")[0],
            "l": socket.gethostname(),
            "k": self.get("hostkeyalias", self.original),
        }
        return re.sub("%(.)", lambda match: tokens.get(match[1], match[0]), text)

    def paths(self, keyword: str, default: str = "") -> list[Path]:
        """The files that a keyword names, ``none`` left out."""
        names = self.values.get(keyword) or shlex.split(default)
        if keyword not in LISTS:
            names = [name for value in names for name in shlex.split(value)]
        expanded = (os.path.expandvars(self.expand(name)) for name in names if name.lower() != "none")
        return [expand_user(name) for name in expanded]

    @property
    def proxy_command(self) -> str:
        """ProxyCommand, expanded; empty when there is none."""
        command = self.get("proxycommand")
        return "" if command.lower() == "none" else self.expand(command)

    @property
    def jump_hosts(self) -> list[str]:
        """ProxyJump's hosts; of ProxyJump and ProxyCommand the one that the configuration names first counts."""
        first = next((keyword for keyword in self.values if keyword in ("proxyjump", "proxycommand")), "")
        jump = self.get("proxyjump")
        if first != "proxyjump" or jump.lower() == "none":
            return []
        return [self.expand(hop.strip()) for hop in jump.split(",")]
