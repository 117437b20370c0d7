"""The VM is of a kind that Azure Backup supports, and in a state to be backed up."""

from __future__ import annotations

from backup_preflight.causes import GENERAL, SNAPSHOT_PAGE, SUPPORT_MATRIX
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, check, fail
from backup_preflight.facts.linux.disks import Disks
from backup_preflight.facts.linux.system import System

MIN_CPUS = 2
MIN_MEMORY_KIB = 900_000
"""A VM of 1 GB shows a little less, because the kernel keeps some to itself."""


@check(
    "LIN-27",
    "the operating system is not supported",
    GENERAL,
    now=MUST,
    in_2017=OFF,
    needs=Needs.NOTHING,
    reads="uname -m, /etc/os-release",
    fix="Move the workload to a 64-bit endorsed distribution; disks of this VM can be backed up with Azure Disk Backup instead.",
)
def test_platform_is_supported(system: System) -> None:
    """the VM runs a 64-bit Linux that Azure Backup supports"""
    if system.machine not in {"x86_64", "aarch64"}:
        fail(f"the machine is {system.machine or 'unknown'}, wanted x86_64 or aarch64")
    if system.os_release.get("ID") == "coreos":
        fail(f"{system.name}: CoreOS is not supported")


@check(
    "LIN-28",
    "some file systems are not backed up as one may expect",
    GENERAL,
    now=ADVICE,
    in_2017=OFF,
    reads="file system types in /proc/self/mountinfo",
    fix=(
        "ZFS pools and container mounts are not supported; what lies on NFS or CIFS is not backed up. A network share that hangs "
        "stops the extension: onlyLocalFilesystems = True below [SnapshotThread] in /etc/azure/vmbackup.conf avoids that."
    ),
)
def test_file_systems_are_backed_up(disks: Disks) -> None:
    """no mounted file system is of a kind that Azure Backup leaves out"""
    kinds = {"zfs", "nfs", "nfs4", "cifs", "smb3", "overlay"}
    found = [f"{mount.target} ({mount.type})" for mount in disks.mounts if mount.type in kinds and mount.target != "/"]
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        fail(", ".join(found[:5]) + more)


@check(
    "LIN-29",
    "the VM is too small",
    GENERAL,
    now=MUST,
    in_2017=OFF,
    see=SUPPORT_MATRIX,
    reads="configured processors, MemTotal",
    fix="Resize the VM to at least 2 vCPUs and 1 GB of memory.",
)
def test_size_is_enough(system: System) -> None:
    """the VM has at least 2 vCPUs and 1 GB of memory"""
    if system.container:
        return  # a container's limits are not the VM's size
    if system.cpus < MIN_CPUS:
        fail(f"{system.cpus} vCPU")
    if system.memory_total < MIN_MEMORY_KIB:
        fail(f"{system.memory_total // 1024} MB of memory")


@check(
    "LIN-30",
    "an operating-system update waits for a reboot",
    GENERAL,
    now=ADVICE,
    in_2017=OFF,
    see=SNAPSHOT_PAGE,
    reads="/run/reboot-required, the rpm database, installed kernels",
    fix="Reboot at a quiet time, then back up.",
)
def test_no_reboot_is_pending(system: System) -> None:
    """no operating-system update waits for a reboot"""
    if system.reboot_reasons:
        fail("; ".join(system.reboot_reasons), "sudo systemctl reboot")
