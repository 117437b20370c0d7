"""The Azure Linux agent is there, runs, and comes back after a reboot or a crash."""

from __future__ import annotations

from typing import NoReturn

from backup_preflight.causes import LINAGENT, LINUX_AGENT_PAGE, UPDATE_AGENT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, advise, check, fail, not_applicable
from backup_preflight.facts.linux.agent import Agent, Process
from backup_preflight.facts.linux.network import Network
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import NotObserved
from backup_preflight.lang import mark, sentences
from backup_preflight.recording import Status
from tests_linux.fixes import reinstall_agent, restart_agent

LIBRARY = "/var/lib/waagent"
PROVISIONED = f"{LIBRARY}/provisioned"
KEEP_AS_IT_IS = "The marker keeps a new agent from setting up the VM once more (host keys, hostname, password) or waiting for cloud-init."
WORKER_ENDS = "The worker cannot start, or ends at once. Install the agent's package again, as a file may be damaged; the log says more."
FIRST_WORKER_SECONDS = 60
"""A daemon younger than this may not have started its worker yet. A worker that came later replaces one that has ended."""

SETTLED_SECONDS = 3
"""A worker that cannot run ends before; the collector looks until it has lived that long."""

AGAIN = "run the suite again in a minute"


@check(
    "LIN-01",
    "the Azure Linux agent is not installed",
    LINAGENT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.NOTHING,
    see=UPDATE_AGENT_PAGE,
    reads="/usr/sbin/waagent or /usr/bin/waagent, waagent.conf, the package database",
    fix="Install the agent from the distribution's repository, never from GitHub, then run an on-demand backup (Backup now).",
)
def test_agent_is_installed(agent: Agent, system: System) -> None:
    """the Azure Linux agent is installed from the distribution's repository"""
    marker = _mark_as_provisioned(agent, system)
    start = _start_after_install(agent, system)
    install = (*system.distribution.install, *marker, *start)
    reinstall = (*reinstall_agent(system.distribution), *marker, *start)
    fix = test_agent_is_installed.preflight_check.fix  # type: ignore[attr-defined]
    remark = sentences(fix, KEEP_AS_IT_IS if marker else "", system.distribution.remark)
    if agent.binary is None:
        package = agent.package
        state = f"package {package} is installed, but its program is gone" if package else "no package of the agent is installed"
        fail(
            f"neither /usr/sbin/waagent nor /usr/bin/waagent can be executed; {state}",
            *(reinstall if package else install),
            fix=remark,
        )
    if agent.conf_path is None:
        fail(
            f"{agent.binary} is there, but no waagent.conf",
            *(reinstall if agent.package else install),
            fix=sentences("Install the agent's package again: that brings its configuration back.", system.distribution.remark),
            problem="the Azure Linux agent has no configuration",
        )
    if not agent.is_packaged:
        advise(
            f"{agent.binary} belongs to no package",
            *system.distribution.install,
            fix=sentences("Replace it by the distribution's package.", system.distribution.remark),
            problem="the Azure Linux agent was installed from source, so nothing updates it",
        )


def _mark_as_provisioned(agent: Agent, system: System) -> tuple[str, ...]:
    """A VM that runs has been set up, but an agent that finds no marker does that again."""
    if not system.booted or agent.is_marked_as_provisioned:
        return ()
    # Some packages make the directory, some leave that to the agent.
    return (f"sudo mkdir -m 700 -p {LIBRARY}", f"sudo touch {PROVISIONED}", restart_agent(agent, system))


def _start_after_install(agent: Agent, system: System) -> tuple[str, ...]:
    """Packages of apt start their service; those of rpm leave that to the administrator."""
    by_hand = system.has_systemd and system.distribution.family in {"rhel", "suse"}
    return (f"sudo systemctl enable --now {agent.unit}",) if by_hand else ()


@check(
    "LIN-02",
    "the Azure Linux agent is not running",
    LINAGENT,
    now=MUST,
    in_2017=MUST,
    reads="the command lines under /proc, systemctl show, the wire server's answer",
    fix="Start the agent; if it ends again, its journal and /var/log/waagent.log say why. Then run an on-demand backup (Backup now).",
    after=("LIN-01", "LIN-09", "LIN-19"),
)
def test_agent_is_running(agent: Agent, system: System, network: Network) -> None:
    """the agent's daemon and its extension worker both run"""
    state = f"; {agent.unit_state}" if agent.unit_state else ""
    if agent.daemon is None:
        fail(f"no process `waagent -daemon`{state}", *_start(agent, system), fix=_why_it_stays_down(agent.unit_state))
    frozen = next((process for process in (agent.daemon, agent.worker) if process and process.stopped), None)
    if frozen:
        fail(
            f"{frozen} is stopped (state {frozen.state}){state}",
            f"sudo kill -CONT {frozen.pid}",
            restart_agent(agent, system),
            fix="Let it go on, or restart the agent.",
            problem="the Azure Linux agent is frozen",
        )
    if agent.is_frozen:
        fail(
            f"{agent.unit} is frozen: systemd calls it active, but none of its processes runs",
            f"sudo systemctl thaw {agent.unit}",
            fix="Let it go on.",
            problem="the Azure Linux agent is frozen",
        )
    if agent.ended_worker:
        fail(
            f"the worker {agent.ended_worker} ended {agent.ended_worker.age:.0f} s after its start, while we looked{state}",
            *_mend_worker(agent, system),
            fix=WORKER_ENDS,
            problem="the Azure Linux agent's extension worker ends again and again",
        )
    if agent.worker is None or agent.is_mostly_without_worker:
        _without_worker(agent, agent.daemon, system, network, state)
    is_first = agent.daemon.age - agent.worker.age <= FIRST_WORKER_SECONDS
    if agent.worker.age < (SETTLED_SECONDS if is_first else FIRST_WORKER_SECONDS):
        ages = f"it is {max(agent.worker.age, 0):.0f} s old, the daemon {agent.daemon.age:.0f} s"
        raise NotObserved(Status.NOT_COLLECTED, f"whether the worker stays: {ages}", AGAIN)


