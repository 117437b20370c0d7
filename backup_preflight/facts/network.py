"""The network as the checks of both systems ask for it, whatever a system calls its parts."""

from __future__ import annotations

import abc
import ipaddress
import re
from dataclasses import dataclass

from backup_preflight.facts.http import FAILURES, Response, response
from backup_preflight.facts.observation import NotObserved
from backup_preflight.recording import Section, Status

WIRESERVER = "168.63.129.16"
METADATA = "169.254.169.254"


@dataclass(frozen=True)
class Endpoint:
    """A storage host as this VM reaches it. ``failure`` is empty when it was reached."""

    host: str
    failure: str = ""
    verified: bool = True
    issuer: str = ""

    def __str__(self) -> str:
        return f"{self.host}: {FAILURES.get(self.failure, self.failure)}" if self.failure else self.host


@dataclass(frozen=True)
class Block:
    """The firewall's rule or policy that drops the traffic, and the command that takes it back."""

    rule: str
    remove: str


class Network(abc.ABC):
    """What both systems tell. Each property gives a value or raises NotObserved."""

    @property
    @abc.abstractmethod
    def wireserver(self) -> Response:
        """The wire server's answer on port 80."""

    @property
    @abc.abstractmethod
    def host_plugin(self) -> Response:
        """HostGAPlugin's answer on port 32526."""

    @property
    @abc.abstractmethod
    def metadata(self) -> Response:
        """The answer of the instance metadata service."""

    @property
    @abc.abstractmethod
    def primary_interface(self) -> str:
        """Name of the interface of the default route."""

    @property
    @abc.abstractmethod
    def route_to_wireserver(self) -> str | None:
        """Interface that traffic to the wire server leaves by; None when there is no way."""

    @property
    @abc.abstractmethod
    def route_said(self) -> str:
        """Why there is no way, for messages."""

    @property
    @abc.abstractmethod
    def special_routes(self) -> list[str]:
        """Routes that somebody set by hand and that may throw Azure's traffic away."""

    @abc.abstractmethod
    def firewall_block(self, port: int) -> Block | None:
        """What of the guest's firewall stops the agent's traffic to the wire server; None when nothing does."""

    @property
    @abc.abstractmethod
    def names(self) -> list[Endpoint]:
        """Storage host names, and whether they resolve."""

    @property
    @abc.abstractmethod
    def storage(self) -> list[Endpoint]:
        """Storage hosts on port 443, and whether TLS came up."""

    @property
    @abc.abstractmethod
    def port_8443(self) -> list[Endpoint]:
        """Storage hosts on port 8443."""

    @property
    @abc.abstractmethod
    def nameservers(self) -> list[str]:
        """Addresses of the name servers."""

    # Commands of this system, for fixes

    @abc.abstractmethod
    def ask(self, address: str, port: int, path: str) -> str:
        """Repeats a probe of the fabric by hand."""

    @abc.abstractmethod
    def ask_storage(self, host: str) -> str:
        """Repeats a probe of a storage host by hand."""

    @abc.abstractmethod
    def remove_route(self, route: str) -> str:
        """Removes one of ``special_routes``."""

    @property
    @abc.abstractmethod
    def show_route(self) -> str:
        """Shows the way to the wire server."""

    @property
    @abc.abstractmethod
    def show_nameservers(self) -> str:
        """Shows the name servers."""


def probed(section: Section) -> Response:
    """A response, or a failure that was really seen. Raises NotObserved for a probe that could not be made."""
    if section.status in {Status.OK, Status.TIMEOUT, Status.ERROR}:
        return response(section)
    raise NotObserved(section.status, section.detail)


def bypasses(no_proxy: str, address: str) -> bool:
    """Whether a list of exceptions exempts an IP address: itself, a network or a pattern that holds it, or ``*``."""
    for word in re.split(r"[,;\s]+", no_proxy):
        if word in {"*", address} or ("*" in word and re.fullmatch(re.escape(word).replace(r"\*", ".*"), address)):
            return True
        try:
            if "/" in word and ipaddress.ip_address(address) in ipaddress.ip_network(word, strict=False):
                return True
        except ValueError:
            continue
    return False
