"""The network: the fabric, the names and hosts of storage, proxies, routes."""

from __future__ import annotations

from functools import partial

from lab.addresses import ELSEWHERE, GATEWAY, METADATA, PASSWORD_PROXY_PORT, PROXY_PORT, STORAGE, WIRESERVER
from lab.fabric.vms import Dns
from lab.faults import fault
from lab.host import Host


def open_network(host: Host) -> None:
    """What somebody does who may change firewalls and network security groups outside of the guest."""
    host.lab.open_network(host.name)


_network_fault = partial(fault, repair=open_network, repaired_by="network")


def _nft(host: Host, rule: str) -> None:
    host.run("nft add table inet guard; nft 'add chain inet guard out { type filter hook output priority 0; }'")
    host.run(f"nft 'add rule inet guard out {rule}'")


@fault("NET-04", smoke=True)
def fabric_dropped_by_the_guest(host: Host) -> None:
    """nftables in the guest drops all traffic to the fabric"""
    _nft(host, f"ip daddr {WIRESERVER} tcp dport {{ 80, 32526 }} drop")


@fault("NET-04")
def host_plugin_dropped_by_the_guest(host: Host) -> None:
    """nftables in the guest drops traffic to port 32526 of the fabric"""
    _nft(host, f"ip daddr {WIRESERVER} tcp dport 32526 drop")


@fault("NET-04")
def fabric_rejected_by_the_guest(host: Host) -> None:
    """nftables in the guest rejects all traffic to the fabric"""
    _nft(host, f"ip daddr {WIRESERVER} tcp dport {{ 80, 32526 }} reject")


@fault("NET-04")
def fabric_dropped_by_iptables(host: Host) -> None:
    """iptables in the guest drops all traffic to the fabric"""
    host.run(f"iptables -A OUTPUT -d {WIRESERVER} -p tcp -j DROP")


@fault()
def fabric_closed_to_users(host: Host) -> None:
    """the agent's own firewall: root reaches the fabric, nobody else does; that is as it should be"""
    _nft(host, f"ip daddr {WIRESERVER} tcp dport 80 meta skuid != 0 drop")


@_network_fault("NET-01")
def fabric_dropped_outside(host: Host) -> None:
    """something outside of the guest drops all traffic to the fabric"""
    host.lab.packet_filter(host.name, f"ip daddr {WIRESERVER} tcp dport {{ 80, 32526 }} drop")


@_network_fault("NET-02")
def host_plugin_dropped_outside(host: Host) -> None:
    """something outside of the guest drops traffic to port 32526 of the fabric"""
    host.lab.packet_filter(host.name, f"ip daddr {WIRESERVER} tcp dport 32526 drop")


@_network_fault("NET-01", hides="LIN-02")
def fabric_is_another_host(host: Host) -> None:
    """an ordinary web server answers at the fabric's address; the agent's worker may end again and again of it"""
    host.lab.divert(host.name, f"ip daddr {WIRESERVER} meta l4proto tcp dnat to {ELSEWHERE}")


@fault("NET-01", repair=lambda host: host.change(silent=frozenset()), repaired_by="network")
def fabric_hangs(host: Host) -> None:
    """the wire server takes a request and never answers"""
    host.change(silent=frozenset({"wireserver"}))


@fault(advice="NET-09", hides="DSK-03", repair=lambda host: host.run("nft delete table inet guard"), repaired_by="administrator")
def metadata_dropped(host: Host) -> None:
    """nftables in the guest drops traffic to the instance metadata service"""
    _nft(host, f"ip daddr {METADATA} drop")


def _right_names(host: Host) -> None:
    host.change(dns=Dns.RIGHT)


_name_fault = partial(fault, advice="NET-05", fails_2017="NET-05", repair=_right_names, repaired_by="network")


@_name_fault()
def names_unanswered(host: Host) -> None:
    """the name server does not answer"""
    host.change(dns=Dns.SILENT)


@_name_fault()
def names_refused(host: Host) -> None:
    """the name server answers SERVFAIL"""
    host.change(dns=Dns.SERVFAIL)


@_name_fault()
def names_unknown(host: Host) -> None:
    """the name server knows no name of storage"""
    host.change(dns=Dns.NXDOMAIN)


@_name_fault()
def names_slow(host: Host) -> None:
    """the name server takes six seconds for an answer"""
    host.change(dns=Dns.SLOW)


_storage_fault = partial(_network_fault, advice="NET-06 NET-12", fails_2017="NET-06")


@_storage_fault(repair=_right_names)
def names_lie(host: Host) -> None:
    """the name server names a host that is not storage"""
    host.change(dns=Dns.LIE)


