"""Addresses, routes, firewall, endpoints and proxies, as seen from inside a Windows VM."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts import network
from backup_preflight.facts.http import Response
from backup_preflight.facts.network import METADATA, WIRESERVER, Block, Endpoint, probed
from backup_preflight.facts.observation import NotObserved, unreadable
from backup_preflight.facts.windows.blobs import FABRIC_OPTION, WinHttpProxy, dhcp_options, from_hex, winhttp_proxy
from backup_preflight.facts.windows.document import Document, document, optional_document, raw
from backup_preflight.facts.windows.firewall import blocks
from backup_preflight.facts.windows.system import System
from backup_preflight.recording import Recording, Status

_NEVER_LEASED = "255.255.255.255"
_NO_ADDRESS = {"", "0.0.0.0"}  # noqa: S104  (a value of the registry, no address to listen on)


@dataclass(frozen=True)
class Interface:
    """A network interface as the registry has it. ``fabric_address``: option 245 of its lease; empty: not answered; None: no lease."""

    id: str
    name: str
    dhcp: bool
    addresses: tuple[str, ...]
    gateway: str
    server: str
    fabric_address: str | None


@dataclass(frozen=True)
class Route:
    """An IPv4 route; of two to one network the one with the smaller metric counts."""

    prefix: ipaddress.IPv4Network
    interface: str
    metric: int


@dataclass(frozen=True)
class ProxyAnswer:
    """What the proxy said to CONNECT: an HTTP status, or why there was no answer."""

    proxy: str
    host: str
    code: int
    failure: str


@dataclass(frozen=True)
class Network(network.Network):
    """The network of a Windows VM."""

    recording: Recording
    system: System

    # The fabric

    @property
    def wireserver(self) -> Response:
        """The wire server's answer on port 80. Raises NotObserved where Windows stopped an account without an administrator's rights."""
        return self._fabric("wireserver")

    @property
    def host_plugin(self) -> Response:
        """HostGAPlugin's answer on port 32526. Raises NotObserved as above."""
        return self._fabric("hostgaplugin")

    def _fabric(self, name: str) -> Response:
        answer = probed(raw(self.recording.section("http", name)))
        if answer.failure and not self.system.is_admin:
            # The agent sets a filter on this address; whether it stops accounts that are no administrators is not known.
            raise NotObserved(Status.DENIED, f"{answer.failure}, but perhaps only administrators may reach {WIRESERVER}")
        return answer

    @property
    def metadata(self) -> Response:
        """The answer of the instance metadata service."""
        return probed(raw(self.recording.section("http", "imds")))

    # Interfaces and DHCP

    @cached_property
    def interfaces(self) -> list[Interface]:
        """Those with an IPv4 address. Raises NotObserved."""
        found = document(self.recording.section("interfaces"), "the network interfaces").parts()
        return [interface for id_, part in found.items() if (interface := self._interface(id_, part)).addresses]

    def _interface(self, id_: str, part: Document) -> Interface:
        dhcp = part.number("EnableDHCP") == 1
        addresses = tuple(word for word in part.words("DhcpIPAddress" if dhcp else "IPAddress") if word not in _NO_ADDRESS)
        gateways = [word for word in part.words("DhcpDefaultGateway" if dhcp else "DefaultGateway") if word not in _NO_ADDRESS]
        server = part.text("DhcpServer")
        name = self._connections.get(id_.lower(), id_)
        return Interface(
            id_, name, dhcp, addresses, next(iter(gateways), ""), "" if server == _NEVER_LEASED else server, _fabric_address(part)
        )

    @cached_property
    def _connections(self) -> dict[str, str]:
        """Interface → its name, as people see it."""
        try:
            found = document(self.recording.section("connections"), "the names of the interfaces").parts()
        except NotObserved:
            return {}
        return {id_.lower(): part.text("Name") for id_, part in found.items() if part.text("Name")}

    @cached_property
    def primary(self) -> Interface:
        """The interface of the default route; without the routes, the one that has a gateway. Raises NotObserved."""
        with_gateway = [interface for interface in self.interfaces if interface.gateway]
        if not with_gateway:
            raise NotObserved(Status.ERROR, "no interface has a default gateway")
        try:
            name = self.primary_interface
        except NotObserved:
            if len(with_gateway) > 1 and len({interface.dhcp for interface in with_gateway}) > 1:
                raise
            return with_gateway[0]
        return next((interface for interface in with_gateway if interface.name == name), with_gateway[0])

    # Routes

    @cached_property
    def _routes(self) -> list[Route]:
        found = []
        for item in document(self.recording.section("routes"), "MSFT_NetRoute").items():
            try:
                prefix = ipaddress.IPv4Network(item.text("DestinationPrefix"))
            except ValueError:
                raise unreadable("a route", item.text("DestinationPrefix")) from None
            found.append(Route(prefix, item.text("InterfaceAlias") or item.text("InterfaceIndex"), item.number("RouteMetric") or 0))
        return found

    def _way_to(self, address: str) -> str | None:
        ways = [route for route in self._routes if ipaddress.IPv4Address(address) in route.prefix]
        best = max(ways, key=lambda route: (route.prefix.prefixlen, -route.metric), default=None)
        return best.interface if best else None

    @property
    def primary_interface(self) -> str:
        """Name of the interface of the default route with the lowest metric. Raises NotObserved."""
        defaults = [route for route in self._routes if route.prefix.prefixlen == 0]
        lowest = min((route.metric for route in defaults), default=0)
        names = {route.interface for route in defaults if route.metric == lowest}
        if len(names) != 1:
            raise NotObserved(Status.ERROR, f"{len(names) or 'no'} default routes of the lowest metric")
        return names.pop()

    @property
    def route_to_wireserver(self) -> str | None:
        """Interface that traffic to the wire server leaves by; None when there is no route. Raises NotObserved."""
        return self._way_to(WIRESERVER)

    @property
    def route_said(self) -> str:
        """Why there is no way, for messages."""
        return f"no route to {WIRESERVER}"

    @property
    def special_routes(self) -> list[str]:
        """Persistent routes but the default one, ``destination mask gateway``. Raises NotObserved."""
        found = optional_document(self.recording.section("persistent_routes"), "the persistent routes")
        fields = [name.split(",") for name in (found.words("names") if found else [])]
        return [" ".join(route[:3]) for route in fields if len(route) >= 3 and route[0] not in _NO_ADDRESS]

    def firewall_block(self, port: int) -> Block | None:
        """An outbound rule of Windows Firewall that stops connections to the wire server. Raises NotObserved."""
        found = optional_document(self.recording.section("firewall_rules"), "the firewall's rules")
        for name in sorted(found.content) if found else []:
            if blocks(found.text(name), WIRESERVER, port) if found else False:
                return Block(f"the firewall rule {name} blocks it", f'Remove-NetFirewallRule -Name "{name}"')
        return None

    # Storage endpoints

    @property
    def _storage(self) -> list[Document]:
        section = self.recording.section("storage")
        if section.status is Status.NOT_COLLECTED:
            raise NotObserved(
                Status.NOT_COLLECTED,
                "no storage host is known: the Windows agent keeps none in a file",
                "name one with --storage-endpoint HOST",
            )
        return document(section, "the storage hosts").items()

    @property
    def names(self) -> list[Endpoint]:
        """Storage host names, and whether they resolve."""
        return [Endpoint(item.text("host"), _failure(item.part("dns"), otherwise="dns")) for item in self._storage]

    @property
    def storage(self) -> list[Endpoint]:
        """Storage hosts on port 443, and whether TLS came up; 0 errors: Windows trusts the certificate."""
        found = []
        for item in self._storage:
            tls = item.part("https")
            found.append(Endpoint(item.text("host"), _failure(tls), tls.text("errors") in {"", "0"}, tls.text("issuer")))
        return found

    @property
    def port_8443(self) -> list[Endpoint]:
        """Storage hosts on port 8443."""
        return [Endpoint(item.text("host"), _failure(item.part("port8443"))) for item in self._storage]

    @property
    def nameservers(self) -> list[str]:
        """Name servers of the interfaces."""
        found = document(self.recording.section("interfaces"), "the network interfaces").parts()
        words = [
            word
            for part in found.values()
            for name in ("NameServer", "DhcpNameServer")
            for word in part.text(name).replace(",", " ").split()
        ]
        return list(dict.fromkeys(words))

    # Proxies

    @property
    def winhttp(self) -> WinHttpProxy:
        """The machine's own proxy; the value's absence is a direct connection. Raises NotObserved."""
        found = optional_document(self.recording.section("winhttp"), "WinHttpSettings")
        if found is None or not found.text("WinHttpSettings"):
            return WinHttpProxy()
        try:
            return winhttp_proxy(from_hex(found.text("WinHttpSettings")))
        except ValueError:
            raise unreadable("WinHttpSettings", found.text("WinHttpSettings")) from None

    @property
    def system_proxy(self) -> WinHttpProxy:
        """The proxy of the account Local System, with which the agent runs. Raises NotObserved."""
        found = optional_document(self.recording.section("system_proxy"), "the Internet settings of Local System")
        if found is None or found.number("ProxyEnable") != 1:
            return WinHttpProxy()
        return WinHttpProxy(found.text("ProxyServer"), found.text("ProxyOverride"))

    @property
    def environment_proxy(self) -> WinHttpProxy:
        """The proxy in the machine's environment variables, which a service sees. Raises NotObserved."""
        found = optional_document(self.recording.section("proxy_environment"), "the machine's environment")
        if found is None:
            return WinHttpProxy()
        return WinHttpProxy(found.text("https_proxy") or found.text("http_proxy") or found.text("all_proxy"), found.text("no_proxy"))

    @property
    def proxy_answers(self) -> list[ProxyAnswer]:
        """What the proxy said to CONNECT, for each storage host; empty when none is set. Raises NotObserved."""
        found = optional_document(self.recording.section("proxy_connect"), "the proxy's answers")
        if found is None:
            return []
        answers = []
        for item in found.items():
            answer = item.part("answer")
            code = answer.text("line").split(" ")[1:2]
            answers.append(
                ProxyAnswer(found.text("proxy"), item.text("host"), int(code[0]) if code and code[0].isdecimal() else 0, _failure(answer))
            )
        return answers

    # Commands

    def ask(self, address: str, port: int, path: str) -> str:
        """Repeats a probe of the fabric by hand."""
        if address == METADATA:
            return f'Invoke-RestMethod -Headers @{{Metadata="true"}} -TimeoutSec 5 -Uri "http://{address}{path}"'
        return f"Test-NetConnection -ComputerName {address} -Port {port}"

    def ask_storage(self, host: str) -> str:
        """Repeats a probe of a storage host by hand."""
        return f"Test-NetConnection -ComputerName {host} -Port 443"

    def remove_route(self, route: str) -> str:
        """Removes a persistent route."""
        destination, mask, _ = route.split(" ")
        return f"route.exe DELETE {destination} MASK {mask}"

    @property
    def show_route(self) -> str:
        """Shows the way to the wire server."""
        return f"Find-NetRoute -RemoteIPAddress {WIRESERVER}"

    @property
    def show_nameservers(self) -> str:
        """Shows the name servers."""
        return "Get-DnsClientServerAddress -AddressFamily IPv4"


def _fabric_address(part: Document) -> str | None:
    """Option 245 of an interface's lease. Raises NotObserved for a value of another layout."""
    blob = part.text("DhcpInterfaceOptions")
    if not blob:
        return None
    try:
        data = dhcp_options(from_hex(blob)).get(FABRIC_OPTION, b"")
    except ValueError:
        raise unreadable("DhcpInterfaceOptions", blob) from None
    return ".".join(map(str, data)) if len(data) == 4 else ""


def _failure(part: Document, otherwise: str = "other") -> str:
    """One word for a probe within a section; empty when it succeeded. Raises NotObserved when it could not be made."""
    status, detail = part.text("status"), part.text("detail")
    if status == "ok":
        return ""
    if status == "timeout":
        return "timeout"
    if status == "error":
        return detail.split(" ", 1)[0] or otherwise
    raise NotObserved(Status(status) if status in {"denied", "unsupported"} else Status.ERROR, detail)
