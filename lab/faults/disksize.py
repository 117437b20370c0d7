"""Disks that are too large or too many. What a VM has for disks, the platform's metadata tells."""

from __future__ import annotations

from lab.faults import fault
from lab.host import Host


def _detach(host: Host) -> None:
    host.change(data_disks_gb=[])


@fault("DSK-01", repair=_detach, smoke=True)
def disk_of_65_tb(host: Host) -> None:
    """a data disk is larger than the support matrix allows"""
    host.change(data_disks_gb=[65 * 1024])


@fault(advice="DSK-01", fails_2017="DSK-01", repair=_detach)
def disk_of_33_tb(host: Host) -> None:
    """a data disk is larger than one of two documents allows"""
    host.change(data_disks_gb=[33 * 1024])


@fault(fails_2017="DSK-01", repair=_detach)
def disk_of_2_tb(host: Host) -> None:
    """a data disk is larger than the 2017 page allows, and fine today"""
    host.change(data_disks_gb=[2 * 1024])


@fault("DSK-02", fails_2017="DSK-02", repair=_detach)
def too_many_disks(host: Host) -> None:
    """the VM has 33 data disks"""
    host.change(data_disks_gb=[64] * 33)


def _unplug(host: Host) -> None:
    host.lab.detach_disk(host.name, "large")
    host.change(ill=frozenset())


def _without_metadata(host: Host, gigabytes: int) -> None:
    host.change(ill=frozenset({"metadata"}))
    host.lab.attach_disk(host.name, "large", gigabytes)


@fault("DSK-01", advice="NET-09", undetermined="DSK-04", hides="DSK-03", image="machine", repair=_unplug)
def real_disk_of_65_tb(host: Host) -> None:
    """a real disk of 65 TB is attached, and the metadata service fails"""
    _without_metadata(host, 65 * 1024)


@fault(advice="DSK-01 NET-09", undetermined="DSK-04", hides="DSK-03", image="machine", repair=_unplug)
def real_disk_of_33_tb(host: Host) -> None:
    """a real disk of 33 TB is attached, and the metadata service fails"""
    _without_metadata(host, 33 * 1024)
