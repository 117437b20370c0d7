"""What no guest can tell, and where in the portal to look (CP-01, CP-02, CP-04, CP-07 to CP-09)."""

from __future__ import annotations

from backup_preflight.causes import BackupError
from backup_preflight.lang import mark, tr

_NOTES = (
    mark("status of the VM: Running; after a shutdown from RDP or inside the guest it may be wrong: use the portal's Stop (CP-01)"),
    mark("network security group and route table of the subnet: outbound to the service tag Storage is allowed (CP-02)"),
    mark("no lock on the resource group AzureBackupRG_<geo>_<n>; at most 18 restore points in its collection (CP-04)"),
    mark("encrypted disks: Backup Management Service has access to the key vault (CP-07)"),
    mark("no Azure Policy that denies tags (CP-08); the vault is in the VM's region (CP-09)"),
    mark("many VMs: no more than four of one cloud service in one policy (CP-03)"),
)


def notes(error: BackupError | None) -> list[str]:
    """Lines for the end of the report; with ``--error`` what that error wants first."""
    first = [tr("for {code}: {advice}", code=error.code, advice=tr(error.portal))] if error and error.portal else []
    return [tr("Only the portal can tell:"), *(f"  - {note}" for note in [*first, *map(tr, _NOTES)])]
