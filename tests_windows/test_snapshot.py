"""A snapshot can be taken: VSS and its writers are well, nothing is locked or full, and the machine has the time for it."""

from __future__ import annotations

from backup_preflight.causes import ABOUT_PAGE, SNAPSHOT, SUPPORT_MATRIX, TROUBLESHOOT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, advise, check, fail, not_applicable
from backup_preflight.facts.windows.extension import Extension
from backup_preflight.facts.windows.services import Services
from backup_preflight.facts.windows.snapshot import SERVICES, WAITING, Snapshot
from backup_preflight.facts.windows.system import System

BUSY = 0.9
"""The 2017 page: CPU above 90 %; the troubleshooting page of 2025 says the same of memory."""

LOW_SPACE = 0.1
"""Share of a volume that should be free for shadow copies (our estimate; the documents name no number)."""

CLOCK_FAIL_SECONDS = 15 * 60
CLOCK_ADVICE_SECONDS = 60
"""As LIN-21: the documents name no number."""

COPY_BACKUP = r"reg.exe ADD HKLM\SOFTWARE\Microsoft\BcdrAgent /v USEVSSCOPYBACKUP /t REG_SZ /d TRUE /f"


@check(
    "WIN-10",
    "SQL Server is installed, and the VM is backed up with VSS full backups",
    SNAPSHOT,
    now=ADVICE,
    in_2017=ADVICE,
    see=ABOUT_PAGE,
    reads="SQL Server instances and USEVSSCOPYBACKUP (REG_SZ TRUE) below BcdrAgent, in the registry",
    fix=(
        "If backups fail because of the snapshot, or SQL Server's own backups shall keep their chain, set the value: VSS then makes copy "
        "backups. (One page of 2025 says that copy is the default now; the others still name this value.)"
    ),
)
def test_sql_server_gets_copy_backups(services: Services, extension: Extension) -> None:
    """where SQL Server is installed, USEVSSCOPYBACKUP is TRUE"""
    instances = services.sql_instances
    if not instances:
        not_applicable("no SQL Server is installed")
    value = extension.copy_backup
    if isinstance(value, str) and value.strip().casefold() == "true":
        return
    shown = "is not set" if value is None else f"is {value!r}, the documents have the text TRUE (REG_SZ)"
    fail(
        f"SQL Server: {', '.join(instances[:5])}; USEVSSCOPYBACKUP {shown}; whether SQL Server backups are configured cannot be told from "
        "outside SQL Server",
        COPY_BACKUP,
    )


@check(
    "WIN-11",
    "the Volume Shadow Copy service, or one it needs, is disabled",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads="start types of VSS, swprv and EventSystem in the registry; Azure Backup itself sets VSS to automatic",
    fix="Enable the service and restart VSS; if that is not enough, restart the VM.",
)
def test_vss_can_run(services: Services) -> None:
    """the Volume Shadow Copy service and those it needs can start"""
    for name in ("VSS", "swprv", "EventSystem"):
        service = services.find(name)
        if service is None:
            fail(f"there is no service {name}", fix="Repair Windows (sfc /scannow): this service belongs to it.")
        if service.is_disabled:
            start = "Automatic" if name == "EventSystem" else "Manual"
            fail(f"{name} is Disabled", f"Set-Service -Name {name} -StartupType {start}", "Restart-Service -Name VSS")


@check(
    "WIN-12",
    "a VSS writer is in a failed state",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    root=True,
    see=TROUBLESHOOT_PAGE,
    reads="vssadmin list writers: GUIDs and the number in brackets; once more after some seconds when one is not [1]",
    fix=(
        "Restart the writer's service, or the VM, until `vssadmin list writers` shows [1] for each; look at free space, memory and CPU. If "
        "it comes back, set SnapshotWithoutThreads (REG_SZ, True) below HKLM\\SOFTWARE\\Microsoft\\BcdrAgentPersistentKeys."
    ),
    after=("WIN-11",),
)
def test_writers_are_stable(snapshot: Snapshot) -> None:
    """every VSS writer is stable"""
    writers = snapshot.unstable_writers
    failed = [writer for writer in writers if writer.state not in WAITING]
    if failed:
        restart = [f"Restart-Service -Name {SERVICES[writer.id]}" for writer in failed if writer.id in SERVICES]
        fail(", ".join(map(str, failed)), *dict.fromkeys(restart), "vssadmin.exe list writers")
    if writers:
        advise(
            ", ".join(map(str, writers)),
            "vssadmin.exe list writers",
            fix="Wait until no backup runs and look again: these states are normal while a snapshot is being taken.",
            problem="a VSS writer is waiting, as it does during a backup",
        )


