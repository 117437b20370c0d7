"""No route inside the guest throws Azure's traffic away."""

from __future__ import annotations

from backup_preflight.causes import NOINET
from backup_preflight.checks import ADVICE, Needs, check, fail
from backup_preflight.facts.linux.network import WIRESERVER, Network


@check(
    "NET-10",
    "static routes throw traffic away",
    NOINET,
    now=ADVICE,
    in_2017=ADVICE,
    needs=Needs.AZURE,
    reads="ip route show table all: blackhole, prohibit, unreachable and throw routes",
    fix="Remove the route if it covers an address of Azure's (on Windows the 2017 page does that with New-NetRoute).",
    after=("NET-03",),
)
def test_no_route_blocks_azure(network: Network) -> None:
    """no route throws traffic away"""
    routes = [route for route in network.special_routes if WIRESERVER not in route]
    if routes:
        fail("; ".join(routes[:5]), *(f"sudo ip route del {route.split(' dev ')[0]}" for route in routes[:5]))
