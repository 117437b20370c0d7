"""The documents: pages, causes, and the errors that the portal shows, with each error's causes in the documented order."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import Enum

from backup_preflight.errors import UsageError
from backup_preflight.lang import language


class Edition(Enum):
    """By whose rules a VM is judged: the page of September 2017 word for word, or the newest pages."""

    Y2017 = "2017"
    CURRENT = "current"


@dataclass(frozen=True)
class Page:
    """One document of Microsoft's, with the date it bears."""

    url: str
    date: str

    def at(self, anchor: str) -> Page:
        """The same page at a heading."""
        return Page(f"{self.url}#{anchor}", self.date)


_BACKUP = "https://learn.microsoft.com/azure/backup/"
_MACHINES = "https://learn.microsoft.com/azure/virtual-machines/"
SNAPSHOT_PAGE_2017 = Page(_BACKUP + "backup-azure-troubleshoot-vm-backup-fails-snapshot-timeout", "2017-09-08")
SNAPSHOT_PAGE = Page(SNAPSHOT_PAGE_2017.url, "2025-11-12")
TROUBLESHOOT_PAGE = Page(_BACKUP + "backup-azure-vms-troubleshoot", "2025-11-12")
SUPPORT_MATRIX = Page(_BACKUP + "backup-support-matrix-iaas", "2025-10-27")
PREPARE_PAGE = Page(_BACKUP + "backup-azure-arm-vms-prepare", "2026-03-25")
PREPARE_PAGE_2016 = Page(_BACKUP + "backup-azure-vms-prepare", "2016-08-26")
APP_CONSISTENT_PAGE = Page(_BACKUP + "backup-azure-linux-app-consistent", "2024-04-23")
AGENT_VERSION_PAGE = Page(
    "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/support-extensions-agent-version", "2025-09-15"
)
LINUX_AGENT_PAGE = Page(_MACHINES + "extensions/agent-linux", "2025-08-18")
UPDATE_AGENT_PAGE = Page(_MACHINES + "extensions/update-linux-agent", "2025-08-18")
EXTENSIONS_PAGE = Page(_MACHINES + "extensions/features-linux", "2025-08-18")
METADATA_PAGE = Page(_MACHINES + "instance-metadata-service", "2025-08-18")
WINDOWS_AGENT_PAGE = Page("https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/windows-azure-guest-agent", "2025-08-14")
DOTNET_PAGE = Page("https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed", "2025-10-20")
ABOUT_PAGE = Page(_BACKUP + "backup-azure-vms-introduction", "2026-01-28")
WIRESERVER_PAGE = Page("https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16", "2023-03-30")


@dataclass(frozen=True)
class Cause:
    """A cause as the documents name it. ``page``: where the newest documents treat it, ``page_2017``: where the 2017 page does."""

    id: str
    title: str
    title_ko: str = ""
    page: Page = SNAPSHOT_PAGE
    page_2017: Page = SNAPSHOT_PAGE_2017

    @property
    def name(self) -> str:
        """The title in the language in use."""
        return _spoken(self.title, self.title_ko)

    def source(self, edition: Edition) -> Page:
        """The page that states this cause in that edition."""
        return self.page_2017 if edition is Edition.Y2017 else self.page


def _spoken(english: str, korean: str) -> str:
    """What Microsoft calls it is data of the documents, and no translation of ours."""
    return korean if korean and language() == "ko" else english