@check(
    "WIN-17",
    "the VM is too busy for a snapshot",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    see=TROUBLESHOOT_PAGE,
    reads="Win32_PerfRawData_PerfOS_Processor, four samples one second apart; memory of Win32_OperatingSystem",
    fix="Run an on-demand backup at a quiet time, move the schedule, or resize the VM: the snapshot is queued and times out.",
)
def test_machine_is_not_exhausted(system: System) -> None:
    """neither the CPU nor the memory is above 90 % in use"""
    used = 1 - system.memory_available / max(1, system.memory_total)
    if used > BUSY:
        fail(
            f"{used:.0%} of {system.memory_total // 1024} MB of memory in use",
            "Get-Process | Sort-Object WorkingSet64 -Descending | Select-Object -First 10 Name, Id, WorkingSet64",
            problem="memory is too short for a snapshot",
        )
    windows = system.cpu_busy
    shown = ", ".join(f"{busy:.0%}" for busy in windows)
    if min(windows) > BUSY:
        fail(f"busy: {shown}", "Get-Process | Sort-Object CPU -Descending | Select-Object -First 10 Name, Id, CPU")
    if max(windows) > BUSY:
        advise(f"busy: {shown}", problem="the CPU is very busy at times")


@check(
    "WIN-18",
    "a volume is locked by BitLocker",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    root=True,
    see=TROUBLESHOOT_PAGE,
    reads="GetLockStatus of Win32_EncryptableVolume",
    fix="Unlock the volume, or switch BitLocker off for it.",
)
def test_no_volume_is_locked(snapshot: Snapshot) -> None:
    """no volume is locked by BitLocker"""
    locked = snapshot.locked_drives
    if locked is None:
        not_applicable("BitLocker is not installed")
    if locked:
        fail(f"locked: {', '.join(locked)}", *(f"manage-bde.exe -unlock {drive} -RecoveryPassword <password>" for drive in locked))


@check(
    "WIN-24",
    "a volume has little room for shadow copies",
    SNAPSHOT,
    now=ADVICE,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads="free space of local volumes in Win32_LogicalDisk",
    fix="Make room, or enlarge the volume: the snapshot keeps what changes meanwhile on the volume itself.",
)
def test_volumes_have_room(snapshot: Snapshot) -> None:
    """every local volume has a tenth of its space free"""
    full = {drive: free for drive, (free, size) in snapshot.full_volumes.items() if free < LOW_SPACE * size}
    if full:
        fail(", ".join(f"{drive} {free / 1024**3:.1f} GB free" for drive, free in full.items()), "Get-Volume")


@check(
    "WIN-27",
    "the clock is wrong",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    see=SUPPORT_MATRIX,
    reads="the guest's clock against the wire server's Date header, else against the clock of the machine that runs this suite",
    fix="Let the Windows Time service follow the host's clock (its VMICTimeProvider), then set the clock once.",
)
def test_clock_is_right(system: System) -> None:
    """the guest's clock is right"""
    error = system.clock_error
    commands = ("Start-Service -Name W32Time", "w32tm.exe /resync /force")
    if abs(error) > CLOCK_FAIL_SECONDS:
        fail(f"{abs(error) / 60:.0f} minutes {'ahead' if error > 0 else 'behind'}", *commands)
    if abs(error) > CLOCK_ADVICE_SECONDS:
        advise(f"{abs(error):.0f} s {'ahead' if error > 0 else 'behind'}", *commands, problem="the clock is off")
