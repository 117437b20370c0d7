"""The Azure VM agent is there, runs, is whole and new enough, and reports to the platform."""

from __future__ import annotations

from backup_preflight.causes import AGENT_VERSION_PAGE, DOTNET_PAGE, WINAGENT, WINDOWS_AGENT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Limits, Needs, advise, check, fail, not_applicable
from backup_preflight.facts.observation import NotObserved, at_least
from backup_preflight.facts.windows.agent import GUEST_AGENT, RDAGENT, Agent
from backup_preflight.facts.windows.services import AUTOMATIC, RUNNING, Services
from backup_preflight.facts.windows.snapshot import Snapshot
from backup_preflight.lang import tr
from backup_preflight.recording import Status
from tests_windows.fixes import AGENT_MSI, INSTALL_AGENT, THEN_BACK_UP, start_service

DOTNET_45 = 378389
SILENT_SECONDS = 15 * 60
"""The agent reports about once a minute; older than this is silent (our estimate, no document names a number)."""

PENDING = {"Start Pending", "Stop Pending"}


def _require_running(services: Services, name: str) -> None:
    service = services.find(name)
    if service is None:
        fail(
            f"there is no service {name}",
            *INSTALL_AGENT,
            fix=f"Install the newest agent ({AGENT_MSI}) as an administrator; the service is then listed in services.msc. {THEN_BACK_UP}",
            problem=tr("the service {name} is not installed", name=name),
        )
    if service.start != AUTOMATIC:
        fail(
            f"the start type of {name} is {service.start_type}",
            *start_service(name, service.start),
            problem=tr("the service {name} does not start with the system", name=name),
        )
    state = services.state(name)
    if state in PENDING:
        advise(f"{name} is {state}", f"Get-Service -Name {name}", fix="Look again in a minute: the agent restarts itself for an update.")
    if state != RUNNING:
        fail(f"{name} is {state}", *start_service(name, service.start))


@check(
    "WIN-01",
    "the Windows Azure Guest Agent service is not running",
    WINAGENT,
    now=MUST,
    in_2017=MUST,
    reads="the service WindowsAzureGuestAgent: its registry key, its state in Win32_Service, else sc.exe query, else its process",
    fix=f"Start the Windows Guest Agent service; if it ends again, C:\\WindowsAzure\\Logs\\WaAppAgent.log says why. {THEN_BACK_UP}",
)
def test_guest_agent_runs(services: Services) -> None:
    """the Windows Azure Guest Agent service is installed, starts automatically and runs"""
    _require_running(services, GUEST_AGENT)


@check(
    "WIN-02",
    "the RdAgent service is not running",
    WINAGENT,
    now=MUST,
    in_2017=OFF,
    see=WINDOWS_AGENT_PAGE,
    reads="the service RdAgent, as WIN-01 does",
    fix=f"Start RdAgent, which installs and watches the guest agent; C:\\WindowsAzure\\Logs\\WaAppAgent.log says more. {THEN_BACK_UP}",
)
def test_rdagent_runs(services: Services) -> None:
    """the RdAgent service is installed, starts automatically and runs"""
    _require_running(services, RDAGENT)


@check(
    "WIN-03",
    "the agent's files are not where its services point",
    WINAGENT,
    now=MUST,
    in_2017=MUST,
    see=WINDOWS_AGENT_PAGE,
    reads="ImagePath of RdAgent and WindowsAzureGuestAgent, the files they name, C:\\WindowsAzure",
    fix=(
        "Reinstall the agent: uninstall it in Programs and Features if it is listed there (WIN-04); else stop and delete both services, "
        "move C:\\WindowsAzure\\Packages and C:\\WindowsAzure\\GuestAgent* to C:\\WindowsAzure\\OLD; then install the newest MSI. "
        f"{THEN_BACK_UP}"
    ),
)
def test_agent_is_whole(agent: Agent, services: Services) -> None:
    """the programs of the agent's services are there"""
    there = [name for name in (RDAGENT, GUEST_AGENT) if services.find(name)]
    if not there:
        not_applicable("the agent's services are not installed: WIN-01")
    reinstall = (
        "net.exe stop RdAgent",
        "net.exe stop WindowsAzureGuestAgent",
        "sc.exe delete RdAgent",
        "sc.exe delete WindowsAzureGuestAgent",
    )
    for name in there:
        if agent.program(name) is None:
            service = services.find(name)
            path = service.image if service else ""
            fail(f"{name} starts {path}, which is not there", *reinstall, *INSTALL_AGENT)
    if not agent.has_folder:
        fail("there is no folder C:\\WindowsAzure", *reinstall, *INSTALL_AGENT)


@check(
    "WIN-04",
    "Programs and Features lists an agent whose service is gone",
    WINAGENT,
    now=ADVICE,
    in_2017=ADVICE,
    see=WINDOWS_AGENT_PAGE,
    reads="the Uninstall keys of the registry; an agent that came with the VM is never listed, so only the rest of one counts",
    fix=f"Uninstall it first, then install the newest agent ({AGENT_MSI}).",
)
def test_no_broken_installation(agent: Agent, services: Services) -> None:
    """where the agent's service is gone, Programs and Features does not list the agent"""
    if services.find(GUEST_AGENT):
        not_applicable("the agent's service is there")
    for code, name in agent.programs.items():
        fail(f"{name} is listed, but there is no service {GUEST_AGENT}", f"msiexec.exe /x {code} /quiet", *INSTALL_AGENT)


