"""Commands that several fixes share."""

from __future__ import annotations

from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.distribution import Distribution
from backup_preflight.facts.linux.system import System


def restart_agent(agent: Agent, system: System) -> str:
    """The command that restarts the agent on this VM."""
    return f"sudo systemctl restart {agent.unit}" if system.has_systemd else f"sudo service {agent.unit.removesuffix('.service')} restart"


def reinstall_agent(distribution: Distribution) -> tuple[str, ...]:
    """Commands that bring back files of an installed package; Debian's would not bring back a configuration file that was removed."""
    changes = {
        "debian": ("apt-get install -y", "apt-get install --reinstall -y -o Dpkg::Options::=--force-confmiss"),  # beside --force-confold
        "rhel": (" install -y", " reinstall -y"),
        "suse": (" install ", " install -f "),
    }
    old, new = changes.get(distribution.family, ("", ""))
    return tuple(command.replace(old, new) if old else command for command in distribution.install)


def set_option(agent: Agent, system: System, key: str, value: str) -> list[str]:
    """Commands that set an option of waagent.conf, whatever blanks or duplicates its lines have, and make it count."""
    expression = rf"s/^[[:blank:]]*{key.replace('.', '[.]')}[[:blank:]]*=.*/{key}={value}/"
    restart = [restart_agent(agent, system)] if system.booted else []
    return [f"sudo sed -i '{expression}' {agent.conf_path}", *restart]
