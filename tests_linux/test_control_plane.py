"""What the guest can tell of the platform's side. The rest is in the portal notes (report/portal.py)."""

from __future__ import annotations

from backup_preflight.causes import EXTENSIONS_PAGE, GENERAL, LINAGENT, SNAPSHOT, TROUBLESHOOT_PAGE
from backup_preflight.checks import ADVICE, OFF, Needs, check, fail, not_applicable
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.fleet import Fleet
from tests_linux.snapshot_codes import IN_PROGRESS
from tests_linux.test_snapshot import STUCK_SECONDS

VMS_PER_DEPLOYMENT = 4
"""More VMs of one cloud service than this want several policies (troubleshooting page of 2025-11-12)."""


@check(
    "CP-03",
    "many VMs of one cloud service would be backed up at the same time",
    SNAPSHOT,
    now=ADVICE,
    in_2017=ADVICE,
    needs=Needs.NOTHING,
    root=True,
    see=TROUBLESHOOT_PAGE,
    reads="the deployment name in SharedConfig.xml of every VM of this run",
    fix="Spread their schedules over several backup policies that start at least one hour apart.",
)
def test_schedules_can_be_spread(fleet: Fleet) -> None:
    """no more than four VMs of this run belong to one deployment"""
    if len(fleet) < 2:
        not_applicable("it takes several VMs in one run to tell")
    for deployment, targets in fleet.by_deployment().items():
        if len(targets) > VMS_PER_DEPLOYMENT:
            shown = ", ".join(targets[:6]) + (" …" if len(targets) > 6 else "")
            fail(f"{len(targets)} VMs share the deployment {deployment}: {shown}")


@check(
    "CP-10",
    "extension operations are forbidden for this VM",
    LINAGENT,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.AZURE,
    root=True,
    see=EXTENSIONS_PAGE,
    reads="ProvisionGuestAgent in ovf-env.xml, which the platform writes when the VM is created",
    fix="Allow them: osProfile.allowExtensionOperations = true of the VM (Azure CLI, REST), then restart the VM.",
)
def test_extension_operations_are_allowed(agent: Agent) -> None:
    """the platform allows extension operations on this VM"""
    if agent.provision_guest_agent is False:
        fail("the VM was created with ProvisionGuestAgent=false")


@check(
    "CP-11",
    "a snapshot is under way",
    GENERAL,
    now=ADVICE,
    in_2017=OFF,
    root=True,
    see=TROUBLESHOOT_PAGE,
    reads="status.code 4 in the extension's newest status file",
    fix="Wait for the running job (vault > Backup jobs) before you start another.",
    after=("LIN-12",),
)
def test_no_snapshot_is_under_way(extension: Extension) -> None:
    """no snapshot is under way"""
    if extension.newest is None or extension.last_status is None:
        return
    status = extension.last_status
    if status.code == IN_PROGRESS and status.age <= STUCK_SECONDS:
        fail(f"a snapshot was started {status.age / 60:.0f} minutes ago")
