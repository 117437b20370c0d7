"""Addresses, routes, firewall, endpoints and proxies, as seen from inside a Linux VM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts import network
from backup_preflight.facts.http import Response, failure
from backup_preflight.facts.linux.firewall import iptables_block, iptables_tables, nft_block
from backup_preflight.facts.linux.leases import fabric_addresses
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.network import WIRESERVER, Block, Endpoint, probed
from backup_preflight.facts.observation import NotObserved, is_number, key_values, optional_text, quoted, text, unreadable
from backup_preflight.recording import Recording, Section, Status

WIRESERVER_ROUTE = "10813FA8"
"""168.63.129.16 as /proc/net/route writes it: the agent looks for exactly this."""

_INTERFACE = re.compile(r"[A-Za-z0-9_.:@+-]{1,15}")


@dataclass(frozen=True)
class Dhcp:
    """How the primary interface gets its address. ``evidence``: where that is said."""

    interface: str
    manager: str
    on: bool
    evidence: str


@dataclass(frozen=True)
class Network(network.Network):
    """The network of a Linux VM."""

    recording: Recording
    system: System

    # The fabric

    @property
    def wireserver(self) -> Response:
        """The wire server's answer on port 80. Raises NotObserved where the agent's own firewall may hide it (not root)."""
        return self._fabric("wireserver")

    @property
    def host_plugin(self) -> Response:
        """HostGAPlugin's answer on port 32526. Raises NotObserved as above."""
        return self._fabric("hostgaplugin")

    def _fabric(self, name: str) -> Response:
        answer = probed(self._in_time(self.recording.section("http", name)))
        if answer.failure and not self.system.is_root:
            raise NotObserved(Status.DENIED, f"{answer.failure}, but the agent's own firewall lets only root reach {WIRESERVER}")
        return answer

    @property
    def metadata(self) -> Response:
        """The answer of the instance metadata service."""
        return probed(self._in_time(self.recording.section("http", "imds")))

    def _in_time(self, section: Section) -> Section:
        """A probe's section. Raises NotObserved for one that came too late when that may be the fault of the VM's own load."""
        if self.system.is_starved and failure(section) in {"timeout", "silent"}:
            raise NotObserved(Status.TIMEOUT, "no answer in time, while this VM's processors had no idle moment: it may itself be too slow")
        return section

    @property
    def route_to_wireserver(self) -> str | None:
        """Interface that traffic to the wire server leaves by; None when there is no way (no route, or one that refuses)."""
        section = self.recording.section("route_to_wireserver")
        if section.status is Status.ERROR:
            return None
        if section.status is Status.UNSUPPORTED:
            return self._route_by_table()
        if match := re.search(r"\bdev (\S+)", text(section)):
            return match[1]
        raise unreadable("the route to the wire server", section.text)

    @property
    def route_said(self) -> str:
        """What ``ip route get`` said, for messages."""
        section = self.recording.section("route_to_wireserver")
        return next(iter((section.text.strip() or section.detail.strip()).splitlines()), "no route")

    def _route_by_table(self) -> str | None:
        """The longest prefix in /proc/net/route, where iproute2 is missing; flag 0x200 is a route that refuses."""
        best: tuple[int, str | None] = (-1, None)
        for fields in self._route_table:
            destination, mask = int(fields[1], 16), int(fields[7], 16)
            if int(WIRESERVER_ROUTE, 16) & mask == destination and mask.bit_count() > best[0]:
                best = (mask.bit_count(), None if int(fields[3], 16) & 0x200 else fields[0])
        return best[1]

    @cached_property
    def _route_table(self) -> list[list[str]]:
        lines = text(self.recording.section("route_table")).splitlines()[1:]
        found = [line.split() for line in lines]
        return [fields for fields in found if len(fields) >= 8 and all(re.fullmatch("[0-9A-F]{1,8}", fields[i]) for i in (1, 3, 7))]

    @property
    def has_wireserver_route(self) -> bool:
        """Whether a host route to the wire server exists: the agent then needs no option 245."""
        return any(fields[1] == WIRESERVER_ROUTE for fields in self._route_table)

    @property
    def special_routes(self) -> list[str]:
        """Routes that throw traffic away."""
        lines = (optional_text(self.recording.section("special_routes")) or "").splitlines()
        return [line.strip() for line in lines]

    def firewall_block(self, port: int) -> Block | None:
        """The rule of the guest's firewall that stops root's traffic to the wire server; None when none does."""
        iptables = self.recording.section("iptables")
        nft = self.recording.section("nft")
        if Status.OK not in {iptables.status, nft.status}:
            unseen: Section = iptables if iptables.status is not Status.UNSUPPORTED else nft
            raise NotObserved(unseen.status, unseen.detail)
        shown: set[str] = set()
        if iptables.status is Status.OK:
            if block := iptables_block(iptables.text, port):
                return block
            shown = iptables_tables(iptables.text)
        if nft.status is Status.OK and nft.body.strip():
            try:
                return nft_block(nft.text, port, shown)
            except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
                raise unreadable("the output of `nft -j list ruleset`", nft.text) from None
        return None

    # DHCP

    @cached_property
    def primary_interface(self) -> str:
        """Name of the interface of the default route."""
        name = key_values(optional_text(self.recording.section("primary_interface")) or "").get("name", "")
        if not name:
            raise NotObserved(Status.ERROR, "there is no default route")
        if not _INTERFACE.fullmatch(name):
            raise unreadable("the name of the primary interface", name)
        return name

    @cached_property
    def dhcp(self) -> Dhcp:
        """How the primary interface gets its address, as its manager is configured. Raises NotObserved when none is recognised."""
        name = self.primary_interface
        for look in (self._network_manager, self._networkd, self._ifcfg, self._ifupdown, self._client, self._lease):
            if found := look(name):
                return found
        raise NotObserved(Status.UNSUPPORTED, f"nothing that configures {name} was recognised (no NetworkManager, networkd, …)")

    def _network_manager(self, name: str) -> Dhcp | None:
        section = self.recording.section("nm_connection", name)
        found = key_values(section.text) if section.status is Status.OK else {}
        method = found.get("method", "")
        where = f'ipv4.method of the connection "{found.get("connection", "")}" is {method}'
        return Dhcp(name, "NetworkManager", method == "auto", where) if method else None

    def _networkd(self, name: str) -> Dhcp | None:
        index = key_values(self.recording.section("primary_interface").text).get("index", "")
        link = self.recording.section("networkd_link", f"/run/systemd/netif/links/{index}")
        network = key_values(link.text).get("NETWORK_FILE", "") if link.status is Status.OK else ""
        if not network:
            return None
        text(self.recording.section("networkd_network", network))  # read, or not known
        words = [
            (path, match)
            for path, section in self.recording.subjects("networkd_network").items()
            if path == network or f"/{network.rpartition('/')[2]}.d/" in path
            for match in re.findall(r"(?mi)^[ \t]*DHCP[ \t]*=[ \t]*(\S+)", optional_text(section) or "")
        ]
        path, word = words[-1] if words else (network, "no")
        return Dhcp(name, "systemd-networkd", word.lower() in {"yes", "true", "1", "on", "ipv4", "both", "v4"}, f"DHCP={word} in {path}")

    def _ifcfg(self, name: str) -> Dhcp | None:
        for path, section in self.recording.subjects("ifcfg").items():
            if section.status is Status.ABSENT or (not path.endswith(f"-{name}") and "DEVICE" not in section.text):
                continue
            found = {key: value.strip("\"'") for key, value in key_values(text(section)).items()}
            if found.get("DEVICE", path.rpartition("ifcfg-")[2]) == name and (word := found.get("BOOTPROTO", "none")):
                on = word.lower() in {"dhcp", "bootp", "dhcp4", "dhcp+autoip"}
                return Dhcp(name, "ifcfg", on, f"BOOTPROTO={word} in {path}")
        return None

    def _ifupdown(self, name: str) -> Dhcp | None:
        for path, section in self.recording.subjects("ifupdown").items():
            if match := re.search(rf"(?m)^\s*iface\s+{re.escape(name)}\s+inet\s+(\S+)", optional_text(section) or ""):
                return Dhcp(name, "ifupdown", match[1] == "dhcp", f"`{match[0].strip()}` in {path}")
        return None

    def _client(self, name: str) -> Dhcp | None:
        lines = (optional_text(self.recording.section("dhcp_clients")) or "").splitlines()
        running = next((line for line in lines if re.search(rf"(^|[\s/.]){re.escape(name)}\b", line)), None)
        return Dhcp(name, "DHCP client", on=True, evidence=f"`{running}` runs") if running else None

    def _lease(self, name: str) -> Dhcp | None:
        leases = self.recording.subjects("dhcp_lease").items()
        path = next((path for path, section in leases if section.status is Status.OK and name in path), None)
        return Dhcp(name, "DHCP client", on=True, evidence=f"a lease in {path}") if path else None

    @property
    def netplan_files(self) -> list[str]:
        """Netplan's files, from which the other managers' configuration is generated."""
        return (optional_text(self.recording.section("netplan")) or "").splitlines()

    @property
    def fabric_addresses(self) -> dict[str, str]:
        """Lease file → the fabric address that option 245 gave."""
        return fabric_addresses(self.recording)

    @property
    def leases(self) -> list[str]:
        """Lease files that could be read. Raises NotObserved when some exist, and none can be read."""
        found = self.recording.subjects("dhcp_lease")
        readable = [path for path, section in found.items() if section.status is Status.OK and section.body]
        denied = [section for section in found.values() if section.status is Status.DENIED]
        if denied and not readable:
            raise NotObserved(Status.DENIED, denied[0].detail)
        return readable

    @property
    def wireserver_endpoint(self) -> str | None:
        """The fabric address that the agent noted; None when it noted none."""
        return (optional_text(self.recording.section("wireserver_endpoint")) or "").strip() or None

    # Storage endpoints

    @property
    def names(self) -> list[Endpoint]:
        """Storage host names, and whether they resolve."""
        found = []
        for host, section in self._endpoints("dns").items():
            if section.status is Status.UNSUPPORTED:
                raise NotObserved(section.status, section.detail)
            resolved = section.status is Status.OK and section.text.strip()
            found.append(Endpoint(host, "" if resolved else "timeout" if section.status is Status.TIMEOUT else "dns"))
        return found

    @property
    def storage(self) -> list[Endpoint]:
        """Storage hosts on port 443, and whether TLS came up."""
        found = []
        for host, section in self._endpoints("https").items():
            if section.status in {Status.UNSUPPORTED, Status.DENIED}:
                raise NotObserved(section.status, section.detail)
            if section.status is Status.OK:
                said = key_values(section.text)
                found.append(Endpoint(host, verified=said.get("verified") != "no", issuer=said.get("issuer", "")))
            else:
                found.append(Endpoint(host, failure(section)))
        return found

    @property
    def port_8443(self) -> list[Endpoint]:
        """Storage hosts on port 8443."""
        found = []
        for host, section in self._endpoints("port8443").items():
            if section.status in {Status.UNSUPPORTED, Status.DENIED}:
                raise NotObserved(section.status, section.detail)
            found.append(Endpoint(host, "" if section.status is Status.OK else failure(section)))
        return found

    def _endpoints(self, name: str) -> Mapping[str, Section]:
        found = self.recording.subjects(name)
        if not found:
            raise NotObserved(
                Status.NOT_COLLECTED,
                "no storage host is known: the agent keeps none, or none that this account can read",
                "name one with --storage-endpoint HOST, or run with --sudo",
            )
        return {host: self._in_time(section) for host, section in found.items()}

    @property
    def nameservers(self) -> list[str]:
        """Name servers of ``/etc/resolv.conf``."""
        return re.findall(r"(?m)^\s*nameserver\s+(\S+)", optional_text(self.recording.section("resolv_conf")) or "")

    # Proxies

    @property
    def proxy_variables(self) -> dict[str, dict[str, str]]:
        """Where → the ``*_proxy`` variables set there, names in lower case, credentials already removed."""
        found = {}
        for where, section in self.recording.subjects("proxy_environment").items():
            variables = {name.lower(): value.strip("\"'") for name, value in key_values(optional_text(section) or "").items()}
            if variables:
                found[where] = variables
        return found

    @property
    def proxy_answers(self) -> dict[str, tuple[str, int, str]]:
        """Storage host → (``agent`` or ``environment``, status of CONNECT, failure word)."""
        found = {}
        for host, section in self.recording.subjects("proxy_connect").items():
            self._in_time(section)
            if section.status is Status.UNSUPPORTED:
                raise NotObserved(section.status, section.detail)
            said = key_values(section.text)
            code = said.get("code", "0")
            failed = "" if section.status is Status.OK else failure(section)
            found[host] = (said.get("source", ""), int(code) if is_number(code) else 0, failed)
        return found

    # Commands

    def ask(self, address: str, port: int, path: str) -> str:
        """Repeats a probe of the fabric by hand."""
        where = f"http://{address}{path}" if port == 80 else f"http://{address}:{port}{path}"
        header = "-H Metadata:true " if address == network.METADATA else ""
        sudo = "" if address == network.METADATA else "sudo "
        limit = "" if address == network.METADATA else " --max-time 5"
        return f"{sudo}curl -s {header}--noproxy '*'{limit} '{where}'"

    def ask_storage(self, host: str) -> str:
        """Repeats a probe of a storage host by hand."""
        return f"curl -sv --max-time 10 -o /dev/null {quoted(f'https://{host}/')}"

    def remove_route(self, route: str) -> str:
        """Removes one of ``special_routes``."""
        return f"sudo ip route del {quoted(route.split(' dev ')[0])}"

    @property
    def show_route(self) -> str:
        """Shows the way to the wire server."""
        return f"ip route get {WIRESERVER}"

    @property
    def show_nameservers(self) -> str:
        """Shows the name servers."""
        return "cat /etc/resolv.conf"
