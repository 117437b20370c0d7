"""A proxy, where one is set, carries what it should and leaves alone what it must."""

from __future__ import annotations

from backup_preflight.causes import METADATA_PAGE, NOINET, PREPARE_PAGE_2016, SUPPORT_MATRIX
from backup_preflight.checks import MUST, OFF, Needs, advise, check, fail, not_applicable
from backup_preflight.facts.http import FAILURES
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.network import Network
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.network import METADATA, WIRESERVER, bypasses
from tests_linux.fixes import restart_agent

NO_PROXY = "no proxy is set"
PROXY_AUTHENTICATION_REQUIRED = 407


@check(
    "NET-07",
    "the proxy does not carry the traffic",
    NOINET,
    now=MUST,
    in_2017=MUST,
    needs=Needs.AZURE,
    see=SUPPORT_MATRIX,
    reads="HttpProxy.Host and HttpProxy.Port of waagent.conf, the agent's environment; CONNECT to a storage host",
    fix=(
        "Set HttpProxy.Host and HttpProxy.Port in waagent.conf (2016: also http_proxy in /etc/environment), restart the agent, "
        f"allow the proxy out to ports 80 and 443 in the NSG. See {PREPARE_PAGE_2016.url}#using-an-http-proxy-for-vm-backups."
    ),
    after=("LIN-01",),
)
def test_proxy_carries_the_traffic(agent: Agent, network: Network, system: System) -> None:
    """a proxy, where one is set, carries the traffic without a password"""
    host, port = agent.conf.get("HttpProxy.Host", ""), agent.conf.get("HttpProxy.Port", "")
    host, port = ("" if value.lower() == "none" else value for value in (host, port))
    set_in_environment = any(
        name in {"http_proxy", "https_proxy"} for where, values in network.proxy_variables.items() if where != "session" for name in values
    )
    if not host and not port and not set_in_environment:
        not_applicable(NO_PROXY)
    if bool(host) != bool(port):
        missing = "HttpProxy.Port" if host else "HttpProxy.Host"
        fail(
            f"{agent.conf_path} sets only one of the two: {missing} is missing",
            restart_agent(agent, system),
            problem="the proxy is half configured",
        )
    for target, (source, code, failure) in network.proxy_answers.items():
        where = f"{host}:{port} of waagent.conf" if source == "agent" or (host and not source) else "the proxy of the environment"
        if code == PROXY_AUTHENTICATION_REQUIRED:
            fail(
                f"{where} answers 407 to CONNECT {target}:443",
                fix="Use a proxy that asks for no password: neither the agent nor the extension can give one.",
                problem="the proxy asks for a password, which Azure Backup does not support",
            )
        if failure or not 200 <= code < 300:
            fail(f"{where}: {FAILURES.get(failure, failure) or f'{code} to CONNECT {target}:443'}")
    if host:
        advise(
            f"HttpProxy.Host={host}, HttpProxy.Port={port}",
            fix=(
                "Nothing to do while the host takes the snapshot, which is the default. The extension does not use this proxy when both "
                "options are set (its code of August 2026): direct access to storage would have to be open (NET-06)."
            ),
            problem="the agent uses the proxy, the backup extension does not",
        )


@check(
    "NET-11",
    "the proxy also captures traffic to Azure's own addresses",
    NOINET,
    now=MUST,
    in_2017=OFF,
    needs=Needs.AZURE,
    see=METADATA_PAGE,
    reads="http_proxy, https_proxy and no_proxy of /etc/environment and of the agent's unit",
    fix="Add both addresses to no_proxy there, and restart the agent.",
)
def test_azure_addresses_bypass_the_proxy(agent: Agent, network: Network, system: System) -> None:
    """the wire server and the instance metadata are reached past the proxy"""
    found = {where: values for where, values in network.proxy_variables.items() if where != "session"}
    proxied = {
        where: values for where, values in found.items() if values.get("http_proxy") or values.get("https_proxy") or values.get("all_proxy")
    }
    if not proxied:
        not_applicable(NO_PROXY)
    for where, values in proxied.items():
        captured = [address for address in (WIRESERVER, METADATA) if not bypasses(values.get("no_proxy", ""), address)]
        if captured:
            value = ",".join(filter(None, [values.get("no_proxy", ""), *captured]))
            commands = (
                [f"sudo sed -i -e '/^no_proxy=/d' -e '$ a no_proxy={value}' {where}", restart_agent(agent, system)]
                if where.startswith("/")
                else []
            )
            fail(f"no_proxy of {where} lacks {' and '.join(captured)}", *commands)
