"""A snapshot can be taken: file systems can be frozen, nothing else holds them, and the machine has the time for it."""

from __future__ import annotations

import configparser
import re
from collections import Counter
from shlex import quote

from backup_preflight.causes import SNAPSHOT, SUPPORT_MATRIX, TROUBLESHOOT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, advise, check, fail, not_applicable
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.disks import Disks
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import is_number
from tests_linux.fixes import restart_agent
from tests_linux.snapshot_codes import GOOD, IN_PROGRESS, outcome

STUCK_SECONDS = 3 * 3600
"""The extension gives a command up after 140 minutes; one that still runs after three hours is stuck."""

SILENT_SECONDS = 35 * 60
"""The agent writes a heartbeat every 30 minutes."""

BUSY = 0.9
"""The 2017 page: CPU above 90 %; the troubleshooting page of 2025 says the same of memory."""

CLOCK_FAIL_SECONDS = 15 * 60
CLOCK_ADVICE_SECONDS = 60
"""The extension refuses a command that seems older than 140 minutes; we speak up well before (our estimate)."""

FREEZE_FIX = (
    "Unmount it, check it (fsck), mount it again; remove duplicate entries from /etc/fstab; or leave the mount point out of the "
    "freeze: MountsToSkip=/mnt/a,/mnt/b (no blank after the comma) below [SnapshotThread] in /etc/azure/vmbackup.conf."
)


@check(
    "LIN-12",
    "the last snapshot failed",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    root=True,
    reads="status.code of the extension's newest status file, extension.log, the age of the agent's log and status, its state",
    fix="Mend what the code names, then run an on-demand backup (Backup now).",
    after=("LIN-01", "LIN-02", "LIN-07", "LIN-11"),
    see=TROUBLESHOOT_PAGE,
)
def test_last_snapshot_succeeded(agent: Agent, extension: Extension, system: System) -> None:
    """the last snapshot, if there was one, succeeded, and the agent shows signs of life"""
    if agent.silence > SILENT_SECONDS:
        silent = f"it has written neither log nor status for {agent.silence / 60:.0f} minutes"
        fail(silent, restart_agent(agent, system), fix="Restart the agent.", problem="the Azure Linux agent hangs")
    if extension.newest is None or (status := extension.last_status) is None:
        return
    if status.code == IN_PROGRESS:
        if status.age > STUCK_SECONDS:
            fail(
                f"the snapshot has been under way for {status.age / 3600:.1f} hours",
                restart_agent(agent, system),
                fix="Restart the agent, then run an on-demand backup (Backup now).",
                problem="the last snapshot is stuck",
            )
    elif status.code not in GOOD:
        name, fix = outcome(status.code)
        said = f": {status.message}" if status.message else ""
        logged = f"; extension.log: {extension.log_lines[-1].strip()[:200]}" if extension.log_lines else ""
        fail(f"code {status.code} ({name}){said}{logged}", fix=fix)


@check(
    "LIN-16",
    "the CPU is too busy for a snapshot",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    see=TROUBLESHOOT_PAGE,
    reads="/proc/stat, half a second before all other probes; where that is above 90 %, more windows after them",
    fix="Run an on-demand backup at a quiet time, move the schedule, or resize the VM: the snapshot is queued and times out.",
)
def test_cpu_is_not_exhausted(system: System) -> None:
    """the CPU is not above 90 % busy"""
    windows = system.cpu_busy
    shown = ", ".join(f"{busy:.0%}" for busy in windows)
    if min(windows) > BUSY:
        fail(f"busy: {shown}", "ps -e -o pid,pcpu,comm --sort=-pcpu | head -n 10")
    if max(windows) > BUSY:
        advise(f"busy: {shown}", problem="the CPU is very busy at times")


@check(
    "LIN-17",
    "memory is too short for a snapshot",
    SNAPSHOT,
    now=MUST,
    in_2017=MUST,
    see=TROUBLESHOOT_PAGE,
    reads="MemAvailable and MemTotal of /proc/meminfo",
    fix="Run an on-demand backup at a quiet time, move the schedule, or resize the VM: the snapshot is queued and times out.",
)
def test_memory_is_not_exhausted(system: System) -> None:
    """memory is not above 90 % in use"""
    used = 1 - system.memory_available / max(1, system.memory_total)
    if used > BUSY:
        fail(f"{used:.0%} of {system.memory_total // 1024} MB in use", "ps -e -o pid,rss,comm --sort=-rss | head -n 10")


