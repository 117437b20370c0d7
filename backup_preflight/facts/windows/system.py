"""A Windows guest as a system: where it runs, what it is, who read it, how loaded it is, what its clock says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from backup_preflight.facts.clock import clock_error
from backup_preflight.facts.http import response
from backup_preflight.facts.linux.system import AZURE_ASSET_TAG
from backup_preflight.facts.observation import NotObserved, unreadable
from backup_preflight.facts.windows.blobs import FABRIC_OPTION, dhcp_options, from_hex
from backup_preflight.facts.windows.document import Document, document, optional_document, raw
from backup_preflight.lang import tr
from backup_preflight.recording import Recording, Status

_ADMINISTRATORS = "S-1-5-32-544"
_ELEVATED = {"S-1-16-12288", "S-1-16-16384"}
"""High and system integrity: a filtered administrator's token has neither."""

_MICROSOFT = "Microsoft Corporation"


@dataclass(frozen=True)
class System:
    """One Windows guest."""

    recording: Recording

    @cached_property
    def _run(self) -> Document:
        return document(self.recording.section("run"), "the collector's own section")

    @property
    def booted(self) -> bool:
        """Always: the collector runs on the VM."""
        return True

    @property
    def collector(self) -> tuple[str, str]:
        """Version of the collector, and the digest that it took of its own file; empty what it does not say."""
        try:
            return self._run.text("collector"), self._run.text("sha256")
        except NotObserved:
            return "", ""

    @property
    def account(self) -> str:
        r"""The account that read the VM, ``DOMAIN\user``."""
        try:
            return self._run.text("account").strip("\\") or "the account"
        except NotObserved:
            return "the account"

    @property
    def is_admin(self) -> bool:
        """Whether the collector ran with an administrator's full rights. Raises NotObserved."""
        sids = set(document(self.recording.section("identity"), "whoami /groups").words("sids"))
        if not any(sid.startswith("S-1-16-") for sid in sids):
            raise unreadable("the integrity level of the account")
        return _ADMINISTRATORS in sids and bool(sids & _ELEVATED)

    @property
    def more_rights(self) -> str:
        """How to read this VM as an administrator."""
        try:
            known = (
                tr("{account} is an administrator there (elevated)")
                if self.is_admin
                else tr("{account} is not an administrator there (elevated)")
            )
        except NotObserved:
            known = tr("whether {account} is an administrator there is not known")
        return tr(
            "{known}; use an account of the VM's local group Administrators. A local one other than the built-in one also needs "
            "LocalAccountTokenFilterPolicy=1 there, which Enable-PSRemoting sets",
            known=known.format(account=self.account),
        )

    @property
    def language_mode(self) -> str:
        """PowerShell's language mode: ``FullLanguage``, ``ConstrainedLanguage``."""
        return self._run.text("language_mode")

    @property
    def culture(self) -> str:
        """Language of the user interface, such as ``ko-KR``."""
        return self._run.text("culture")

    @property
    def architecture(self) -> str:
        """``AMD64``, ``ARM64`` or ``x86``, of the system, not of PowerShell."""
        architecture = self._run.text("architecture")
        if architecture == "x86" and self._run.content.get("wow64") is True:
            raise NotObserved(Status.UNSUPPORTED, "a 32-bit PowerShell", "run the collector with the 64-bit PowerShell")
        return architecture

    @cached_property
    def _os(self) -> Document:
        return document(self.recording.section("os"), "CurrentVersion in the registry")

    @property
    def name(self) -> str:
        """The system's own name, for people."""
        try:
            return f"{self._os.text('ProductName') or 'Windows'} (build {self._os.text('CurrentBuildNumber') or 'unknown'})"
        except NotObserved:
            return "Windows"

    @property
    def build(self) -> int:
        """Build number: 9600 is Server 2012 R2, 14393 2016, 17763 2019, 20348 2022, 26100 2025."""
        return self._os.required("CurrentBuildNumber")

    @cached_property
    def on_azure(self) -> bool | None:
        """Whether this guest runs on Azure; None when nothing proves either.

        Evidence for: a wire server that answers in its protocol, Azure's asset tag, DHCP option 245, the VM's id that the agent
        was told. Evidence against: another asset tag, another maker of the machine than Microsoft.
        """
        if response(raw(self.recording.section("http", "wireserver"))).is_wireserver:
            return True
        tag = self._first("chassis", "SMBIOSAssetTag")
        if tag == AZURE_ASSET_TAG or self._field("windows_azure", "VmId") or self._has_fabric_address():
            return True
        maker = self._field("bios", "SystemManufacturer")
        if tag or (maker and maker != _MICROSOFT):
            return False
        return None

    def _field(self, section: str, name: str) -> str:
        """Evidence: empty when it cannot be seen."""
        try:
            found = optional_document(self.recording.section(section), section)
        except NotObserved:
            return ""
        return found.text(name).strip() if found else ""

    def _first(self, section: str, name: str) -> str:
        try:
            items = document(self.recording.section(section), section).items()
        except NotObserved:
            return ""
        return items[0].text(name).strip() if items else ""

    def _has_fabric_address(self) -> bool:
        try:
            interfaces = document(self.recording.section("interfaces"), "the network interfaces").parts()
        except NotObserved:
            return False
        return any(_names_the_fabric(interface.text("DhcpInterfaceOptions")) for interface in interfaces.values())

    @cached_property
    def cpu_busy(self) -> list[float]:
        """Share of time not idle, 0 to 1, of each second between two samples: 1 - ΔPercentProcessorTime / ΔTimestamp_Sys100NS."""
        samples = document(self.recording.section("cpu"), "the processor's counters").items("samples")
        pairs = [(sample.required("Timestamp_Sys100NS"), sample.required("PercentProcessorTime")) for sample in samples]
        windows = [
            min(1.0, max(0.0, 1 - (idle - before_idle) / (time - before)))
            for (before, before_idle), (time, idle) in pairwise(pairs)
            if time > before
        ]
        if not windows:
            raise NotObserved(Status.ERROR, "the processor's counters did not move")
        return windows

    @cached_property
    def _memory(self) -> Document:
        items = document(self.recording.section("memory"), "Win32_OperatingSystem").items()
        if not items:
            raise unreadable("Win32_OperatingSystem")
        return items[0]

    @property
    def memory_total(self) -> int:
        """KiB."""
        return self._memory.required("TotalVisibleMemorySize")

    @property
    def memory_available(self) -> int:
        """KiB."""
        return self._memory.required("FreePhysicalMemory")

    @property
    def cpus(self) -> int:
        """Number of logical processors."""
        return self._run.required("cpus")

    @property
    def time(self) -> int:
        """The guest's own clock, seconds since 1970, to tell the age of its files."""
        return self._run.required("clock")

    @property
    def clock_error(self) -> float:
        """Seconds by which the guest's clock is ahead (see facts/clock.py)."""
        last = document(self.recording.section("clock"), "the clock at the end").required("clock")
        return clock_error(self.time, last, response(raw(self.recording.section("http", "wireserver"))), self.recording)

    @property
    def pending_reboot(self) -> list[str]:
        """Registry keys whose presence says that an update waits for a reboot."""
        return document(self.recording.section("reboot_pending"), "the keys of a pending reboot").words("keys")

    @property
    def weak_crypto(self) -> list[str]:
        """Registry keys that switch strong cryptography of .NET off; not set is the system's default."""
        found = document(self.recording.section("strong_crypto"), "SchUseStrongCrypto")
        return [key for key in found.content if found.text(key) == "0"]


def _names_the_fabric(blob: str) -> bool:
    """Whether option 245 of these DHCP options holds an address."""
    try:
        return bool(dhcp_options(from_hex(blob)).get(FABRIC_OPTION))
    except ValueError:
        return False
