"""A proxy, where one is set for the machine, carries what it should and leaves alone what it must (NET-07 and NET-11 of Linux)."""

from __future__ import annotations

from backup_preflight.causes import NOINET, PREPARE_PAGE_2016, SUPPORT_MATRIX
from backup_preflight.checks import MUST, Needs, advise, check, fail, not_applicable
from backup_preflight.facts.http import FAILURES
from backup_preflight.facts.network import METADATA, WIRESERVER, bypasses
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows.blobs import WinHttpProxy
from backup_preflight.facts.windows.network import Network, ProxyAnswer

PROXY_AUTHENTICATION_REQUIRED = 407


@check(
    "WIN-21",
    "the machine's proxy does not carry the traffic",
    NOINET,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    see=SUPPORT_MATRIX,
    reads=(
        "WinHttpSettings, the Internet settings of Local System (S-1-5-18), the machine's proxy variables, in the registry; CONNECT to the "
        "storage hosts of --storage-endpoint"
    ),
    fix=(
        "Set a proxy that asks for no password, for WinHTTP and for the account Local System, and allow it out to ports 80 and 443 in the "
        f"NSG. See {PREPARE_PAGE_2016.url}#using-an-http-proxy-for-vm-backups."
    ),
)
def test_proxy_carries_the_traffic(network: Network) -> None:
    """a proxy, where one is set for the machine, carries the traffic and is not asked for Azure's own addresses"""
    found, unseen = _proxies(network)
    for answer in network.proxy_answers if found else []:
        _require_success(answer)
    for where, proxy in found.items():
        captured = [address for address in (WIRESERVER, METADATA) if not bypasses(proxy.bypass, address)]
        if captured:
            advise(
                f"{proxy.proxy} of {where} has no exception for {' and '.join(captured)}",
                *_except(where, proxy.proxy, proxy.bypass, captured),
                fix="Add both addresses to the exceptions of the proxy, and restart RdAgent and WindowsAzureGuestAgent.",
                problem="the proxy also captures traffic to Azure's own addresses",
            )
    if unseen:
        raise unseen
    if not found:
        not_applicable("no proxy is set")


def _proxies(network: Network) -> tuple[dict[str, WinHttpProxy], NotObserved | None]:
    """Where → the proxy set there; and why a place could not be seen, if one could not."""
    found, unseen = {}, None
    for where, attribute in (("WinHTTP", "winhttp"), ("Local System", "system_proxy"), ("the machine's environment", "environment_proxy")):
        try:
            proxy: WinHttpProxy = getattr(network, attribute)
        except NotObserved as reason:
            unseen = unseen or reason
            continue
        if proxy.proxy:
            found[where] = proxy
    return found, unseen


def _require_success(answer: ProxyAnswer) -> None:
    if answer.code == PROXY_AUTHENTICATION_REQUIRED:
        fail(
            f"{answer.proxy} answers 407 to CONNECT {answer.host}:443",
            fix="Use a proxy that asks for no password: neither the agent nor the extension can give one.",
            problem="the proxy asks for a password, which Azure Backup does not support",
        )
    if answer.failure or not 200 <= answer.code < 300:
        said = FAILURES.get(answer.failure, answer.failure) or f"{answer.code} to CONNECT {answer.host}:443"
        fail(f"{answer.proxy}: {said}", "netsh.exe winhttp show proxy")


def _except(where: str, proxy: str, bypass: str, captured: list[str]) -> tuple[str, ...]:
    """The command that adds the exceptions; for other places than WinHTTP it depends on how they were set."""
    if where != "WinHTTP":
        return ()
    return (f'netsh.exe winhttp set proxy proxy-server="{proxy}" bypass-list="{";".join(filter(None, [bypass, *captured]))}"',)
