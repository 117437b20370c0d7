"""The VM reaches Azure Storage. In 2017 the snapshot needed that; today the host takes it, and direct access only helps."""

from __future__ import annotations

from backup_preflight.causes import EXTENSION, EXTENSIONS_PAGE, NOINET, PREPARE_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, advise, check, fail
from backup_preflight.facts.disks import Disks
from backup_preflight.facts.network import Endpoint, Network

ALLOW = (
    "Allow the service tag Storage (in 2017: the Azure datacenter IP ranges, download 41653) outbound to port 443 in NSG, firewall and "
    "route table, or add a service endpoint Microsoft.Storage to the subnet, or deploy an HTTP proxy and let it out in the NSG."
)


def _failed(endpoints: list[Endpoint]) -> str:
    return "; ".join(str(endpoint) for endpoint in endpoints if endpoint.failure)


@check(
    "NET-05",
    "names of Azure Storage do not resolve",
    NOINET,
    now=ADVICE,
    in_2017=MUST,
    needs=Needs.AZURE,
    reads="the resolver's answer for the storage hosts of --storage-endpoint, on Linux else of the goal state",
    fix="Correct the name server; Azure's own resolver is 168.63.129.16.",
    after=("NET-03",),
)
def test_storage_names_resolve(network: Network) -> None:
    """names of Azure Storage resolve"""
    if failed := _failed(network.names):
        servers = ", ".join(network.nameservers) or "none"
        fail(f"{failed} (name servers: {servers})", network.show_nameservers)


@check(
    "NET-06",
    "the VM does not reach Azure Storage",
    NOINET,
    now=ADVICE,
    in_2017=MUST,
    needs=Needs.AZURE,
    see=PREPARE_PAGE,
    reads="a TLS connection to port 443 of the storage hosts; any HTTP status counts as reached",
    fix=ALLOW,
    after=("NET-05",),
)
def test_storage_is_reached(network: Network) -> None:
    """the VM reaches Azure Storage over HTTPS"""
    if failed := _failed(network.storage):
        host = next(endpoint.host for endpoint in network.storage if endpoint.failure)
        fail(failed, network.ask_storage(host))


@check(
    "NET-08",
    "port 8443 of Azure Storage is closed",
    NOINET,
    now=OFF,
    in_2017=MUST,
    needs=Needs.AZURE,
    reads="a TCP connection to port 8443 of the storage hosts",
    fix="With Managed Disks, open TCP port 8443 outbound in the firewall too. (No page after 2018 mentions it.)",
    after=("NET-05", "NET-06"),
)
def test_port_8443_is_open(network: Network, disks: Disks) -> None:
    """with Managed Disks, port 8443 of Azure Storage is open"""
    if failed := _failed(network.port_8443):
        if disks.from_platform and disks.are_managed:
            fail(failed)
        advise(failed)


@check(
    "NET-12",
    "extension packages cannot be fetched directly",
    EXTENSION,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.AZURE,
    see=EXTENSIONS_PAGE,
    reads="the same storage hosts: the goal state names those that hold the extensions' packages",
    fix="Allow these hosts outbound to port 443 (service tag Storage); until then the agent fetches packages through the host plugin.",
    after=("NET-02", "NET-05"),
)
def test_extension_packages_can_be_fetched(network: Network) -> None:
    """extension packages can be fetched directly"""
    reached = [endpoint for endpoint in network.storage if not endpoint.failure]
    if not reached:
        fail(f"none of {len(network.storage)} hosts is reached: {_failed(network.storage)}")


@check(
    "NET-13",
    "something on the way opens the TLS connection to Azure Storage",
    NOINET,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.AZURE,
    reads="the certificate chain of the storage hosts, by the guest's own CA store",
    fix="Exempt Azure Storage from TLS inspection, or, if the issuer is genuine, update the guest's root certificates.",
    after=("NET-05", "NET-06"),
)
def test_tls_is_not_intercepted(network: Network) -> None:
    """the TLS connection to Azure Storage is not intercepted"""
    doubtful = [endpoint for endpoint in network.storage if not endpoint.failure and not endpoint.verified]
    if doubtful:
        fail("; ".join(f"{endpoint.host}: certificate of {endpoint.issuer or 'an unknown issuer'}" for endpoint in doubtful))