@check(
    "WIN-05",
    "the VM agent is older than supported",
    WINAGENT,
    now=MUST,
    in_2017=MUST,
    see=AGENT_VERSION_PAGE,
    reads="GuestAgentVersion in the agent's registry key, else the product version of the file that RdAgent starts",
    fix=f"Install the newest agent ({AGENT_MSI}), as an administrator and while no backup runs. {THEN_BACK_UP}",
    after=("WIN-01", "WIN-03"),
)
def test_agent_is_new_enough(agent: Agent, limits: Limits) -> None:
    """the agent is at least the oldest version that Azure supports"""
    shown = ".".join(map(str, agent.version))
    if not at_least(agent.version, limits.windows_agent_version):
        fail(f"agent {shown}, wanted {'.'.join(map(str, limits.windows_agent_version))} or newer", *INSTALL_AGENT)
    if not at_least(agent.version, limits.windows_agent_advice):
        advise(
            f"agent {shown}; the page on minimum versions wants {'.'.join(map(str, limits.windows_agent_advice))}, "
            f"the backup pages {'.'.join(map(str, limits.windows_agent_version))}",
            *INSTALL_AGENT,
            problem="the VM agent is older than one of two documents wants",
        )


@check(
    "WIN-06",
    ".NET Framework 4.5, which the agent needs, is not installed",
    WINAGENT,
    now=MUST,
    in_2017=MUST,
    see=DOTNET_PAGE,
    reads="Release in the registry key of .NET Framework 4 (378389 is 4.5), in the 64-bit view",
    fix=f"Install .NET Framework 4.8: without 4.5 or newer the agent cannot talk to the service. Restart the VM. {THEN_BACK_UP}",
)
def test_dotnet_is_new_enough(agent: Agent) -> None:
    """.NET Framework 4.5 or newer is installed"""
    release = agent.dotnet_release
    if release is None:
        fail("there is no .NET Framework 4 (v4\\Full\\Release is missing)")
    if release < DOTNET_45:
        fail(f"Release is {release}, wanted {DOTNET_45} (4.5) or more")


@check(
    "WIN-07",
    "the agent runs but does not report to the platform",
    WINAGENT,
    now=MUST,
    in_2017=OFF,
    needs=Needs.AZURE,
    see=WINDOWS_AGENT_PAGE,
    reads="aggregatestatus.json below C:\\WindowsAzure, GuestAgentStatus in the agent's registry key, the age of WaAppAgent.log",
    fix=(
        "Restart both services; C:\\WindowsAzure\\Logs\\WaAppAgent.log and TransparentInstaller.log say why the agent is not Ready. "
        "See also NET-01 and NET-02."
    ),
    after=("WIN-01", "WIN-02", "WIN-03", "NET-01"),
)
def test_agent_reports(agent: Agent) -> None:
    """the agent's last report to the platform is recent and says Ready"""
    restart = (f"Restart-Service -Name {RDAGENT}", f"Restart-Service -Name {GUEST_AGENT}")
    report = agent.report
    if report is None:
        status = agent.guest_key.text("GuestAgentStatus") if agent.guest_key else ""
        if status.casefold() != "ready":
            said = f"GuestAgentStatus is {status!r}, whose values no document lists" if status else "the agent keeps no status"
            raise NotObserved(Status.ABSENT, said, "look at the VM's agent status in the portal (VM > Properties)")
        return
    if report.status != "Ready":
        fail(f"its status is {report.status}" + (f": {report.message}" if report.message else ""), *restart)
    if report.age > SILENT_SECONDS:
        log_age = agent.log_age
        found = f"its last report is {report.age / 60:.0f} minutes old"
        if log_age is None or log_age > SILENT_SECONDS:
            fail(f"{found}, and WaAppAgent.log is as old or missing", *restart)
        advise(f"{found}, but WaAppAgent.log is still written", *restart)


@check(
    "WIN-23",
    "Windows Management Instrumentation or CNG Key Isolation is broken",
    WINAGENT,
    now=MUST,
    in_2017=OFF,
    root=True,
    see=WINDOWS_AGENT_PAGE,
    reads="start types of Winmgmt and KeyIso, and one call of WMI's registry provider",
    fix="The agent needs both to install and read certificates. Enable and start them; repair WMI (winmgmt /salvagerepository).",
)
def test_wmi_and_key_isolation_work(services: Services, snapshot: Snapshot) -> None:
    """WMI answers, and CNG Key Isolation can start"""
    for name in ("Winmgmt", "KeyIso"):
        service = services.find(name)
        if service is None:
            fail(f"there is no service {name}", fix="Repair Windows (sfc /scannow): this service belongs to it.")
        if service.is_disabled:
            start = "Automatic" if name == "Winmgmt" else "Manual"
            fail(f"{name} is Disabled", f"Set-Service -Name {name} -StartupType {start}", f"Start-Service -Name {name}")
    if snapshot.wmi_code:
        fail(f"WMI's registry provider answers {snapshot.wmi_code}", "winmgmt.exe /verifyrepository", "winmgmt.exe /salvagerepository")