@check(
    "LIN-18",
    "a file system cannot be frozen for a snapshot",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    root=True,
    see=TROUBLESHOOT_PAGE,
    reads="/proc/self/mountinfo, and opening each ext3, ext4, xfs and btrfs mount point read-only",
    fix=FREEZE_FIX,
)
def test_file_systems_can_be_frozen(disks: Disks) -> None:
    """every file system that the extension freezes can be opened and is mounted once"""
    for target, error in disks.mount_errors.items():
        fail(f"{target} cannot be opened: {error}", problem="a mount point cannot be opened for a snapshot")
    frozen = [mount for mount in disks.mounts if mount.is_frozen]
    for target, times in Counter(mount.target for mount in frozen).items():
        if times > 1:
            fail(f"{target} is mounted {times} times", f"sudo umount {quote(target)}", problem="a mount point is mounted twice")


@check(
    "LIN-20",
    "another product may hold the file systems frozen",
    SNAPSHOT,
    now=ADVICE,
    in_2017=OFF,
    see=TROUBLESHOOT_PAGE,
    reads="holders of the extension's freeze lock in /proc/locks; processes of other backup products",
    fix="Give the other product another time, or stop it: two backups at once cannot both freeze the file systems.",
)
def test_nothing_else_freezes(extension: Extension) -> None:
    """no other backup product freezes the file systems"""
    if extension.freeze_lock_holders:
        fields = extension.freeze_lock_holders[0].split()
        show = [f"ps -o pid,lstart,args -p {fields[4]}"] if len(fields) > 4 and is_number(fields[4]) else []
        fail(f"the freeze lock is held: {' '.join(fields)}", *show)
    if extension.other_backup_processes:
        fail(f"running: {', '.join(extension.other_backup_processes)}", problem="another backup product runs on this VM")


@check(
    "LIN-21",
    "the clock is wrong",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    see=SUPPORT_MATRIX,
    reads="the guest's clock against the wire server's Date header, else against the clock of the machine that runs this suite",
    fix=(
        "Let chrony follow the host's clock (refclock PHC /dev/ptp_hyperv in its configuration). A fresh start of it sets the clock at "
        "once; the second command waits until it has."
    ),
)
def test_clock_is_right(system: System) -> None:
    """the guest's clock is right"""
    error = system.clock_error
    unit = "chrony" if system.distribution.family == "debian" else "chronyd"
    commands = (f"sudo systemctl restart {unit}", "sudo chronyc waitsync 30 0 0 1")
    if abs(error) > CLOCK_FAIL_SECONDS:
        fail(f"{abs(error) / 60:.0f} minutes {'ahead' if error > 0 else 'behind'}", *commands)
    if abs(error) > CLOCK_ADVICE_SECONDS:
        advise(f"{abs(error):.0f} s {'ahead' if error > 0 else 'behind'}", *commands, problem="the clock is off")


@check(
    "LIN-26",
    "a setting in vmbackup.conf breaks the snapshot",
    SNAPSHOT,
    now=MUST,
    in_2017=OFF,
    needs=Needs.NOTHING,
    see=TROUBLESHOOT_PAGE,
    reads="/etc/azure/vmbackup.conf",
    fix="Correct the line in /etc/azure/vmbackup.conf, or remove the file: the extension then uses its own defaults.",
)
def test_backup_settings_are_sane(extension: Extension, disks: Disks, system: System) -> None:
    """vmbackup.conf, where it exists, holds only what the extension understands"""
    try:
        settings = extension.settings
    except configparser.Error as error:
        fail(f"it is no INI file: {str(error).splitlines()[0]}", problem="vmbackup.conf cannot be read")
    if settings is None:
        not_applicable("there is no /etc/azure/vmbackup.conf")
    for key in ("timeout", "safefreezewaitinseconds"):
        value = settings.get(key, "60").strip()
        if not re.fullmatch(r"[1-9]\d*", value):
            fail(f"{key}={value}, wanted a number of seconds")
    method = settings.get("snapshotmethod", "firstHostThenGuest").strip()
    if method.lower() not in {"onlyguest", "firstguestthenhost", "firsthostthenguest", "onlyhost"}:
        fail(f"SnapshotMethod={method}, wanted onlyGuest, firstGuestThenHost, firstHostThenGuest or onlyHost")
    mounted = {mount.target for mount in disks.mounts} if system.booted else set()
    for path in filter(None, settings.get("mountstoskip", "").split(",")):
        if path != path.strip():
            fail(f'MountsToSkip holds "{path}": the blank is taken as part of the name')
        if mounted and path not in mounted:
            fail(f"MountsToSkip names {path}, which is no mount point")
