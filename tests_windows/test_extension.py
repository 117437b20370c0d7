"""The backup extension and what it needs to load. The first backup installs it, so its absence before is normal."""

from __future__ import annotations

from backup_preflight.causes import EXTENSION, SNAPSHOT_PAGE, TROUBLESHOOT_PAGE, WINDOWS_AGENT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, advise, check, fail, not_applicable
from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows import sddl
from backup_preflight.facts.windows.extension import MACHINES, NAME, PROGRAM, PROVIDER, Extension
from backup_preflight.facts.windows.services import AUTOMATIC, DISABLED, Services
from backup_preflight.facts.windows.snapshot import Snapshot
from backup_preflight.facts.windows.system import System
from backup_preflight.recording import Status

NOT_YET = "the backup extension is not installed yet (the first backup does that)"
FOLDER = rf"C:\Packages\Plugins\{NAME}"
LOGS = rf"C:\WindowsAzure\Logs\Plugins\{NAME}"
UNINSTALL = (
    "Uninstall the extension VMSnapshot in the portal (VM > Settings > Extensions + applications > VMSnapshot > Uninstall); the next "
    "backup installs it again."
)
MACHINE_KEYS = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
CRYPTO_FOLDERS = ("Keys", "RSA", "SystemKeys")


@check(
    "WIN-08",
    "the service IaasVmProvider does not start automatically",
    EXTENSION,
    now=MUST,
    in_2017=MUST,
    see=TROUBLESHOOT_PAGE,
    reads="Start of the service IaasVmProvider in the registry; it need not run between backups",
    fix="Enable the service and let it start automatically; whether that was all, the next backup tells.",
)
def test_provider_service_starts_automatically(services: Services, extension: Extension) -> None:
    """the service IaasVmProvider, once a backup has installed it, is enabled and starts automatically"""
    service = services.find("IaasVmProvider")
    if service is None:
        if extension.folders:
            fail(
                f"there is no service IaasVmProvider, although {FOLDER}\\{extension.folders[-1]} exists",
                fix=UNINSTALL,
                problem="the service IaasVmProvider is missing",
            )
        not_applicable(NOT_YET)
    if service.start != AUTOMATIC:
        fail(f"its start type is {service.start_type}", "Set-Service -Name IaasVmProvider -StartupType Automatic")


@check(
    "WIN-09",
    "the backup extension is not working",
    EXTENSION,
    now=MUST,
    in_2017=MUST,
    see=TROUBLESHOOT_PAGE,
    reads=f"InstallState of {NAME}_VERSION in the registry (HandlerState), its newest folder and status file",
    fix=f"{UNINSTALL} If it does not appear in the portal, reinstall the VM agent first.",
    after=("WIN-01", "WIN-02"),
)
def test_extension_is_enabled(extension: Extension) -> None:
    """the backup extension, once installed, is enabled and whole"""
    if not extension.is_installed:
        not_applicable(NOT_YET)
    if not extension.state:
        raise NotObserved(Status.ABSENT, f"the agent keeps no InstallState of {NAME} {extension.version} (values: {extension.values})")
    if extension.state != "Enabled":
        fail(f"InstallState of {NAME} {extension.version} is {extension.state}", problem="the backup extension is not enabled")
    missing = [name for name, file in extension.files.items() if file is None]
    if missing:
        fail(f"{FOLDER}\\{extension.version} has no {' and no '.join(missing)}", problem="files of the backup extension are missing")
    status, message = extension.last_status
    if status == "error":
        advise(f"its last status is error: {message}", problem="the backup extension's last status is an error")


@check(
    "WIN-13",
    "COM+ or MSDTC is not set up as the backup extension needs it",
    EXTENSION,
    now=MUST,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads="start type of COMSysApp, account of MSDTC, in the registry",
    fix="COM+ System Application must not be disabled, and Distributed Transaction Coordinator runs as Network Service.",
)
def test_com_and_msdtc(services: Services) -> None:
    r"""COM+ System Application can start, and MSDTC runs as NT AUTHORITY\NetworkService"""
    com = services.find("COMSysApp")
    if com is None or com.is_disabled:
        found = "COMSysApp is Disabled" if com else "there is no service COMSysApp"
        fail(
            found,
            "Set-Service -Name COMSysApp -StartupType Manual",
            "net.exe start COMSysApp",
            problem="the COM+ System Application cannot start",
        )
    reinstall = ("msdtc.exe -uninstall", "msdtc.exe -install", "Restart-Service -Name MSDTC")
    msdtc = services.find("MSDTC")
    if msdtc is None:
        fail("there is no service MSDTC", *reinstall, problem="the Distributed Transaction Coordinator is not installed")
    if msdtc.account.replace(" ", "").casefold() != r"ntauthority\networkservice":
        fail(
            f"MSDTC runs as {msdtc.account or 'an unknown account'}",
            *reinstall,
            problem="the Distributed Transaction Coordinator does not run as Network Service",
        )