NOINET = Cause(
    "NOINET",
    "The VM has no Internet access",
    "VM이 인터넷에 연결되어 있지 않습니다.",
    PREPARE_PAGE.at("establish-network-connectivity"),
    SNAPSHOT_PAGE_2017.at("the-vm-has-no-internet-access"),
)
WINAGENT = Cause(
    "WINAGENT",
    "The agent is installed in the VM but is unresponsive (for Windows VMs)",
    "에이전트가 VM에 설치되어 있지만 응답하지 않습니다(Windows VM의 경우).",
    SNAPSHOT_PAGE.at("the-agent-installed-in-the-vm-but-unresponsive-for-windows-vms"),
    SNAPSHOT_PAGE_2017.at("the-agent-installed-in-the-vm-but-unresponsive-for-windows-vms"),
)
LINAGENT = Cause(
    "LINAGENT",
    "The agent installed in the VM is out of date (for Linux VMs)",
    "VM에 설치된 에이전트가 최신이 아닙니다(Linux VM의 경우).",
    SNAPSHOT_PAGE.at("the-agent-installed-in-the-vm-is-out-of-date-for-linux-vms"),
    SNAPSHOT_PAGE_2017.at("the-agent-installed-in-the-vm-is-out-of-date-for-linux-vms"),
)
SNAPSHOT = Cause(
    "SNAPSHOT",
    "The snapshot status cannot be retrieved or a snapshot cannot be taken",
    "스냅숏 상태를 검색할 수 없거나 스냅숏을 만들 수 없습니다.",
    SNAPSHOT_PAGE.at("the-snapshot-status-cannot-be-retrieved-or-a-snapshot-cannot-be-taken"),
    SNAPSHOT_PAGE_2017.at("the-snapshot-status-cannot-be-retrieved-or-a-snapshot-cannot-be-taken"),
)
EXTENSION = Cause(
    "EXTENSION",
    "The backup extension fails to update or load",
    "백업 확장을 업데이트 또는 로드할 수 없습니다.",
    TROUBLESHOOT_PAGE,
    SNAPSHOT_PAGE_2017.at("the-backup-extension-fails-to-update-or-load"),
)
CONFIGURATION = Cause(
    "CONFIGURATION",
    "VM agent configuration options are not set (for Linux VMs)",
    "VM 에이전트 구성 옵션이 설정되지 않았습니다(Linux VM의 경우).",
    page=SNAPSHOT_PAGE.at("vm-agent-configuration-options-are-not-set-for-linux-vms"),
)
DISKSIZE = Cause(
    "DISKSIZE",
    "The specified disk configuration is not supported",
    "지정된 디스크 구성은 지원되지 않습니다.",
    SUPPORT_MATRIX.at("vm-storage-support"),
    SNAPSHOT_PAGE_2017.at("the-specified-disk-configuration-is-not-supported"),
)
GENERAL = Cause("GENERAL", "A general requirement of Azure VM backup", "Azure VM 백업의 일반 요구 사항", page=SUPPORT_MATRIX)
CAUSES = (NOINET, WINAGENT, LINAGENT, CONFIGURATION, SNAPSHOT, EXTENSION, DISKSIZE, GENERAL)


