"""The guest as a system: where it runs, what it is, how loaded it is, what its clock says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from backup_preflight.facts.clock import clock_error
from backup_preflight.facts.http import response
from backup_preflight.facts.linux.distribution import Distribution, distribution
from backup_preflight.facts.linux.leases import fabric_addresses
from backup_preflight.facts.observation import (
    NotObserved,
    exists,
    is_number,
    key_values,
    number,
    optional_text,
    rows,
    text,
    unreadable,
)
from backup_preflight.lang import mark
from backup_preflight.recording import Recording, Status

AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
"""SMBIOS chassis asset tag of every Azure VM (cloud-init, sources/azure/identity.py)."""
_STARVED = 0.9


@dataclass(frozen=True)
class System:
    """One Linux guest."""

    recording: Recording

    @cached_property
    def _run(self) -> dict[str, str]:
        return key_values(text(self.recording.section("run")))

    @property
    def is_root(self) -> bool:
        """Whether the collector ran as root."""
        return self._run.get("uid") == "0"

    @property
    def sudo_refused(self) -> bool:
        """Whether sudo was asked for and said no."""
        return self._run.get("sudo") == "refused"

    @property
    def more_rights(self) -> str:
        """How to read this VM as root."""
        if self.sudo_refused:
            return mark("sudo was refused: allow this user `sudo -n` for the collector (README, Privileges), or log in as root")
        return mark("run with --sudo, or log in as root")

    @cached_property
    def booted(self) -> bool:
        """False for an image's root file system that is only looked into."""
        section = self.recording.section("run")
        return key_values(section.text).get("image") != "yes"

    @property
    def has_systemd(self) -> bool:
        """Whether systemd runs as process 1."""
        return self._run.get("systemd") == "yes"

    @property
    def container(self) -> str:
        """Kind of container the collector ran in; empty: none, or not known."""
        return self._run.get("container", "").replace("none", "")

    @property
    def machine(self) -> str:
        """``uname -m``."""
        return self._run.get("machine", "")

    @cached_property
    def os_release(self) -> dict[str, str]:
        """``/etc/os-release``; empty when there is none. Debian sid has no VERSION_ID."""
        content = optional_text(self.recording.section("os_release")) or ""
        return {key: value.strip("\"'") for key, value in key_values(content).items()}

    @property
    def name(self) -> str:
        """The distribution's own name, for people."""
        return self.os_release.get("PRETTY_NAME") or self.os_release.get("ID") or "Linux"

    @cached_property
    def distribution(self) -> Distribution:
        """What this distribution calls the agent's package and unit, and how it installs."""
        try:
            return distribution(self.os_release)
        except NotObserved:
            return distribution({})

    @cached_property
    def on_azure(self) -> bool | None:
        """Whether this guest runs on Azure; None when nothing proves either.

        Evidence for: a wire server that answers in its protocol, Azure's asset tag, DHCP option 245, a deployment that the agent
        was told of. Evidence against: another asset tag, another hypervisor than Microsoft's.
        """
        wireserver = response(self.recording.section("http", "wireserver"))
        if wireserver.is_wireserver:
            return True
        tag = self._dmi.get("chassis_asset_tag", "")
        deployment = self.recording.section("deployment")
        if tag == AZURE_ASSET_TAG or fabric_addresses(self.recording) or (deployment.status is Status.OK and deployment.body):
            return True
        virtualization = key_values(self.recording.section("run").text).get("virtualization", "")
        if tag or virtualization not in {"", "microsoft"}:
            return False
        return None

    @cached_property
    def _dmi(self) -> dict[str, str]:
        section = self.recording.section("dmi")
        return key_values(section.text) if section.status is Status.OK else {}

    @cached_property
    def cpu_busy(self) -> list[float]:
        """Share of time not idle, 0 to 1, per sampling window."""
        windows = _busy(text(self.recording.section("cpu")))
        if not windows:
            raise NotObserved(Status.ERROR, "the kernel's CPU counters did not move (a container?)")
        return windows

    @cached_property
    def is_starved(self) -> bool:
        """Whether the processors had hardly an idle moment while the probes ran: what came too late may be late for that alone.

        Who waits for an answer that does not come is idle.
        """
        section = self.recording.section("cpu_of_probes")
        return section.status is Status.OK and max(_busy(section.text), default=0.0) > _STARVED

    @cached_property
    def memory(self) -> dict[str, int]:
        """``/proc/meminfo`` in KiB."""
        content = text(self.recording.section("meminfo"))
        return {match[1]: int(match[2]) for match in re.finditer(r"(?m)^(\w+):\s+(\d{1,18})\b", content)}

    @property
    def memory_total(self) -> int:
        """KiB."""
        return number(str(self.memory.get("MemTotal", "")), "MemTotal")

    @property
    def memory_available(self) -> int:
        """KiB; kernels before 3.14 have no MemAvailable: free, buffers and cache together."""
        if "MemAvailable" in self.memory:
            return self.memory["MemAvailable"]
        parts = [self.memory.get(key) for key in ("MemFree", "Buffers", "Cached")]
        if None in parts:
            raise unreadable("/proc/meminfo")
        return sum(part or 0 for part in parts)

    @property
    def cpus(self) -> int:
        """Number of configured processors."""
        return number(text(self.recording.section("cpus")).strip(), "the number of processors")

    @cached_property
    def clock_error(self) -> float:
        """Seconds by which the guest's clock is ahead; the time that the reading itself took counts for the guest.

        Measured against the host's clock where the wire server told it (that is Azure's own), else against the suite's.
        """
        first = number(self._run.get("clock"), "the guest's clock")
        last = number(key_values(text(self.recording.section("clock"))).get("clock"), "the guest's clock")
        return clock_error(first, last, response(self.recording.section("http", "wireserver")), self.recording)

    @property
    def time(self) -> int:
        """The guest's own clock, seconds since 1970, to tell the age of its files."""
        return number(self._run.get("clock"), "the guest's clock")

    @property
    def selinux_enforcing(self) -> bool:
        """Whether SELinux refuses what its policy does not allow."""
        return (optional_text(self.recording.section("selinux")) or "").strip() == "enforcing"

    @cached_property
    def reboot_reasons(self) -> list[str]:
        """Why an operating-system update waits for a reboot; empty: nothing waits. Raises NotObserved when no source exists."""
        flags = self.recording.subjects("reboot_required")
        reasons = [path for path, section in flags.items() if section.status is Status.OK]
        if reasons and (packages := self.recording.section("reboot_packages")).status is Status.OK:
            reasons.append("packages: " + ", ".join(sorted(set(packages.text.split()))[:8]))
        core = self.recording.section("core_packages")
        if core.status is Status.OK:
            booted = number(key_values(text(self.recording.section("uptime"))).get("boot_time"), "the boot time")
            newer = {name for when, name in rows(core.text, 2) if is_number(when) and int(when) > booted}
            reasons += [f"updated after the last boot: {', '.join(sorted(newer))}"] if newer else []
        if newer_kernel := self._newer_kernel():
            reasons.append(f"kernel {newer_kernel} is installed, {self._run.get('release')} runs")
        if not reasons and core.status is not Status.OK and not exists(self.recording.section("kernels")):
            raise NotObserved(Status.UNSUPPORTED, "neither a reboot flag, nor an rpm database, nor /lib/modules")
        return reasons

    def _newer_kernel(self) -> str | None:
        running = _kernel(self._run.get("release", ""))
        section = self.recording.section("kernels")
        if section.status is not Status.OK or not running:
            return None
        same = [(kernel[0], name) for name in section.text.split() if (kernel := _kernel(name)) and kernel[1] == running[1]]
        newest = max(same, default=None)
        return newest[1] if newest and newest[0] > running[0] else None


def _kernel(release: str) -> tuple[tuple[int, ...], str] | None:
    """``6.1.0-18-cloud-amd64`` as ((6, 1, 0, 18), "cloud-amd64"): only kernels of one flavour can be compared."""
    match = re.match(r"([0-9]{1,9}(?:[.-][0-9]{1,9})*)[.-]?(.*)", release)
    return (tuple(int(part) for part in re.split(r"[.-]", match[1])), match[2]) if match else None


def _busy(lines: str) -> list[float]:
    """Between each two ``cpu`` lines of /proc/stat the share that was not idle (guest time is part of user time: not counted twice)."""
    samples = []
    for line in lines.splitlines():
        ticks = [number(field, "/proc/stat") for field in line.split()[1:9]]
        if len(ticks) >= 5:
            samples.append((sum(ticks), ticks[3] + ticks[4]))
    return [
        min(1.0, max(0.0, 1 - (next_idle - idle) / (next_total - total)))
        for (total, idle), (next_total, next_idle) in pairwise(samples)
        if next_total > total
    ]
