"""waagent.conf: extensions switched off, in every spelling that the agent takes for it, and in none that it does not."""

from __future__ import annotations

from collections.abc import Callable

from lab.faults import fault
from lab.host import Host

SPELLINGS = {
    "plain": "Extensions.Enabled=n",
    "blanks": "Extensions.Enabled = n",
    "upper-case": "Extensions.Enabled=N",
    "quoted": 'Extensions.Enabled="n"',
    "comment-behind": "Extensions.Enabled=n # by order of the auditors",
    "indented": "   Extensions.Enabled=n",
    "twice": "Extensions.Enabled=y\nExtensions.Enabled=n",
}
"""All of these switch extensions off (measured with agent 2.7.3.0)."""

HARMLESS = ("Extensions.Enabled=no", "Extensions.Enabled=false", "#Extensions.Enabled=n", "extensions.enabled=n", "Extensions.Enable=n")
"""None of these does."""


def _break(lines: str) -> Callable[[Host], None]:
    def break_(host: Host) -> None:
        host.run(f"sed -i '/^Extensions.Enabled=/d' /etc/waagent.conf; cat >>/etc/waagent.conf <<'END'\n{lines}\nEND")
        host.restart_agent()

    return break_


for _name, _lines in SPELLINGS.items():
    _function = _break(_lines)
    _function.__doc__ = f"extensions are switched off: `{_lines.splitlines()[-1].strip()}`"
    fault("LIN-07", name=f"extensions-off-{_name}", smoke=_name == "twice")(_function)


@fault()
def extensions_off_in_vain(host: Host) -> None:
    """lines that look as if they switched extensions off, and do not"""
    _break("\n".join(HARMLESS))(host)
    host.change()
    host.wait_until_ready()


@fault(advice="LIN-08")
def provisioning_disabled(host: Host) -> None:
    """Provisioning.Agent=disabled"""
    host.run("sed -i '/^Provisioning.Agent=/d' /etc/waagent.conf; echo Provisioning.Agent=disabled >>/etc/waagent.conf")
