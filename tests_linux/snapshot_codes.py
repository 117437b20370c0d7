"""What the extension's status codes mean and what to do about them (VMBackup, main/common.py and Utils/Status.py)."""

from __future__ import annotations

from backup_preflight.lang import mark

GOOD = frozenset({0, 1, 3})
IN_PROGRESS = 4

_STORAGE = mark("Let the VM reach Azure Storage or the host: see NET-01, NET-02 and NET-06 of this report.")
_FREEZE = mark("See LIN-18 and LIN-20 of this report: a file system could not be frozen.")
_SCRIPT = mark("See LIN-22 of this report: correct the pre- and post-scripts and their configuration.")
_RETRY = mark("Run an on-demand backup (Backup now); if it fails again, open a support request with /var/log/azure.")
_CODES = {
    2: ("error", _RETRY),
    11: ("error_parameter", mark("Uninstall the extension in the portal; the next backup installs it with fresh settings.")),
    12: ("error_12", _RETRY),
    15: ("error_http_failure", _STORAGE),
    16: ("FailedHandlerGuestAgentCertificateNotFound", mark("Restart the agent; see LIN-24 of this report.")),
    17: ("FailedInvalidDataDiskLunList", mark("Check the list of excluded disks of the backup item in the vault.")),
    76: ("FailedRetryableSnapshotFailedNoNetwork", _STORAGE),
    761: ("FailedRetryableSnapshotFailedRestrictedNetwork", _STORAGE),
    85: (
        "FailedSnapshotLimitReached",
        mark("Delete old snapshots of the disks' blobs, or set isanysnapshotfailed = false in /etc/azure/vmbackup.conf."),
    ),
    173: ("FailedRetryableSnapshotRateExceeded", mark("Wait some minutes and run an on-demand backup (Backup now).")),
    121: ("FsFreezeFailed", _FREEZE),
    122: ("FsFreezeTimeout", _FREEZE),
    123: ("UnableToOpenMount", _FREEZE),
    124: ("SafeFreezeBinaryNotFound", mark("Uninstall the extension in the portal; the next backup installs it again.")),
    402: (
        "FailedGuestAgentInvokedCommandTooLate",
        mark("The command was older than 140 minutes: see the clock (LIN-21) and the load (LIN-16, LIN-17) in this report."),
    ),
    556: ("FailedHostSnapshotRemoteServerError", _RETRY),
}


def outcome(code: int) -> tuple[str, str]:
    """Name and fix of a code; codes that are not listed are told by their group."""
    if code in _CODES:
        return _CODES[code]
    if 300 <= code <= 318:
        return "pre- or post-script", _SCRIPT
    if 500 <= code <= 512:
        return "database workload (/etc/azure/workload.conf)", _SCRIPT
    return "not documented", _RETRY
