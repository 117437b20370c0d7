"""The Azure Linux agent: is it there, does it run, which version, what is it told to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from backup_preflight.facts.linux.system import System
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
    version,
)
from backup_preflight.recording import Recording, Section, Status

UNITS = ("walinuxagent.service", "waagent.service")
"""The agent's unit: the first name on Ubuntu and Debian, the second elsewhere. Looked up by existence, never by distribution."""


@dataclass(frozen=True)
class Process:
    """A process of the agent's. ``age`` in seconds."""

    pid: int
    state: str
    age: float
    command: str

    @property
    def stopped(self) -> bool:
        """Frozen by a signal or a debugger: it exists, but does nothing."""
        return self.state in {"T", "t"}

    def __str__(self) -> str:
        return f"process {self.pid} `{self.command}`"


@dataclass(frozen=True)
class AgentVersion:
    """``package``: what is installed. ``goal_state``: the code that runs the extensions, newer when the agent updates itself."""

    package: tuple[int, ...]
    goal_state: tuple[int, ...]

    def __str__(self) -> str:
        package, goal_state = ".".join(map(str, self.package)), ".".join(map(str, self.goal_state))
        return package if package == goal_state else f"{package}, updated by itself to {goal_state}"


@dataclass(frozen=True)
class Python:
    """The interpreter that the backup extension would pick. ``missing``: old standard modules it does not have."""

    path: str
    version: tuple[int, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Agent:
    """The agent as this VM has it."""

    recording: Recording
    system: System

    @cached_property
    def binary(self) -> str | None:
        """Path of the agent's program; None when there is none that can be executed."""
        content = optional_text(self.recording.section("agent_binary")) or ""
        return next((path for path, executable in _pairs(content) if executable == "yes"), None)

    @property
    def package(self) -> str | None:
        """Name and version of the installed package; None when no known package is installed."""
        content = optional_text(self.recording.section("agent_packages")) or ""
        return next((f"{name} {found}" for _, name, status, found in rows(content, 4) if status == "installed"), None)

    @property
    def is_packaged(self) -> bool:
        """Whether the program belongs to a package of the distribution."""
        return bool((optional_text(self.recording.section("agent_binary_owner")) or "").strip())

    @cached_property
    def conf_path(self) -> str | None:
        """Path of the agent's configuration; None when there is none."""
        found = self.recording.subjects("agent_conf")
        if not found:
            raise NotObserved(Status.NOT_COLLECTED, "the recording is of an older collector")
        present = (path for path, section in found.items() if section.status is not Status.ABSENT)
        return next(present, None)

    @cached_property
    def conf(self) -> Mapping[str, str]:
        """The options in force, read by the agent's own rules (see ``read_conf``). Raises NotObserved when there is no file."""
        if self.conf_path is None:
            raise NotObserved(Status.ABSENT, "there is no waagent.conf")
        return read_conf(text(self.recording.section("agent_conf", self.conf_path)))

    def switch(self, key: str, *, default: bool) -> bool:
        """A y/n option as the agent understands it: exactly y or n in either case, anything else is the default."""
        return {"y": True, "n": False}.get(self.conf.get(key, "").lower(), default)

    @property
    def updates_itself(self) -> bool:
        """``AutoUpdate.UpdateToLatestVersion``, else ``AutoUpdate.Enabled``; both are y in the agent's code."""
        enabled = self.switch("AutoUpdate.Enabled", default=True)
        return self.switch("AutoUpdate.UpdateToLatestVersion", default=enabled)

    @cached_property
    def unit(self) -> str:
        """Name of the agent's unit; where none exists, the distribution's name for it."""
        return self._unit_found or self.system.distribution.unit

    @cached_property
    def _unit_found(self) -> str | None:
        for name in UNITS:
            section = self.recording.section("unit", name)
            if section.status is Status.OK and key_values(section.text).get("LoadState", "not-found") != "not-found":
                return name
        files = [path for path, section in self.recording.subjects("unit_file").items() if section.status is Status.OK]
        return next((name for name in UNITS if any(name in path for path in files)), None)

    @property
    def has_unit(self) -> bool:
        """Whether a systemd unit of the agent exists."""
        return self._unit_found is not None

    @property
    def unit_state(self) -> str:
        """The unit's state in one phrase, for messages; empty where systemd cannot be asked."""
        section = self.recording.section("unit", self.unit)
        if section.status is not Status.OK:
            return ""
        found = key_values(section.text)
        if found.get("LoadState") in {"not-found", "masked"}:
            return f"{self.unit} is {found['LoadState']}"
        state = f"{self.unit} is {found.get('ActiveState', '?')} ({found.get('SubState', '?')})"
        if found.get("ActiveState") != "active" and (since := found.get("InactiveEnterTimestamp")):
            state += f" since {since}"
        if found.get("Result", "success") != "success":
            state += f", result {found['Result']}"
        if found.get("ConditionResult") == "no":
            state += ", a condition of the unit was not met"
        return state

    @property
    def is_frozen(self) -> bool:
        """Whether ``systemctl freeze`` holds the unit: systemd still calls it active. Unknown to systemd before 246."""
        section = self.recording.section("unit", self.unit)
        return section.status is Status.OK and key_values(section.text).get("FreezerState", "running") != "running"

    @property
    def enabled_word(self) -> str | None:
        """What ``systemctl is-enabled`` says of the unit; None where the agent is not started by systemd."""
        if not self.has_unit:
            return None
        return text(self.recording.section("unit_enabled", self.unit)).strip()

    @property
    def boot_links(self) -> list[str]:
        """Init scripts and upstart jobs that start the agent where systemd does not."""
        links = (optional_text(self.recording.section("sysv_links")) or "").split()
        jobs = self.recording.subjects("upstart").items()
        return links + [path for path, section in jobs if section.status is Status.OK]

    @property
    def restart_policy(self) -> str:
        """``Restart=`` of the unit, ``respawn`` of an upstart job, or ``no``. Raises NotObserved where neither can be read."""
        section = self.recording.section("unit", self.unit)
        if section.status is Status.OK and self.has_unit:
            return key_values(section.text).get("Restart", "no")
        files = [section for section in self.recording.subjects("unit_file").values() if section.status is Status.OK]
        if files:
            found = [match[1] for file in files for match in re.finditer(r"(?m)^Restart=(\S+)", file.text)]
            return found[-1] if found else "no"
        jobs = [job for job in self.recording.subjects("upstart").values() if job.status is Status.OK]
        if jobs:
            return "respawn" if any(re.search(r"(?m)^\s*respawn\b", job.text) for job in jobs) else "no"
        raise NotObserved(Status.UNSUPPORTED, "neither a systemd unit nor an upstart job of the agent was found")

    @cached_property
    def processes(self) -> list[Process]:
        """The agent's processes, as the last look found them."""
        return self.looks[-1]

    @cached_property
    def looks(self) -> list[list[Process]]:
        """The agent's processes at each look, a second apart; the collector looks again where the worker is new or missing."""
        uptime = key_values(text(self.recording.section("uptime")))
        ticks = number(uptime.get("ticks"), "CLK_TCK") or 100
        later = self.recording.subjects("later_processes").items()
        sections = [(uptime.get("uptime", ""), self.recording.section("processes")), *later]
        return [_processes(section, up, ticks) for up, section in sections]

    @property
    def daemon(self) -> Process | None:
        """The process that the unit starts; it only watches over the worker."""
        return _daemon(self.processes)

    @property
    def worker(self) -> Process | None:
        """The process that runs the extensions."""
        return _worker(self.processes)

    @property
    def is_mostly_without_worker(self) -> bool:
        """Whether fewer than half of the looks found a worker."""
        return 2 * sum(_worker(look) is not None for look in self.looks) < len(self.looks)

    @property
    def ended_worker(self) -> Process | None:
        """A worker that was there at one look and not at a later one. Not one that made way for a newer version of the agent."""
        workers = [_worker(look) for look in self.looks if (daemon := _daemon(look)) and self.daemon and daemon.pid == self.daemon.pid]
        for after, worker in enumerate(workers[:-1], 1):
            later = workers[after:]
            ended = worker and (later[0] is None or later[0].pid != worker.pid)
            if worker and ended and all(each is None or each.command == worker.command for each in later):
                return worker
        return None

    @cached_property
    def version(self) -> AgentVersion:
        """Lines 1 and 3 of ``waagent -version``. The third one is missing before agent 2.2."""
        output = text(self.recording.section("agent_version"))
        package = re.search(r"(?m)^WALinuxAgent-(\d+(?:\.\d+)*) running on ", output)
        if not package:
            raise unreadable("the output of `waagent -version`", output)
        goal_state = re.search(r"(?m)^Goal state agent: (\d+(?:\.\d+)*)", output)
        return AgentVersion(version(package[1]), version((goal_state or package)[1]))

    @property
    def switched_off(self) -> bool:
        """Whether the kill switch ``disable_agent`` is there, with which the daemon sleeps for ever."""
        return exists(self.recording.section("disable_agent"))

    @property
    def is_marked_as_provisioned(self) -> bool | None:
        """Whether this VM has been set up, by the agent or by cloud-init: until then the daemon waits. None where that cannot be seen."""
        section = self.recording.section("provisioned")
        return {Status.OK: True, Status.ABSENT: False}.get(section.status)

    @property
    def provision_guest_agent(self) -> bool | None:
        """``ProvisionGuestAgent`` of ``ovf-env.xml``; None when the file or the element is not there."""
        word = (optional_text(self.recording.section("provision_guest_agent")) or "").strip().lower()
        return {"true": True, "false": False}.get(word)

    @property
    def silence(self) -> float:
        """Seconds since the agent last wrote its log or its status file."""
        written = []
        log = self.recording.section("agent_log")
        if log.status is Status.OK:
            written.append(number(key_values(log.text).get("mtime"), "the age of waagent.log"))
        status = self.recording.section("agent_status")
        if status.status is Status.OK:
            written += [int(when) for when, _ in rows(status.text, 2) if is_number(when)]
        if not written:
            first: Section = log if log.status is not Status.OK else status
            raise NotObserved(first.status, first.detail or "neither waagent.log nor a status file")
        return self.system.time - max(written)

    @property
    def has_log(self) -> bool:
        """Whether ``/var/log/waagent.log`` exists."""
        return exists(self.recording.section("agent_log"))

    @property
    def has_extension_log_directory(self) -> bool:
        """Whether ``/var/log/azure`` exists."""
        return exists(self.recording.section("azure_log_dir"))

    @cached_property
    def lib_dir(self) -> Mapping[str, str] | None:
        """Counts of ``/var/lib/waagent``; None when it does not exist."""
        content = optional_text(self.recording.section("lib_dir"))
        return None if content is None else key_values(content)

    @property
    def stale_goal_states(self) -> int:
        """Number of ``*.[0-9]*.xml`` files of old agents."""
        return number((self.lib_dir or {}).get("stale_xml", "0"), "the number of goal state files")

    @property
    def goal_state_files(self) -> int:
        """Number of ``*.xml`` files."""
        return number((self.lib_dir or {}).get("xml", "0"), "the number of goal state files")

    @cached_property
    def lib_dir_space(self) -> Mapping[str, str]:
        """Space of the file system that holds ``/var/lib/waagent``."""
        return key_values(text(self.recording.section("lib_dir_space")))

    @cached_property
    def python(self) -> Python | None:
        """The interpreter that the extension would pick; None when there is none."""
        content = optional_text(self.recording.section("python"))
        if content is None:
            return None
        found = key_values(content)
        missing = tuple(module for module in ("imp", "distutils", "crypt") if found.get(module) == "no")
        return Python(found.get("path", ""), version(found.get("version", "")), missing)

    @property
    def deployment(self) -> str | None:
        """Name of the deployment (the cloud service of a classic VM) that the fabric told the agent."""
        content = optional_text(self.recording.section("deployment")) or ""
        match = re.search(r"<Deployment\b[^>]*?\bname=\"([^\"]*)\"", content)
        return match[1] if match else None


def read_conf(content: str) -> dict[str, str]:
    """waagent.conf as the agent reads it (azurelinuxagent.common.conf, measured with 2.7.3.0).

    The key is what stands before the first ``=``, blanks stripped, case kept; the value ends at the next ``=`` or ``#`` and
    loses quotes and blanks; the last one of a key counts; a line that begins with ``#`` is a comment.
    """
    found = {}
    for line in content.split("\n"):
        if not line.startswith("#") and "=" in line:
            key, value = line.split("=")[:2]
            found[key.strip()] = value.split("#")[0].strip('" ').strip()
    return found


def _processes(section: Section, uptime: str, ticks: int) -> list[Process]:
    """Processes at an uptime in seconds."""
    try:
        up = float(uptime)
    except ValueError:
        raise unreadable("the uptime") from None
    return [
        Process(int(pid), state, up - int(start) / ticks, command.strip())
        for pid, _, state, start, command in rows(text(section), 5)
        if is_number(pid) and is_number(start)
    ]


def _daemon(processes: list[Process]) -> Process | None:
    return next((process for process in processes if "-daemon" in process.command), None)


def _worker(processes: list[Process]) -> Process | None:
    return next((process for process in processes if "-run-exthandlers" in process.command), None)


def _pairs(content: str) -> list[tuple[str, str]]:
    return [(first, second.strip()) for first, second in rows(content, 2)]