@dataclass(frozen=True)
class BackupError:
    """An error as the portal shows it.

    ``in_2017`` and ``now`` are its causes in the documented order; ``checks`` answer a code that names its cause itself;
    ``portal`` says what no guest can tell and where to look.
    """

    code: str
    heading: str
    heading_ko: str = ""
    aliases: tuple[str, ...] = ()
    in_2017: tuple[Cause, ...] = ()
    now: tuple[Cause, ...] = ()
    checks: tuple[str, ...] = ()
    portal: str = ""

    def causes(self, edition: Edition) -> tuple[Cause, ...]:
        """The causes of this error in that edition; a code that is newer than 2017 keeps its own."""
        return self.in_2017 if edition is Edition.Y2017 and self.in_2017 else self.now or self.in_2017

    @property
    def name(self) -> str:
        """The heading in the language in use; English where Microsoft's Korean wording is not known."""
        return _spoken(self.heading, self.heading_ko)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything a user may call it."""
        return tuple(name for name in (self.code, *self.aliases, self.heading, self.heading_ko) if name)


_EXTENSIONS_BLADE = "VM > Settings > Extensions + applications"
_EVERY_CAUSE_2017 = (NOINET, WINAGENT, LINAGENT, SNAPSHOT, EXTENSION)

ERRORS = (
    BackupError(
        "UserErrorGuestAgentStatusUnavailable",
        "VM Agent unable to communicate with Azure Backup",
        "VM 에이전트를 Azure Backup과 통신할 수 없음",
        in_2017=_EVERY_CAUSE_2017,
        now=(LINAGENT, WINAGENT, EXTENSION),
        portal=f"the VM is Running, its agent Ready, and every extension says Provisioning succeeded ({_EXTENSIONS_BLADE})",
    ),
    BackupError(
        "ExtensionSnapshotFailedNoNetwork",
        "Snapshot operation failed due to no network connectivity on the virtual machine",
        "가상 컴퓨터에 네트워크 연결이 없으므로 스냅숏 작업이 실패했습니다.",
        in_2017=(NOINET, SNAPSHOT, EXTENSION),
        now=(SNAPSHOT,),
    ),
    BackupError(
        "ExtensionOperationFailedForManagedDisks",
        "VMSnapshot extension operation failed",
        "VMSnapshot 확장 작업이 실패했습니다.",
        aliases=("ExtentionOperationFailed", "ExtensionOperationFailed"),
        in_2017=(SNAPSHOT, EXTENSION, NOINET, WINAGENT, LINAGENT),
        now=(SNAPSHOT, WINAGENT, LINAGENT),
    ),
    BackupError(
        "GuestAgentSnapshotTaskStatusError",
        "Unable to perform the operation as the VM Agent is not responsive",
        "VM 에이전트가 응답하지 않으므로 작업을 수행할 수 없습니다.",
        aliases=("Could not communicate with the VM agent for snapshot status",),
        in_2017=(WINAGENT, LINAGENT, NOINET),
        now=(WINAGENT, LINAGENT, SNAPSHOT, CONFIGURATION),
    ),
    BackupError(
        "BackUpOperationFailed",
        "Backup failed with an internal error - Please retry the operation in a few minutes",
        "내부 오류가 발생하여 백업하지 못했습니다. 몇 분 후에 작업을 다시 시도하세요.",
        aliases=("BackUpOperationFailedV2",),
        in_2017=_EVERY_CAUSE_2017,
        now=(WINAGENT, LINAGENT, SNAPSHOT),
        portal="no lock on the resource group AzureBackupRG_<geo>_<n> of the restore points (resource group > Settings > Locks)",
    ),
    BackupError(
        "UserErrorUnsupportedDiskSize",
        "The specified Disk configuration is not supported",
        "지정된 디스크 구성은 지원되지 않습니다.",
        aliases=("The configured disk size(s) is currently not supported by Azure Backup",),
        in_2017=(DISKSIZE,),
        now=(DISKSIZE,),
    ),
    BackupError(
        "UserErrorVmProvisioningStateFailed",
        "The VM is in failed provisioning state",
        checks=("CP-05", "LIN-11", "WIN-09"),
        portal=f"which extension failed ({_EXTENSIONS_BLADE}): repair or uninstall it",
    ),
    BackupError(
        "UserErrorVmNotInDesirableState",
        "VM is not in a state that allows backups",
        aliases=("VmNotInDesirableState",),
        checks=("LIN-01", "LIN-02", "LIN-19", "WIN-01", "WIN-03"),
        portal="the VM is Running or Stopped (deallocated), not between the two (VM > Overview)",
    ),
    BackupError(
        "UserErrorFsFreezeFailed",
        "Failed to freeze one or more mount-points of the VM to take a file-system consistent snapshot",
        checks=("LIN-18", "LIN-20", "LIN-26", "LIN-28"),
    ),
    BackupError("UserErrorUnableToOpenMount", "A mount point of the VM cannot be opened", checks=("LIN-18",)),
    BackupError(
        "ExtensionFailedTimeoutVMNetworkUnresponsive",
        "Snapshot operation failed due to inadequate VM resources",
        checks=("NET-01", "NET-02", "LIN-16", "LIN-17", "WIN-17"),
    ),
    BackupError("ExtensionFailedSnapshotLimitReachedError", "snapshot limit is exceeded for some of the disks", checks=("LIN-12",)),
    BackupError(
        "VMExtensionProvisioningTimeout",
        "Provisioning of the VM extension VMSnapshotLinux has timed out",
        aliases=("400039",),
        checks=("LIN-10", "LIN-02", "LIN-11", "NET-02"),
    ),
    BackupError(
        "AzureVmOffline",
        "Failed to install the Microsoft Recovery Services extension as virtual machine is not running",
        aliases=("380008",),
        checks=("LIN-01", "LIN-02", "WIN-01", "CP-06"),
        portal="the VM is Running (VM > Overview)",
    ),
    BackupError("Pre-ScriptExecutionFailed", "The pre-script failed", aliases=("Post-ScriptExecutionFailed",), checks=("LIN-22", "LIN-12")),
    BackupError("IncorrectPluginhostFile", "VMSnapshotPluginHost.conf is wrong", checks=("LIN-22",)),
    BackupError(
        "InsufficientPermissionforPre-Script",
        "The pre-script or its configuration has the wrong owner or permissions",
        aliases=("InsufficientPermissionforPost-Script", "IncorrectJSONConfigFile", "Pre-ScriptNotFound", "Post-ScriptNotFound"),
        checks=("LIN-22",),
    ),
    BackupError(
        "ExtensionStuckInDeletionState",
        "Extension state is not supportive to the backup operation",
        checks=("LIN-11", "WIN-09"),
        portal=f"uninstall the extension VMSnapshotLinux or VMSnapshot ({_EXTENSIONS_BLADE}); the next backup installs it again",
    ),
    BackupError(
        "ExtensionSnapshotFailedCOM",
        "Snapshot operation failed due to a COM+ error",
        aliases=("ExtensionInstallationFailedCOM", "ExtensionInstallationFailedMDTC"),
        checks=("WIN-13",),
    ),
    BackupError(
        "ExtensionFailedVssWriterInBadState",
        "Snapshot operation failed because VSS writers were in a bad state",
        checks=("WIN-12", "WIN-17", "WIN-24"),
    ),
    BackupError("ExtensionFailedVssServiceInBadState", "Snapshot operation failed due to VSS service in bad state", checks=("WIN-11",)),
    BackupError("ExtensionConfigParsingFailure", "Failure in parsing the config for the backup extension", checks=("WIN-14", "WIN-25")),
    BackupError("ExtensionSnapshotBitlockerError", "This drive is locked by BitLocker Drive Encryption", checks=("WIN-18",)),
    BackupError(
        "ExtensionSnapshotFailedNoSecureNetwork", "failure to create a secure network communication channel", checks=("WIN-20", "WIN-06")
    ),
    BackupError(
        "ExtensionVCRedistInstallationFailure",
        "failure to install Visual C++ Redistributable for Visual Studio",
        checks=("WIN-19", "WIN-26"),
    ),
    BackupError(
        "VMRestorePointInternalError", "Antivirus configured in the VM restricts the execution of the extension", checks=("WIN-22",)
    ),
    BackupError(
        "UserErrorBackupOperationInProgress",
        "Unable to initiate backup as another backup operation is currently in progress",
        checks=("CP-11",),
        portal="the running job (vault > Backup jobs); an older vault may still protect the VM",
    ),
    BackupError(
        "UserErrorRpCollectionLimitReached",
        "The Restore Point collection max limit has reached",
        portal="no lock on the resource group AzureBackupRG_<geo>_<n>; at most 18 restore points in the VM's collection",
    ),
    BackupError(
        "UserErrorKeyvaultPermissionsNotConfigured",
        "Backup doesn't have sufficient permissions to the key vault for backup of encrypted VMs",
        portal="the access of Backup Management Service to the key vault (key vault > Access policies, or its role assignments)",
    ),
    BackupError(
        "UserErrorRequestDisallowedByPolicy",
        "An invalid policy is configured on the VM",
        portal="Azure Policy on tags: use the effect Modify, not Deny (Policy > Compliance)",
    ),
    BackupError("UserErrorCrpReportedUserError", "Backup failed due to an error", portal="Job Error Message Details (vault > Backup jobs)"),
    BackupError(
        "UserErrorBcmDatasourceNotPresent",
        "This virtual machine is not (actively) protected by Azure Backup",
        portal="protection is active (vault > Backup items)",
    ),
)


def first_error(cause: Cause, edition: Edition, asked: BackupError | None = None) -> tuple[BackupError, int, int] | None:
    """The error the user asked about, else the first one, that lists the cause; the cause's place in it (from 1); its number of causes."""
    for error in (asked, *ERRORS) if asked else ERRORS:
        causes = error.causes(edition)
        if cause in causes:
            return error, causes.index(cause) + 1, len(causes)
    return None


def find_error(name: str) -> BackupError:
    """The error that a user means: a code, a heading in English or Korean, or a part that only one of them has.

    Raises UsageError, with the nearest matches.
    """
    wanted = _plain(name)
    exact = [error for error in ERRORS if wanted in map(_plain, error.names)]
    if len(exact) == 1:
        return exact[0]
    partial = [error for error in ERRORS if wanted and any(wanted in _plain(other) for other in error.names)]
    if len(partial) == 1:
        return partial[0]
    if partial:
        listed = ", ".join(error.code for error in partial[:6])
        raise UsageError(f'--error "{name}" fits {len(partial)} errors: {listed}: give more of it (all: --list-errors)')
    codes = {_plain(other): error.code for error in ERRORS for other in error.names}
    near = difflib.get_close_matches(wanted, codes, n=3, cutoff=0.4)
    hint = f"; nearest: {', '.join(dict.fromkeys(codes[match] for match in near))}" if near else ""
    raise UsageError(f'--error "{name}" is no error this suite knows{hint} (all: --list-errors)')


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", text.casefold())
