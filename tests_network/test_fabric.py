"""The VM reaches Azure's fabric: the wire server, the host plugin, the instance metadata."""

from __future__ import annotations

from backup_preflight.causes import METADATA_PAGE, NOINET, SNAPSHOT, WIRESERVER_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, check, fail
from backup_preflight.facts.http import FAILURES, Response
from backup_preflight.facts.network import METADATA, WIRESERVER, Network

AGENT_PORTS = (80, 32526)


def _said(answer: Response) -> str:
    if answer.failure:
        return FAILURES.get(answer.failure, answer.failure)
    return f"HTTP {answer.code}, which is no answer of Azure's fabric"


@check(
    "NET-01",
    f"the VM does not reach the wire server ({WIRESERVER}, port 80)",
    NOINET,
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    root=True,
    see=WIRESERVER_PAGE,
    reads=f"http://{WIRESERVER}/?comp=versions, which has to answer in the wire server's own protocol; a bare connection proves nothing",
    fix=(
        "Let the agent (root, Local System) reach TCP port 80 of this address: no firewall, VPN or security product in the guest may "
        "stop it. An NSG cannot."
    ),
    after=("NET-03", "NET-04"),
)
def test_wireserver_answers(network: Network) -> None:
    """the wire server answers on port 80"""
    answer = network.wireserver
    if not answer.is_wireserver:
        fail(_said(answer), network.ask(WIRESERVER, 80, "/?comp=versions"))


@check(
    "NET-02",
    f"the VM does not reach the host plugin ({WIRESERVER}, port 32526)",
    NOINET,
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    root=True,
    see=WIRESERVER_PAGE,
    reads=f"http://{WIRESERVER}:32526/versions",
    fix="Let the agent (root, Local System) reach TCP port 32526 of this address: extension packages and status go that way.",
    after=("NET-01", "NET-03", "NET-04"),
)
def test_host_plugin_answers(network: Network) -> None:
    """the host plugin answers on port 32526"""
    answer = network.host_plugin
    if not answer.ok or not answer.body.lstrip().startswith(b"["):
        fail(_said(answer), network.ask(WIRESERVER, 32526, "/versions"))


@check(
    "NET-03",
    "traffic to the wire server does not leave through the primary interface",
    SNAPSHOT,
    NOINET,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    see=WIRESERVER_PAGE,
    reads=f"Linux: ip route get {WIRESERVER}, else /proc/net/route; Windows: MSFT_NetRoute, the longest prefix",
    fix="Remove the route that sends this address elsewhere (a VPN's, or a blackhole).",
)
def test_route_to_wireserver(network: Network) -> None:
    """traffic to the wire server leaves through the primary interface"""
    interface = network.route_to_wireserver
    if interface is None:
        special = [route for route in network.special_routes if WIRESERVER in route]
        fail(special[0] if special else network.route_said, *map(network.remove_route, special))
    if interface != network.primary_interface:
        fail(f"it leaves through {interface}, the primary interface is {network.primary_interface}", network.show_route)


@check(
    "NET-04",
    "the guest's firewall drops the agent's traffic",
    NOINET,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    root=True,
    see=WIRESERVER_PAGE,
    reads=(
        "when the wire server does not answer: iptables-save and nft list ruleset, what they do with root's new connections to it; "
        "on Windows outbound block rules in the registry"
    ),
    fix="Remove the rule here and in the configuration that sets it (ufw, firewalld, nftables.conf; Group Policy), so that it stays away.",
    after=("NET-03",),
)
def test_firewall_lets_the_agent_through(network: Network) -> None:
    """no rule of the guest's firewall stops the agent's traffic to the wire server"""
    answers = (network.wireserver, network.host_plugin)
    for port, answer in zip(AGENT_PORTS, answers, strict=True):
        if answer.failure and (block := network.firewall_block(port)):
            fail(f"port {port}: {block.rule}", block.remove)


@check(
    "NET-09",
    "the instance metadata service does not answer",
    NOINET,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.AZURE,
    see=METADATA_PAGE,
    reads=f"http://{METADATA}/metadata/instance/compute/storageProfile, past every proxy",
    fix=f"Let the VM reach TCP port 80 of {METADATA} from its primary interface and address; the service needs DHCP.",
)
def test_metadata_answers(network: Network) -> None:
    """the instance metadata service answers"""
    answer = network.metadata
    if answer.failure or answer.code not in {200, 404}:
        command = network.ask(METADATA, 80, "/metadata/instance?api-version=2021-11-01")
        fail(FAILURES.get(answer.failure, answer.failure) or f"HTTP {answer.code}", command)
