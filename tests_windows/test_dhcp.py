"""The VM gets its address, and the fabric's, from the platform by DHCP."""

from __future__ import annotations

from backup_preflight.causes import SNAPSHOT
from backup_preflight.checks import MUST, Needs, advise, check, fail
from backup_preflight.facts.network import WIRESERVER
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows.agent import Agent
from backup_preflight.facts.windows.network import Network
from backup_preflight.recording import Status


@check(
    "WIN-15",
    "the primary interface has a static address, set inside the guest",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    reads="EnableDHCP of the interface with the default route, in the registry",
    fix=(
        "Set the interface back to DHCP. If the VM needs a static private address, set it in the platform "
        "(network interface > IP configurations > Static) and leave DHCP on in the guest."
    ),
)
def test_dhcp_is_on(network: Network) -> None:
    """the primary interface gets its address by DHCP"""
    primary = network.primary
    if primary.dhcp:
        return
    found = f"EnableDHCP of {primary.name} is 0; its address is {', '.join(primary.addresses)}"
    command = f'Set-NetIPInterface -InterfaceAlias "{primary.name}" -AddressFamily IPv4 -Dhcp Enabled'
    if len(primary.addresses) > 1:
        advise(
            found,
            fix="An interface with several addresses has to be static: then addresses and their order must be those of the platform.",
            problem="the primary interface has several static addresses",
        )
    fail(found, command, f'Set-DnsClientServerAddress -InterfaceAlias "{primary.name}" -ResetServerAddresses')


@check(
    "WIN-16",
    "the VM got no fabric address from DHCP (option 245)",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    reads="option 245 in DhcpInterfaceOptions, DhcpWithFabricAddressTime in the agent's registry key, the end of WaAppAgent.log",
    fix=(
        f"Ask for a new lease: Azure's DHCP server names the fabric's address ({WIRESERVER}) in option 245; without that address no "
        "extension can be downloaded or run. Disable an Npcap loopback adapter, which confuses the agent; then restart RdAgent."
    ),
    after=("WIN-15",),
)
def test_fabric_address_is_known(network: Network, agent: Agent) -> None:
    """the VM knows the fabric's address"""
    primary = network.primary
    if primary.fabric_address or _wireserver_answers(network):
        return
    if agent.guest_key and agent.guest_key.text("DhcpWithFabricAddressTime"):
        return
    lines = agent.log_lines
    if any("Using fabric address" in line for line in lines[-3:]):
        return
    npcap = any("Npcap" in line for line in lines)
    logged = f"; WaAppAgent.log: {lines[-1][:200]}" if lines else ""
    if primary.fabric_address is None:
        if not logged:
            raise NotObserved(
                Status.ABSENT, f"{primary.name} keeps no DHCP options, and the agent's log says nothing of the fabric's address"
            )
        found = f"{primary.name} has no DHCP lease"
    else:
        found = f"the DHCP server of {primary.name} ({primary.server or 'unknown'}) did not answer option 245"
    disable = ("Get-NetAdapter | Where-Object InterfaceDescription -Like '*Npcap*' | Disable-NetAdapter",) if npcap else ()
    fail(found + logged, *disable, "ipconfig.exe /renew", "Restart-Service -Name RdAgent")


def _wireserver_answers(network: Network) -> bool:
    """Whether the address is plainly good, wherever the VM has it from."""
    try:
        return network.wireserver.is_wireserver
    except NotObserved:
        return False
