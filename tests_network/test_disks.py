"""The disks are of a size, number and kind that Azure Backup supports."""

from __future__ import annotations

from backup_preflight.causes import DISKSIZE
from backup_preflight.checks import ADVICE, MUST, OFF, Limits, advise, check, fail, not_applicable
from backup_preflight.facts.disks import GIB, Disks

ENCRYPTED_LIMIT = 4 * 1024 * GIB
SPACES = "Azure Backup does not support Storage Spaces: use simple volumes, or back up in the guest (MARS agent)."
SMALLER_DISKS = (
    "Attach new disks below the limit, copy the data, verify the copy, detach the large disk, then start the backup; "
    "or leave that disk out of the backup (selective disk backup)."
)


@check(
    "DSK-01",
    "a disk is larger than Azure Backup supports",
    DISKSIZE,
    now=MUST,
    in_2017=MUST,
    reads="disk sizes in the instance metadata, else of the guest (/sys/block, Win32_DiskDrive); not the temporary disk",
    fix=SMALLER_DISKS,
)
def test_disk_sizes(disks: Disks, limits: Limits) -> None:
    """no disk is larger than Azure Backup supports"""
    too_large = [str(disk) for disk in disks.all if disk.size > limits.disk_size]
    if too_large:
        fail(f"{', '.join(too_large)}; the limit is {limits.disk_size // GIB:,} GB")
    large = [str(disk) for disk in disks.all if disk.size > limits.disk_size_advice]
    if large:
        advise(
            f"{', '.join(large)}: the support matrix allows {limits.disk_size // GIB:,} GB, "
            f"the troubleshooting page only {limits.disk_size_advice // GIB:,} GB",
            problem="a disk is larger than one of two documents allows",
        )


@check(
    "DSK-02",
    "the VM has more data disks than Azure Backup supports",
    DISKSIZE,
    now=MUST,
    in_2017=MUST,
    reads="data disks in the instance metadata, else the guest's disks (/sys/block, Win32_DiskDrive)",
    fix="Detach disks, move some to a second VM, or leave them out of the backup (selective disk backup).",
)
def test_number_of_data_disks(disks: Disks, limits: Limits) -> None:
    """the VM has no more data disks than Azure Backup supports"""
    if disks.data_disk_count > limits.data_disks:
        fail(f"{disks.data_disk_count} data disks; the limit is {limits.data_disks}")


@check(
    "DSK-03",
    "a disk is of a kind that Azure Backup supports only in part",
    DISKSIZE,
    now=ADVICE,
    in_2017=OFF,
    reads="shared, Ultra, Premium SSD v2, write accelerator and ephemeral disks in the instance metadata; on Windows Storage Spaces",
    fix="Use the Enhanced policy for Ultra and Premium SSD v2 disks; leave shared and ephemeral disks out of the backup.",
)
def test_disk_kinds(disks: Disks) -> None:
    """every disk is of a kind that Azure Backup supports without reserve"""
    if disks.pools:
        fail(f"Storage Spaces: {', '.join(disks.pools)}", fix=SPACES, problem="disks are joined to a Storage Spaces pool")
    if not disks.from_platform:
        not_applicable("only the instance metadata tells the kind of a disk, and there is none")
    found = [f"{disk.name}: {', '.join(disk.kinds)}" for disk in disks.all if disk.kinds]
    if found:
        fail("; ".join(found))


@check(
    "DSK-04",
    "an encrypted disk is larger than Azure Backup supports",
    DISKSIZE,
    now=MUST,
    in_2017=OFF,
    reads="encryptionSettings and disk sizes in the instance metadata",
    fix=SMALLER_DISKS,
)
def test_encrypted_disks(disks: Disks) -> None:
    """no disk with Azure Disk Encryption is larger than 4 TB"""
    if not any(disk.encrypted for disk in disks.all) and not _may_be_encrypted(disks):
        return
    too_large = [str(disk) for disk in disks.all if disk.encrypted and disk.size > ENCRYPTED_LIMIT]
    if too_large:
        fail(f"{', '.join(too_large)}; the limit is {ENCRYPTED_LIMIT // GIB:,} GB")


def _may_be_encrypted(disks: Disks) -> bool:
    """Without metadata only a disk above the limit leaves the question open: then reading the profile says why."""
    if not disks.from_platform and any(disk.size > ENCRYPTED_LIMIT for disk in disks.all):
        return bool(disks.profile)
    return False