@_storage_fault(smoke=True)
def storage_dropped(host: Host) -> None:
    """a network security group drops traffic to storage"""
    host.lab.packet_filter(host.name, f"ip daddr {STORAGE} drop")


@_storage_fault()
def storage_rejected(host: Host) -> None:
    """a firewall on the way rejects traffic to storage"""
    host.lab.packet_filter(host.name, f"ip daddr {STORAGE} reject with icmp type admin-prohibited")


@_storage_fault()
def storage_reset(host: Host) -> None:
    """a firewall on the way resets connections to storage"""
    host.lab.packet_filter(host.name, f"ip daddr {STORAGE} meta l4proto tcp reject with tcp reset")


@_storage_fault()
def storage_slow(host: Host) -> None:
    """connections to storage come about, but nothing answers"""
    host.lab.divert(host.name, f"ip daddr {STORAGE} tcp dport 443 dnat to {ELSEWHERE}:443")


@_network_fault(advice="NET-13")
def storage_intercepted(host: Host) -> None:
    """a middlebox opens the TLS connections to storage, with a certificate of its own authority"""
    host.lab.divert(host.name, f"ip daddr {STORAGE} tcp dport 443 dnat to {ELSEWHERE}:8443")


@_network_fault(fails_2017="NET-08")
def port_8443_closed(host: Host) -> None:
    """port 8443 of storage is closed, which only the 2017 page wants open"""
    # The fabric leads 8443 to 443 before this rule is asked.
    host.lab.packet_filter(host.name, f"ip daddr {STORAGE} meta l4proto tcp ct original proto-dst 8443 drop")


def _proxy(host: Host, *lines: str) -> None:
    text = "\\n".join(lines)
    host.run(f"sed -i '/^HttpProxy/d' /etc/waagent.conf; printf '{text}\\n' >>/etc/waagent.conf")
    host.restart_agent()


def _no_proxy(host: Host) -> None:
    open_network(host)
    host.run("sed -i '/^HttpProxy/d' /etc/waagent.conf")
    host.restart_agent()


@fault(advice="NET-06 NET-07 NET-12", fails_2017="NET-06", advice_2017="NET-07", repair=_no_proxy, repaired_by="network")
def proxy_is_the_only_way(host: Host) -> None:
    """storage is closed, the agent is told of a proxy that works; the extension does not use it"""
    host.lab.packet_filter(host.name, f"ip daddr {STORAGE} drop")
    _proxy(host, f"HttpProxy.Host={GATEWAY}", f"HttpProxy.Port={PROXY_PORT}")


@fault("NET-07", repair=_no_proxy, repaired_by="administrator")
def proxy_half_configured(host: Host) -> None:
    """waagent.conf names a proxy without its port"""
    _proxy(host, f"HttpProxy.Host={GATEWAY}")


@fault("NET-07", repair=_no_proxy, repaired_by="administrator")
def proxy_misconfigured(host: Host) -> None:
    """waagent.conf names a port at which no proxy listens"""
    _proxy(host, f"HttpProxy.Host={GATEWAY}", "HttpProxy.Port=3130")


@fault("NET-07", repair=_no_proxy, repaired_by="administrator")
def proxy_wants_a_password(host: Host) -> None:
    """the proxy asks for a password, which the agent cannot give"""
    _proxy(host, f"HttpProxy.Host={GATEWAY}", f"HttpProxy.Port={PASSWORD_PROXY_PORT}")


@fault("NET-11")
def proxy_captures_azure(host: Host) -> None:
    """the proxy of /etc/environment is also used for Azure's own addresses"""
    host.run(f"echo 'https_proxy=http://{GATEWAY}:{PROXY_PORT}' >>/etc/environment")


@fault("NET-03", spoils=True)
def route_blackholed(host: Host) -> None:
    """a route throws traffic to the fabric away"""
    host.run(f"ip route del {WIRESERVER}; ip route add blackhole {WIRESERVER}")


@fault("NET-03", repair=lambda host: host.run("ip link del wg0"), repaired_by="administrator", spoils=True)
def route_through_a_vpn(host: Host) -> None:
    """traffic to the fabric leaves through a VPN's interface"""
    host.run(f"ip link add wg0 type veth peer name wg1; ip link set wg0 up; ip route del {WIRESERVER}; ip route add {WIRESERVER} dev wg0")


@fault()
def route_gone(host: Host) -> None:
    """the host route to the fabric is gone; the default route and the lease still serve"""
    host.run(f"ip route del {WIRESERVER}")


@fault(advice="NET-10")
def route_throws_away(host: Host) -> None:
    """a route throws traffic to some network away"""
    host.run("ip route add unreachable 198.51.100.0/24")