def _without_worker(agent: Agent, daemon: Process, system: System, network: Network, state: str) -> NoReturn:
    if _waits_for_the_fabric(network):
        not_applicable("the daemon starts its worker when the wire server answers, and it does not: see NET-01")
    if daemon.age <= FIRST_WORKER_SECONDS:
        raise NotObserved(Status.NOT_COLLECTED, f"whether a worker comes: the daemon started {daemon.age:.0f} s ago", AGAIN)
    found = f"{daemon} has run for {daemon.age:.0f} s without a worker"
    if agent.is_marked_as_provisioned is False:
        fail(
            f"{found}, and there is no {PROVISIONED}{state}",
            f"sudo touch {PROVISIONED}",
            restart_agent(agent, system),
            fix="The daemon waits until this VM is provisioned. It runs, and you could log in: so tell the agent that it is.",
            problem="the Azure Linux agent waits to be provisioned",
        )
    fail(
        f"{found} (`-run-exthandlers`){state}",
        *_mend_worker(agent, system),
        fix=WORKER_ENDS,
        problem="the Azure Linux agent's extension worker is not running",
    )


def _mend_worker(agent: Agent, system: System) -> tuple[str, ...]:
    return (*reinstall_agent(system.distribution), restart_agent(agent, system), "sudo tail -n 20 /var/log/waagent.log")


def _waits_for_the_fabric(network: Network) -> bool:
    try:
        return not network.wireserver.is_wireserver
    except NotObserved:
        return False


def _start(agent: Agent, system: System) -> tuple[str, ...]:
    """A unit that is masked or disabled is put right at once, so that the agent is there after the next reboot too."""
    try:
        word = agent.enabled_word or ""
    except NotObserved:
        word = ""
    unmask = (f"sudo systemctl unmask {agent.unit}",) if word.startswith("masked") else ()
    if word.startswith(("masked", "disabled")):
        return (*unmask, f"sudo systemctl enable --now {agent.unit}")
    journal = (f"sudo journalctl -u {agent.unit} -n 30 --no-pager",) if system.has_systemd else ()
    return (restart_agent(agent, system), *journal)


def _why_it_stays_down(state: str) -> str:
    if "condition of the unit was not met" not in state:
        return ""
    return mark(
        "systemd does not start the unit because one of its conditions is not met (Debian's has "
        "ConditionVirtualization=microsoft); `systemctl status` names it. Mend that, then start the agent."
    )


@check(
    "LIN-03",
    "the Azure Linux agent does not start at boot",
    LINAGENT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.NOTHING,
    reads="systemctl is-enabled, /etc/rc?.d, /etc/init",
    fix="Enable the agent's unit, so that the agent is there after the next reboot.",
    after=("LIN-01", "LIN-02"),
)
def test_agent_starts_at_boot(agent: Agent) -> None:
    """the agent starts at boot"""
    word = agent.enabled_word
    if word is None:
        if not agent.boot_links:
            fail("there is neither a unit, nor an init script, nor an upstart job that starts the agent")
        return
    if word not in {"enabled", "enabled-runtime", "generated", "indirect", "alias", "static"}:
        commands = [f"sudo systemctl unmask {agent.unit}"] if word.startswith("masked") else []
        fail(f"{agent.unit} is {word}", *commands, f"sudo systemctl enable --now {agent.unit}")


@check(
    "LIN-04",
    "nothing restarts the Azure Linux agent after a crash",
    LINAGENT,
    now=ADVICE,
    in_2017=ADVICE,
    needs=Needs.NOTHING,
    see=LINUX_AGENT_PAGE,
    reads="Restart= of the agent's unit, respawn of its upstart job",
    fix="Let systemd restart the agent. The units of Debian's own package have no Restart=, so every stock Debian VM needs this.",
    after=("LIN-01", "LIN-03"),
)
def test_agent_restarts_after_a_crash(agent: Agent) -> None:
    """the agent is restarted after a crash"""
    if agent.restart_policy not in {"always", "on-failure", "on-abnormal", "on-abort", "respawn"}:
        directory = f"/etc/systemd/system/{agent.unit}.d"
        fail(
            f"{agent.unit} has Restart={agent.restart_policy}",
            f"sudo mkdir -p {directory}",
            rf"printf '[Service]\nRestart=always\nRestartSec=5\n' | sudo tee {directory}/restart.conf",
            "sudo systemctl daemon-reload",
        )


@check(
    "LIN-09",
    "the Azure Linux agent is switched off",
    LINAGENT,
    now=MUST,
    in_2017=OFF,
    needs=Needs.NOTHING,
    root=True,
    see=LINUX_AGENT_PAGE,
    reads="/var/lib/waagent/disable_agent",
    fix=(
        "Remove the kill switch and restart the agent. It is written when the VM was created without agent (ProvisionGuestAgent) "
        "or by hand; see also osProfile.allowExtensionOperations of the VM."
    ),
    after=("LIN-01",),
)
def test_agent_is_not_switched_off(agent: Agent, system: System) -> None:
    """the agent's kill switch is not set"""
    if agent.switched_off:
        fail(
            "/var/lib/waagent/disable_agent exists: the daemon sleeps for ever and runs no extension",
            "sudo rm /var/lib/waagent/disable_agent",
            *([restart_agent(agent, system)] if system.booted else []),
        )
