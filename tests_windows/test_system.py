"""The VM is of a kind that Azure Backup supports, and in a state to be backed up."""

from __future__ import annotations

from backup_preflight.causes import GENERAL, SNAPSHOT_PAGE, SUPPORT_MATRIX, TROUBLESHOOT_PAGE
from backup_preflight.checks import MUST, OFF, advise, check, fail
from backup_preflight.facts.windows.system import System

OLDEST_BUILD = 7601
"""Windows Server 2008 R2 SP1, the oldest in the support matrix."""

MIN_CPUS = 2
MIN_MEMORY_KIB = 900_000
"""A VM of 1 GB shows a little less, because the hardware keeps some to itself."""


@check(
    "WIN-20",
    "the operating system is not supported, or not in a state to be backed up",
    GENERAL,
    now=MUST,
    in_2017=OFF,
    see=SNAPSHOT_PAGE,
    reads="architecture, build number, the keys of a pending reboot, SchUseStrongCrypto of .NET, in the registry",
    fix="Move the workload to a 64-bit Windows that Azure Backup supports.",
)
def test_system_is_supported(system: System) -> None:
    """Windows is a supported 64-bit one, waits for no reboot, and .NET may use strong cryptography"""
    if system.architecture == "x86":
        fail("it is a 32-bit Windows", problem="the operating system is not supported")
    if system.build < OLDEST_BUILD:
        fail(f"build {system.build}, wanted {OLDEST_BUILD} (Server 2008 R2 SP1) or newer", problem="the operating system is not supported")
    if system.weak_crypto:
        advise(
            f"SchUseStrongCrypto is 0: {', '.join(system.weak_crypto)}",
            *(
                f'reg.exe ADD "{key.replace("HKEY_LOCAL_MACHINE", "HKLM")}" /v SchUseStrongCrypto /t REG_DWORD /d 1 /f'
                for key in system.weak_crypto
            ),
            fix=f"Switch strong cryptography on, so that the extension can talk TLS 1.2 ({TROUBLESHOOT_PAGE.url}).",
            problem="strong cryptography of .NET is switched off",
        )
    if system.pending_reboot:
        advise(
            "; ".join(system.pending_reboot),
            "Restart-Computer",
            fix="Restart the VM at a quiet time, then back up.",
            problem="an operating-system update waits for a reboot",
        )


@check(
    "WIN-28",
    "the VM is too small",
    GENERAL,
    now=MUST,
    in_2017=OFF,
    see=SUPPORT_MATRIX,
    reads="number of logical processors, TotalVisibleMemorySize of Win32_OperatingSystem",
    fix="Resize the VM to at least 2 vCPUs and 1 GB of memory.",
)
def test_size_is_enough(system: System) -> None:
    """the VM has at least 2 vCPUs and 1 GB of memory"""
    if system.cpus < MIN_CPUS:
        fail(f"{system.cpus} vCPU")
    if system.memory_total < MIN_MEMORY_KIB:
        fail(f"{system.memory_total // 1024} MB of memory")
