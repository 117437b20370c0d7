"""What a guest of either system can tell of the platform's side. The rest is in the portal notes (report/portal.py)."""

from __future__ import annotations

from backup_preflight.causes import LINAGENT, WINAGENT
from backup_preflight.checks import ADVICE, OFF, Needs, check, fail
from backup_preflight.facts.network import Network


@check(
    "CP-06",
    "this is a classic VM",
    LINAGENT,
    WINAGENT,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.AZURE,
    reads="whether the instance metadata has a compute part",
    fix=(
        "Tell the platform that the agent is installed, with Azure PowerShell and not on the VM: $vm = Get-AzureVM -ServiceName "
        "<service> -Name <vm>; $vm.VM.ProvisionGuestAgent = $true; Update-AzureVM -Name <vm> -VM $vm.VM -ServiceName <service>. "
        "Or migrate the VM to Azure Resource Manager."
    ),
    after=("NET-09",),
)
def test_vm_is_not_classic(network: Network) -> None:
    """the VM is not a classic VM"""
    if network.metadata.code == 404:
        fail("the instance metadata has no compute part")