@check(
    "WIN-14",
    "the permissions of MachineKeys were changed",
    EXTENSION,
    now=MUST,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads=f"the access list of {MACHINE_KEYS}",
    fix=(
        "Give Everyone read and write, Administrators full control on the folder; then delete the certificates issued to "
        "Windows Azure CRP Certificate Generator (Cert:\\LocalMachine\\My): the next backup makes new ones."
    ),
)
def test_machine_keys_can_be_used(snapshot: Snapshot) -> None:
    """the folder MachineKeys has its default permissions, or more"""
    entries = snapshot.access("MachineKeys")
    grant = f'icacls.exe {MACHINE_KEYS} /grant "*S-1-1-0:(R,W)" /grant "*S-1-5-32-544:(F)"'
    if denied := sddl.denials(entries):
        fail(f"it denies: {' '.join(entry.text for entry in denied)}", f'icacls.exe {MACHINE_KEYS} /remove:d "*S-1-1-0"', grant)
    wanted = {sddl.EVERYONE: sddl.READ_WRITE, sddl.ADMINISTRATORS: sddl.FULL}
    names = {sddl.EVERYONE: "Everyone lacks read and write", sddl.ADMINISTRATORS: "Administrators lack full control"}
    lacking = [names[who] for who, mask in wanted.items() if sddl.allowed(entries, who) & mask != mask]
    if lacking:
        fail("; ".join(lacking), grant)


@check(
    "WIN-19",
    "the Windows Installer service is disabled",
    EXTENSION,
    now=MUST,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads="Start of the service msiserver in the registry",
    fix="Set it to manual: the backup extension installs the Visual C++ Redistributable with it.",
)
def test_windows_installer_can_run(services: Services) -> None:
    """the Windows Installer service can start"""
    service = services.find("msiserver")
    if service is None:
        fail("there is no service msiserver", "msiexec.exe /unregister", "msiexec.exe /regserver")
    if service.start == DISABLED:
        fail("msiserver is Disabled", r"reg.exe ADD HKLM\SYSTEM\CurrentControlSet\Services\msiserver /v Start /t REG_DWORD /d 3 /f")


@check(
    "WIN-22",
    "antivirus or application control seems to stop the backup extension",
    EXTENSION,
    now=ADVICE,
    in_2017=OFF,
    see=SNAPSHOT_PAGE.at("application-control-solution-is-blocking-iaasbcdrextensionexe"),
    reads=f"crashes of {PROGRAM} in the Application log (event 1000) and AppLocker's event 8004, of 7 days",
    fix=f"Exclude {FOLDER} and {LOGS} from antivirus, and allow {PROGRAM} in AppLocker or another application control.",
    root=True,
)
def test_security_software_lets_the_extension_run(extension: Extension) -> None:
    """nothing has crashed or blocked the backup extension in the last 7 days"""
    exclude = [f'Add-MpPreference -ExclusionPath "{path}"' for path in (FOLDER, LOGS) if path not in extension.exclusions]
    if extension.crashes:
        fail(f"{PROGRAM} crashed {extension.crashes} times in 7 days (Application log, event 1000)", *exclude)
    if extension.blocks:
        fail(f"AppLocker stopped {PROGRAM} {extension.blocks} times in 7 days (event 8004)")


@check(
    "WIN-25",
    "Local System has lost its rights on the Crypto folders",
    EXTENSION,
    now=ADVICE,
    in_2017=OFF,
    see=WINDOWS_AGENT_PAGE,
    reads=r"the access lists of Keys, RSA and SystemKeys below C:\ProgramData\Microsoft\Crypto",
    fix="Give SYSTEM full control again: the agent imports certificates there.",
)
def test_local_system_owns_the_crypto_folders(snapshot: Snapshot) -> None:
    """Local System has full control of the Crypto folders"""
    for folder in CRYPTO_FOLDERS:
        try:
            entries = snapshot.access(folder)
        except NotObserved as reason:
            if reason.status is Status.ABSENT:
                continue
            raise
        if sddl.allowed(entries, sddl.SYSTEM) & sddl.FULL != sddl.FULL:
            path = rf"C:\ProgramData\Microsoft\Crypto\{folder}"
            fail(f"SYSTEM lacks full control of {path}", f'icacls.exe {path} /grant "*S-1-5-18:(OI)(CI)(F)"')


@check(
    "WIN-26",
    "the backup extension's VSS provider cannot be loaded",
    EXTENSION,
    now=MUST,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads=f"{PROVIDER} in the newest folder of the extension: its size and the machine in its header; Visual C++ runtimes in the registry",
    fix=f"Uninstall and reinstall the Visual C++ Redistributable (x64) with vcredist2013_x64 of that folder, then retry. {UNINSTALL}",
    after=("WIN-09",),
)
def test_provider_can_be_loaded(extension: Extension, system: System) -> None:
    """the backup extension's VSS provider is whole and made for this Windows"""
    if not extension.folders:
        not_applicable(NOT_YET)
    file = extension.files[PROVIDER]
    wanted = MACHINES.get(system.architecture)
    if file is None or not file.size:
        fail(f"{FOLDER}\\{extension.folders[-1]}\\{PROVIDER} is {'missing' if file is None else 'empty'}")
    if wanted and file.machine != wanted:
        fail(f"{PROVIDER} is built for {file.machine or 'no machine at all'}, this Windows is {system.architecture} ({wanted})")
    if not extension.has_runtime:
        advise(
            "no Visual C++ runtime for x64 is registered",
            f"& '{FOLDER}\\{extension.folders[-1]}\\vcredist2013_x64.exe' /install /quiet",
            problem="the Visual C++ runtime that the backup extension installs is not registered",
        )
