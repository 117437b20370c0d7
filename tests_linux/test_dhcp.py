"""The VM gets its address, and the fabric's, from the platform by DHCP."""

from __future__ import annotations

from backup_preflight.causes import SNAPSHOT
from backup_preflight.checks import MUST, Needs, check, fail
from backup_preflight.facts.linux.network import Dhcp, Network
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.network import WIRESERVER
from backup_preflight.facts.observation import NotObserved
from backup_preflight.recording import Status


@check(
    "LIN-14",
    "the primary interface has a static address, set inside the guest",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    reads="the configuration of whatever manages the primary interface: NetworkManager, systemd-networkd, ifcfg files, ifupdown",
    fix=(
        "Set the guest back to DHCP. If the VM needs a static private address, set it in the platform "
        "(network interface > IP configurations > Static) and leave DHCP on in the guest."
    ),
)
def test_dhcp_is_on(network: Network) -> None:
    """the primary interface gets its address by DHCP"""
    dhcp = network.dhcp
    if not dhcp.on:
        fail(f"{dhcp.interface} ({dhcp.manager}): {dhcp.evidence}", *_back_to_dhcp(dhcp, network))


def _back_to_dhcp(dhcp: Dhcp, network: Network) -> tuple[str, ...]:
    name = dhcp.interface
    path = dhcp.evidence.rpartition(" in ")[2]
    if dhcp.manager == "NetworkManager":
        connection = dhcp.evidence.split('"')[1]
        return (
            f'sudo nmcli connection modify "{connection}" ipv4.method auto ipv4.addresses "" ipv4.gateway ""',
            f'sudo nmcli connection up "{connection}"',
        )
    if dhcp.manager == "systemd-networkd":
        if network.netplan_files:
            return (
                f"sudo netplan set ethernets.{name}.dhcp4=true",
                f"sudo netplan set ethernets.{name}.addresses=null",
                "sudo netplan apply",
            )
        return (f"sudo sed -i -e '/^Address=/d' -e '/^Gateway=/d' -e 's/^DHCP=.*/DHCP=yes/' {path}", "sudo networkctl reload")
    if dhcp.manager == "ifcfg":
        return (
            f"sudo sed -i -e 's/^BOOTPROTO=.*/BOOTPROTO=dhcp/' -e '/^IPADDR/d' {path}",
            f"sudo ifdown {name}; sudo ifup {name}",
        )
    return (
        f"sudo sed -i -E -e 's/^([[:blank:]]*iface {name} inet) static/\\1 dhcp/' -e '/^[[:blank:]]*(address|netmask|gateway)/d' {path}",
        f"sudo sh -c 'ifdown --force {name}; ifup {name}'",
    )


@check(
    "LIN-15",
    "the VM got no fabric address from DHCP (option 245)",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    reads=f"a host route to {WIRESERVER}, option 245 of the DHCP leases, the agent's WireServerEndpoint",
    fix=(
        f"Ask for a new lease: Azure's DHCP server names the fabric's address ({WIRESERVER}) in option 245; without that address no "
        "extension can be downloaded or run. If the new lease has no option 245 either, another DHCP server answers: stop that one."
    ),
    after=("LIN-14",),
)
def test_fabric_address_is_known(network: Network, system: System) -> None:
    """the VM knows the fabric's address"""
    if network.has_wireserver_route or network.fabric_addresses:
        return
    leases = network.leases
    if leases and not _wireserver_answers(network):
        renew = f"sudo sh -c 'dhclient -r {network.primary_interface}; dhclient {network.primary_interface}'"
        networkd = any("/systemd/" in path for path in leases)
        fail(
            f"{', '.join(leases[:3])}: no option 245",
            f"sudo networkctl renew {network.primary_interface}" if networkd else renew,
            problem="the DHCP server that answered is not Azure's: its lease has no option 245",
        )
    if _wireserver_answers(network) or network.wireserver_endpoint:
        return
    if not system.is_root:
        raise NotObserved(Status.DENIED, "no lease, no route, and the agent's own note is for root only")
    fail(f"no route to {WIRESERVER}, no lease with option 245, no WireServerEndpoint, and the wire server does not answer")


def _wireserver_answers(network: Network) -> bool:
    """Whether the address is plainly good, wherever the VM has it from."""
    try:
        return network.wireserver.is_wireserver
    except NotObserved:
        return False
