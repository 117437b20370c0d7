"""The agent is new enough, keeps itself so, and finds a Python that can run the backup extension."""

from __future__ import annotations

from shlex import quote

from backup_preflight.causes import AGENT_VERSION_PAGE, EXTENSION, EXTENSIONS_PAGE, LINAGENT, TROUBLESHOOT_PAGE, UPDATE_AGENT_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Limits, Needs, advise, check, fail
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.disks import Disks
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import at_least, number
from backup_preflight.lang import sentences, tr
from tests_linux.fixes import restart_agent, set_option

FREE_MIB = 500
"""Room for two versions of the extension and their logs (our estimate; the documents name no number)."""

FREE_INODES = 100
"""Files that the agent makes for one goal state and one package (our estimate). Not none: an agent that ends for want of one frees some."""

FIRST_WITHOUT_OLD_MODULES = (3, 12)
"""Python 3.12 removed imp and distutils, 3.13 crypt."""


@check(
    "LIN-05",
    "the Azure Linux agent is out of date",
    LINAGENT,
    now=MUST,
    in_2017=MUST,
    needs=Needs.NOTHING,
    see=AGENT_VERSION_PAGE,
    reads="`waagent -version`: line 1 is the package, line 3 the code that runs extensions",
    fix=(
        "Update the agent from the distribution's repository (not from GitHub), or let it update itself, then restart it. "
        "The newest version is listed at https://github.com/Azure/WALinuxAgent/releases."
    ),
    after=("LIN-01",),
)
def test_agent_is_new_enough(agent: Agent, system: System, limits: Limits) -> None:
    """the agent is at least the oldest version that Azure supports"""
    if not at_least(agent.version.goal_state, limits.agent_version):
        wanted = ".".join(map(str, limits.agent_version))
        restart = [restart_agent(agent, system)] if system.booted else []
        fail(f"agent {agent.version}, wanted {wanted} or newer", *system.distribution.install, *restart)


@check(
    "LIN-06",
    "the Azure Linux agent does not update itself",
    LINAGENT,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.NOTHING,
    see=UPDATE_AGENT_PAGE,
    reads="AutoUpdate.UpdateToLatestVersion and AutoUpdate.Enabled in waagent.conf",
    fix="Switch automatic updates on and restart the agent. Debian ships the agent with AutoUpdate.Enabled=n.",
    after=("LIN-01",),
)
def test_agent_updates_itself(agent: Agent, system: System) -> None:
    """the agent updates itself"""
    if not agent.updates_itself:
        key = next(key for key in ("AutoUpdate.UpdateToLatestVersion", "AutoUpdate.Enabled") if agent.conf.get(key, "").lower() == "n")
        fail(f"{key}=n in {agent.conf_path}", *set_option(agent, system, key, "y"))


@check(
    "LIN-10",
    "the Python that the backup extension picks cannot run it",
    EXTENSION,
    LINAGENT,
    now=MUST,
    in_2017=OFF,
    needs=Needs.NOTHING,
    see=TROUBLESHOOT_PAGE,
    reads="the first Python of the extension's own list, which old modules it has, what the installed extension imports",
    fix=(
        "Uninstall the extension VMSnapshotLinux in the portal (VM > Extensions + applications); the next backup installs a newer "
        "one. Extensions built before 2026-07-23 need modules that Python 3.12 and 3.13 removed; the job fails with 400039. "
        "Until a fixed one reaches the VM, install a Python up to 3.11 beside the system's and link it as "
        "/usr/local/bin/python3.8: the extension picks it."
    ),
)
def test_python_can_run_the_extension(agent: Agent, extension: Extension) -> None:
    """the Python that the backup extension picks can run it"""
    python = agent.python
    if python is None:
        fail(
            "no Python in /usr/bin or /usr/local/bin under any name the extension tries",
            fix="Install the distribution's python3 package.",
            problem="there is no Python for the agent and the backup extension",
        )
    name = f"{python.path} ({'.'.join(map(str, python.version))})"
    if not at_least(python.version, (2, 6)):
        fail(f"{name}: the agent needs Python 2.6 or newer", fix="Install a newer Python from the distribution's repository.")
    if not python.missing:
        return
    if extension.newest is None:
        if python.version >= FIRST_WITHOUT_OLD_MODULES:
            advise(
                f"{name} has no {', '.join(python.missing)}; the extension is not installed yet",
                fix=(
                    "Nothing to do on the VM now: an extension built before 2026-07-23 would not start (job error 400039), "
                    "a newer one does. If the first backup fails so, see LIN-10."
                ),
                problem="an older backup extension would not start with this Python",
            )
        return
    lacking = sorted(set(extension.old_imports) & set(python.missing))
    if lacking:
        fail(f"{extension.newest} imports {', '.join(lacking)}; {name} has no such module")


@check(
    "LIN-19",
    "extensions cannot run from /var/lib/waagent",
    LINAGENT,
    EXTENSION,
    now=MUST,
    in_2017=OFF,
    see=EXTENSIONS_PAGE,
    reads="mount options, free space and free inodes of the file system that holds /var/lib/waagent; SELinux",
    fix="Make room, or remount the file system, so that the agent can unpack and execute extensions there.",
    after=("LIN-01",),
)
def test_extensions_can_run_from_the_agents_directory(agent: Agent, system: System, disks: Disks) -> None:
    """the agent can unpack and execute extensions in /var/lib/waagent"""
    mount = disks.mount_of("/var/lib/waagent")
    for option in sorted({"noexec", "ro"} & mount.options):
        wanted = {"noexec": "exec", "ro": "rw"}[option]
        first = "Look into `sudo dmesg` first: the kernel makes a damaged file system read-only." if option == "ro" else ""
        then = tr(
            "Remount it with {wanted}, take {option} out of /etc/fstab; the restarted agent tries its extensions again.",
            wanted=wanted,
            option=option,
        )
        fail(
            f"{mount.target} is mounted {option}",
            f"sudo mount -o remount,bind,{wanted} {quote(mount.target)}"
            if option == "noexec"
            else f"sudo mount -o remount,rw {quote(mount.target)}",
            restart_agent(agent, system),
            fix=sentences(first, then),
        )
    space = agent.lib_dir_space
    free = number(space.get("free_kib"), "the free space of /var/lib/waagent") // 1024
    if free < FREE_MIB:
        fail(
            f"{free} MB free on {space.get('mount', '/')}, wanted {FREE_MIB} MB",
            f"sudo du -xh --max-depth=2 {quote(space.get('mount', '/'))} | sort -h | tail -n 20",
            fix="Make room on that file system; the command lists its largest directories.",
        )
    has_inodes = number(space.get("inodes"), "the inodes of /var/lib/waagent") > 0
    inodes = number(space.get("inodes_free"), "the free inodes of /var/lib/waagent")
    if has_inodes and inodes < FREE_INODES:
        fail(
            f"{inodes} inodes free on {space.get('mount', '/')}, wanted {FREE_INODES}",
            fix="Remove files: the file system cannot hold many more.",
        )
    if system.selinux_enforcing:
        advise(
            "SELinux is enforcing",
            fix="If extensions fail with permission errors, exclude /var/lib/waagent in the SELinux policy (semanage fcontext).",
            problem="SELinux may keep extensions from running",
        )
