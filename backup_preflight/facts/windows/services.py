"""Windows services: how they are set up (registry), and whether they run (WMI, else sc.exe, else their process)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts.observation import NotObserved
from backup_preflight.facts.windows.document import Document, document, optional_document
from backup_preflight.recording import Recording, Section, Status

AUTOMATIC, MANUAL, DISABLED = 2, 3, 4
START_TYPES = {0: "Boot", 1: "System", AUTOMATIC: "Automatic", MANUAL: "Manual", DISABLED: "Disabled"}
RUNNING = "Running"

# Win32_Service's own words, by the number that sc.exe shows; the words that sc.exe shows beside it are never read.
_STATES = {
    1: "Stopped",
    2: "Start Pending",
    3: "Stop Pending",
    4: RUNNING,
    5: "Continue Pending",
    6: "Pause Pending",
    7: "Paused",
}
_DENIED, _NOT_INSTALLED = 5, 1060
_PROCESSES = {"rdagent": "WaAppAgent", "windowsazureguestagent": "WindowsAzureGuestAgent"}


@dataclass(frozen=True)
class Service:
    """A service as the registry has it. ``start``: 2 automatic, 3 manual, 4 disabled."""

    name: str
    start: int
    image: str
    account: str

    @property
    def is_disabled(self) -> bool:
        """Whether nothing can start it."""
        return self.start == DISABLED

    @property
    def start_type(self) -> str:
        """Its start type in a word, for people."""
        return START_TYPES.get(self.start, str(self.start))


@dataclass(frozen=True)
class Services:
    """The services that matter to backups."""

    recording: Recording

    def find(self, name: str) -> Service | None:
        """How a service is set up; None when it is not installed, which only a missing registry key proves. Raises NotObserved."""
        found = optional_document(self.recording.section("service", name), f"the service {name}")
        if found is None:
            return None
        return Service(name, found.required("Start"), found.text("ImagePath"), found.text("ObjectName"))

    def state(self, name: str) -> str:
        """Its state in Win32_Service's words (``Running``). Raises NotObserved, also when the account gets a list with holes."""
        try:
            if found := self._by_wmi.get(name.lower()):
                return found.text("State")
            reason = NotObserved(Status.ERROR, f"WMI does not list the service {name}")
        except NotObserved as error:
            reason = error
        if state := query_state(self.recording.section("service_query", name)):
            return state
        if _PROCESSES.get(name.lower()) in self._processes:
            return RUNNING
        raise reason

    @cached_property
    def _by_wmi(self) -> dict[str, Document]:
        items = document(self.recording.section("service_states"), "Win32_Service").items()
        return {item.text("Name").lower(): item for item in items}

    @cached_property
    def _processes(self) -> set[str]:
        try:
            return {item.text("name") for item in document(self.recording.section("processes"), "the processes").items()}
        except NotObserved:
            return set()

    @property
    def sql_instances(self) -> list[str]:
        """Names of SQL Server instances: of the registry, else of services MSSQLSERVER and MSSQL$NAME. Raises NotObserved."""
        found = optional_document(self.recording.section("sql_instances"), "the list of SQL Server instances")
        names = sorted(found.content) if found else []
        if names:
            return names
        try:
            services = [item.text("Name") for item in self._by_wmi.values()]
        except NotObserved:
            return []  # the list in the registry could be read, and says there is none
        return [name for name in services if name.upper() == "MSSQLSERVER" or name.upper().startswith("MSSQL$")]


def query_state(section: Section) -> str:
    """What ``sc.exe query`` tells, by its exit code and by numbers; empty when it tells nothing.

    The labels before the colon are translated, the number after it never is; TYPE comes first, then STATE.
    """
    try:
        found = document(section, "sc query")
        code = found.required("code")
    except NotObserved:
        return ""
    if code:
        return ""
    numbers = re.findall(r"(?m):\s+([0-9a-f]{1,4})  ?[A-Z]", found.text("output"))
    return _STATES.get(int(numbers[1]), "") if len(numbers) > 1 and numbers[1].isdecimal() else ""
