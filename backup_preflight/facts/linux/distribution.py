"""What each distribution calls the agent's package and unit, and how it installs and updates it.

Sources: Microsoft's update-linux-agent page (2025-08-18); the Debian row is measured from the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backup_preflight.lang import mark


@dataclass(frozen=True)
class Distribution:
    """One row of the table. ``install`` also updates; ``remark`` is what an administrator must know before running it."""

    family: str
    package: str
    unit: str
    install: tuple[str, ...]
    remark: str = ""


_KEEP_CONF = "-o Dpkg::Options::=--force-confold"
"""dpkg asks what to do with a changed waagent.conf, and without a terminal it fails."""

_DEBIAN = Distribution(
    "debian",
    "waagent",
    "walinuxagent.service",
    ("sudo apt-get -qq update", f"sudo apt-get install -y {_KEEP_CONF} waagent"),
    mark("Debian's waagent conflicts with network-manager and removes it."),
)
_UBUNTU = Distribution(
    "debian", "walinuxagent", "walinuxagent.service", ("sudo apt-get -qq update", f"sudo apt-get install -y {_KEEP_CONF} walinuxagent")
)
_RHEL = Distribution("rhel", "WALinuxAgent", "waagent.service", ("sudo yum install -y WALinuxAgent",))
_SUSE = Distribution("suse", "python-azure-agent", "waagent.service", ("sudo zypper --non-interactive install python-azure-agent",))
_AZURE_LINUX = Distribution("rhel", "WALinuxAgent", "waagent.service", ("sudo tdnf install -y WALinuxAgent",))
_FLATCAR = Distribution(
    "flatcar", "", "waagent.service", ("sudo update_engine_client -update",), mark("On Flatcar the agent is part of the image.")
)
_UNKNOWN = Distribution(
    "", "", "waagent.service", (), mark("This distribution is not in Microsoft's list: install the agent from its own repository.")
)
_BY_ID = {
    "debian": _DEBIAN,
    "ubuntu": _UBUNTU,
    "rhel": _RHEL,
    "centos": _RHEL,
    "almalinux": _RHEL,
    "rocky": _RHEL,
    "fedora": _RHEL,
    "sles": _SUSE,
    "sles_sap": _SUSE,
    "opensuse-leap": _SUSE,
    "suse": _SUSE,
    "opensuse": _SUSE,
    "azurelinux": _AZURE_LINUX,
    "mariner": _AZURE_LINUX,
    "flatcar": _FLATCAR,
    "coreos": _FLATCAR,
}


def distribution(os_release: Mapping[str, str]) -> Distribution:
    """The row for ID, else for the first known word of ID_LIKE, else a row that names no command."""
    name = os_release.get("ID", "").lower()
    if name == "ol":
        major = os_release.get("VERSION_ID", "8").split(".")[0]
        repository = f"sudo yum-config-manager --enable ol{major}_addons"
        return Distribution(_RHEL.family, _RHEL.package, _RHEL.unit, (repository, *_RHEL.install))
    known = (_BY_ID[word] for word in (name, *os_release.get("ID_LIKE", "").lower().split()) if word in _BY_ID)
    return next(known, _UNKNOWN)
