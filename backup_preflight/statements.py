"""The page of September 2017, statement by statement, and what answers each.

The page is "Troubleshoot Azure Backup failure: issues with agent and/or extension", English of 2017-09-08, Korean of 2017-10-11.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """One statement, in our words. ``checks`` judge by it, ``fixes`` are the checks whose fix says it, ``portal`` the portal's notes."""

    id: str
    text: str
    checks: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    portal: tuple[str, ...] = ()

    @property
    def answers(self) -> tuple[str, ...]:
        """Ids of the checks that answer it in one way or another."""
        return self.checks + self.fixes


STATEMENTS = (
    Statement(
        "S-01",
        "no internet access, or a restriction blocks Azure's infrastructure",
        checks=("NET-01", "NET-02", "NET-03", "NET-04", "NET-05", "NET-06", "NET-12"),
    ),
    Statement("S-02", "the extension must reach an Azure Storage endpoint", checks=("NET-06",)),
    Statement("S-03", "allow the Azure datacenter IP ranges", fixes=("NET-06",), portal=("CP-02",)),
    Statement("S-04", "unblock addresses with a route inside the VM", checks=("NET-10",)),
    Statement("S-05", "allow rules in the NSG", fixes=("NET-06",), portal=("CP-02",)),
    Statement("S-06", "an HTTP proxy as a path for the traffic", checks=("NET-07", "WIN-21"), fixes=("NET-06",)),
    Statement("S-07", "an NSG rule that lets the proxy out", fixes=("NET-07",), portal=("CP-02",)),
    Statement("S-08", "how to set up the proxy", fixes=("NET-07", "WIN-21")),
    Statement("S-09", "port 8443 with Managed Disks", checks=("NET-08",)),
    Statement("S-10", "the agent is corrupt or stopped: reinstall it", checks=("WIN-01", "WIN-03")),
    Statement("S-11", "the Windows Guest Agent service runs; restart it and back up", checks=("WIN-01",)),
    Statement("S-12", "not in services: look in Programs and Features", checks=("WIN-04",)),
    Statement("S-13", "listed there: uninstall it", fixes=("WIN-04", "WIN-03")),
    Statement("S-14", "install the newest MSI, as an administrator", checks=("WIN-05",), fixes=("WIN-01",)),
    Statement("S-15", "the service is then in services", checks=("WIN-01",)),
    Statement("S-16", 'run "Backup Now"', fixes=("LIN-01", "LIN-02", "WIN-01")),
    Statement("S-17", ".NET 4.5, which the agent needs", checks=("WIN-06",)),
    Statement("S-18", "most failures come from an outdated agent: update it", checks=("LIN-05", "LIN-06")),
    Statement("S-19", "only from the distribution's repository; the newest is listed on GitHub", checks=("LIN-01", "LIN-05")),
    Statement("S-20", "the agent runs", checks=("LIN-02",)),
    Statement("S-21", "start it (walinuxagent, waagent)", checks=("LIN-02", "LIN-03")),
    Statement("S-22", "restart it automatically", checks=("LIN-04",)),
    Statement("S-23", "logs to collect", checks=("LIN-13",)),
    Statement("S-24", "verbose logs", fixes=("LIN-13",)),
    Statement("S-25", "storage is reached, the snapshot task is not delayed", checks=("NET-06", "LIN-12", "LIN-16", "LIN-17", "WIN-17")),
    Statement("S-26", "SQL Server backup and VSS full backup: USEVSSCOPYBACKUP", checks=("WIN-10",)),
    Statement("S-27", "shut down from RDP: the portal may show a wrong state", portal=("CP-01",)),
    Statement("S-28", "many VMs of one cloud service at once", checks=("CP-03",)),
    Statement("S-29", "CPU above 90 %, or memory", checks=("LIN-16", "LIN-17", "WIN-17")),
    Statement(
        "S-30", "the fabric's address comes by DHCP option 245; DHCP is on in the guest", checks=("LIN-14", "LIN-15", "WIN-15", "WIN-16")
    ),
    Statement("S-31", "without the extension no snapshot", checks=("LIN-11", "WIN-09")),
    Statement("S-32", "iaasvmprovider is enabled and starts automatically", checks=("WIN-08",)),
    Statement("S-33", "VMSnapshotLinux 1.0.91.0", checks=("LIN-11",)),
    Statement("S-34", "uninstall the extension, the next backup installs it", fixes=("LIN-11", "WIN-09")),
    Statement("S-35", "no disk above 1,023 GB", checks=("DSK-01",)),
    Statement("S-36", "copy to smaller disks", fixes=("DSK-01",)),
)
