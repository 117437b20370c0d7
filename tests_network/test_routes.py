"""No route inside the guest throws Azure's traffic away."""

from __future__ import annotations

from backup_preflight.causes import NOINET
from backup_preflight.checks import ADVICE, Needs, check, fail
from backup_preflight.facts.network import WIRESERVER, Network


@check(
    "NET-10",
    "static routes throw traffic away",
    NOINET,
    now=ADVICE,
    in_2017=ADVICE,
    needs=Needs.AZURE,
    reads="Linux: blackhole, prohibit, unreachable and throw routes (ip route show table all); Windows: persistent routes in the registry",
    fix="Remove the route if it covers an address of Azure's, or open the way with a better one (the 2017 page: New-NetRoute).",
    after=("NET-03",),
)
def test_no_route_blocks_azure(network: Network) -> None:
    """no route throws traffic away"""
    routes = [route for route in network.special_routes if WIRESERVER not in route]
    if routes:
        fail("; ".join(routes[:5]), *map(network.remove_route, routes[:5]))
