"""The agent is told to run extensions, and leaves behind what support asks for."""

from __future__ import annotations

from backup_preflight.causes import CONFIGURATION, LINAGENT, LINUX_AGENT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, check, fail
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.system import System
from tests_linux.fixes import restart_agent, set_option

STALE_GOAL_STATES = 200
"""More leftovers of old agents than this were the cause of failing backups in January 2018."""


@check(
    "LIN-07",
    "the Azure Linux agent is told not to run extensions",
    CONFIGURATION,
    LINAGENT,
    now=MUST,
    in_2017=OFF,
    needs=Needs.NOTHING,
    reads="Extensions.Enabled in waagent.conf, by the agent's own rules (only y and n count; the last line wins)",
    fix="Set Extensions.Enabled=y and restart the agent. (Extensions.Enable, as one document spells it, is no option at all.)",
    after=("LIN-01",),
)
def test_extensions_are_enabled(agent: Agent, system: System) -> None:
    """the agent runs extensions (Extensions.Enabled=y)"""
    if not agent.switch("Extensions.Enabled", default=True):
        fail(f"Extensions.Enabled=n in {agent.conf_path}", *set_option(agent, system, "Extensions.Enabled", "y"))


@check(
    "LIN-08",
    "Provisioning.Agent is not as the document wants it",
    CONFIGURATION,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.NOTHING,
    reads="Provisioning.Agent in waagent.conf",
    fix="Set Provisioning.Agent=auto and restart the agent.",
    after=("LIN-01",),
)
def test_provisioning_agent_is_set(agent: Agent, system: System) -> None:
    """Provisioning.Agent names a provisioning agent (auto, cloud-init or waagent)"""
    # The agent never reads it for extensions, and Debian ships cloud-init: only a value that provisions nothing is worth a word.
    word = agent.conf.get("Provisioning.Agent", "auto")
    if word.lower() not in {"auto", "cloud-init", "waagent"}:
        fail(f"Provisioning.Agent={word} in {agent.conf_path}", *set_option(agent, system, "Provisioning.Agent", "auto"))


@check(
    "LIN-13",
    "logs that support asks for are missing",
    LINAGENT,
    now=ADVICE,
    in_2017=ADVICE,
    root=True,
    see=LINUX_AGENT_PAGE,
    reads="/var/log/waagent.log, /var/log/azure, /var/lib/waagent/*.xml; Logs.Verbose",
    fix=(
        "Support asks for /var/log/waagent.log, /var/log/azure/* and /var/lib/waagent/*.xml. For more detail set Logs.Verbose=y in "
        'waagent.conf (the line below "Enable verbose logging (y|n)") and restart the agent.'
    ),
    after=("LIN-01", "LIN-02"),
)
def test_logs_can_be_collected(agent: Agent, system: System) -> None:
    """the logs that support asks for are there"""
    if not agent.has_log:
        fail("there is no /var/log/waagent.log", restart_agent(agent, system))
    if not agent.has_extension_log_directory:
        fail("there is no /var/log/azure", "sudo mkdir -p /var/log/azure")
    if not agent.goal_state_files:
        fail(
            "there is no /var/lib/waagent/*.xml: the agent has never received a goal state",
            restart_agent(agent, system),
            "sudo tail -n 50 /var/log/waagent.log",
        )


@check(
    "LIN-25",
    "old goal state files have piled up",
    LINAGENT,
    now=ADVICE,
    in_2017=OFF,
    root=True,
    needs=Needs.NOTHING,
    reads="number of /var/lib/waagent/*.[0-9]*.xml",
    fix=(
        "Remove them; this is Microsoft's own command for the failing Linux backups of January 2018. It takes the goal state in force "
        "along: restart the agent, which then fetches it again."
    ),
    after=("LIN-01",),
)
def test_goal_state_files_have_not_piled_up(agent: Agent, system: System) -> None:
    """old goal state files have not piled up in /var/lib/waagent"""
    if agent.stale_goal_states > STALE_GOAL_STATES:
        restart = [restart_agent(agent, system)] if system.booted else []
        remove = "sudo sh -c 'rm -f /var/lib/waagent/*.[0-9]*.xml'"
        fail(f"{agent.stale_goal_states} files /var/lib/waagent/*.[0-9]*.xml", remove, *restart)
