"""General requirements: no reboot pending, nothing mounted that is left out of a backup."""

from __future__ import annotations

from lab.faults import fault
from lab.host import Host


@fault(advice="LIN-30")
def reboot_pending(host: Host) -> None:
    """an update waits for a reboot"""
    host.run("echo '*** System restart required ***' >/run/reboot-required; echo linux-image-cloud-amd64 >/run/reboot-required.pkgs")


@fault(advice="LIN-28", repair=lambda host: host.run("umount /mnt"), repaired_by="administrator")
def container_mount(host: Host) -> None:
    """a container's file system is mounted"""
    host.run("cd /run && mkdir lower upper work && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work /mnt")
