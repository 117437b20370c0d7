"""The backup extension and what it needs to load. It is installed by the first backup, so its absence before is normal."""

from __future__ import annotations

from shlex import quote

from backup_preflight.causes import APP_CONSISTENT_PAGE, EXTENSION, EXTENSIONS_PAGE
from backup_preflight.checks import ADVICE, MUST, OFF, Needs, check, fail, not_applicable
from backup_preflight.facts.linux.agent import Agent
from backup_preflight.facts.linux.extension import Extension
from backup_preflight.facts.linux.system import System
from backup_preflight.facts.observation import at_least
from backup_preflight.lang import tr
from tests_linux.fixes import restart_agent

FLOOR = (1, 0, 91, 0)
"""The version that the 2017 page calls the latest; no newer minimum is documented."""

NOT_YET = "the backup extension is not installed yet (the first backup does that)"
SCRIPT_CONFIG = "/etc/azure/VMSnapshotScriptPluginConfig.json"
HOST_CONFIG = "/etc/azure/VMSnapshotPluginHost.conf"


@check(
    "LIN-11",
    "the backup extension is not working",
    EXTENSION,
    now=MUST,
    in_2017=MUST,
    root=True,
    see=EXTENSIONS_PAGE,
    reads="HandlerState, HandlerStatus, version and freeze tool of the newest VMSnapshotLinux under /var/lib/waagent",
    fix=(
        "Uninstall the extension VMSnapshotLinux in the portal (VM > Settings > Extensions + applications > VMSnapshotLinux > "
        "Uninstall); the next backup installs it again. If it does not appear in the portal, update the VM agent first."
    ),
    after=("LIN-01", "LIN-02", "LIN-07", "LIN-10", "LIN-19"),
)
def test_extension_is_ready(extension: Extension) -> None:
    """the backup extension, once installed, is enabled, ready and not older than the documents know"""
    if extension.newest is None:
        not_applicable(NOT_YET)
    if not at_least(extension.version, FLOOR):
        fail(f"{extension.newest}, wanted {'.'.join(map(str, FLOOR))} or newer", problem="the backup extension is out of date")
    handler = extension.handler
    if extension.state != "Enabled":
        told = f"; {handler}" if handler else ""
        fail(f"HandlerState of {extension.newest} is {extension.state or 'missing'}{told}", problem="the backup extension is not enabled")
    if handler and handler.status != "Ready":
        fail(str(handler), problem="the backup extension is not ready")
    if extension.freeze_tool is False:
        fail(f"safefreeze of {extension.newest} cannot be executed", problem="the backup extension is damaged")


@check(
    "LIN-22",
    "the pre- and post-scripts of the backup cannot be used",
    EXTENSION,
    now=MUST,
    in_2017=OFF,
    needs=Needs.NOTHING,
    root=True,
    see=APP_CONSISTENT_PAGE,
    reads=f"{HOST_CONFIG}, {SCRIPT_CONFIG}, the scripts they name: owner, permissions, JSON",
    fix=(
        "Both configuration files and the scripts belong to root; the JSON file has mode 600, the scripts 700, and "
        "VMSnapshotPluginHost.conf is not writable by group or others."
    ),
)
def test_scripts_are_usable(extension: Extension) -> None:
    """pre- and post-scripts, where configured, belong to root and nobody else may change them"""
    if not extension.scripts_configured:
        not_applicable("no pre- and post-scripts are configured")
    try:
        config = extension.script_config
    except ValueError as error:
        fail(
            f"{SCRIPT_CONFIG} is no valid JSON: {error}",
            fix="Correct the file; nothing in it is used as long as it cannot be read.",
        )
    if not extension.script_host_configured:
        fail(f"there is no {HOST_CONFIG}", fix=f"Put {HOST_CONFIG} of Microsoft's example (MicrosoftAzureBackup on GitHub) there.")
    _require_mode(extension, HOST_CONFIG, forbidden=0o033, wanted="644")
    _require_mode(extension, SCRIPT_CONFIG, forbidden=0o177, wanted="600")
    for key in ("preScriptLocation", "postScriptLocation"):
        if path := str(config.get(key) or ""):
            _require_mode(extension, path, forbidden=0o077, wanted="700", named_by=key)


def _require_mode(extension: Extension, path: str, *, forbidden: int, wanted: str, named_by: str = "") -> None:
    file = extension.file(path)
    if file is None:
        fail(
            f"{path} ({named_by} of {SCRIPT_CONFIG}) is not there",
            fix=tr("Put the script there, or correct {named_by}.", named_by=named_by),
        )
    if file.owner != "root":
        fail(f"{path} belongs to {file.owner}", f"sudo chown root {quote(path)}")
    if file.mode & forbidden:
        fail(f"{path} has mode {file.mode:o}, wanted {wanted}", f"sudo chmod {wanted} {quote(path)}")


@check(
    "LIN-23",
    "programs that the backup extension calls are missing",
    EXTENSION,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.NOTHING,
    reads="openssl, base64, lsblk, mount, umount, blkid in /usr/bin, /bin, /usr/sbin, /sbin",
    fix="Install the packages that hold them.",
)
def test_tools_of_the_extension_are_there(extension: Extension, system: System) -> None:
    """the programs that the backup extension calls are there"""
    packages = {"openssl": "openssl", "base64": "coreutils", "lsblk": "util-linux", "blkid": "util-linux"}
    if missing := extension.missing_tools:
        wanted = " ".join(
            sorted({packages.get(name, "mount" if system.distribution.family == "debian" else "util-linux") for name in missing})
        )
        manager = {
            "debian": "apt-get install --reinstall -y",
            "rhel": "yum reinstall -y",
            "suse": "zypper --non-interactive install -f",
        }
        installer = manager.get(system.distribution.family)
        fail(f"missing: {', '.join(missing)}", *([f"sudo {installer} {wanted}"] if installer else []))


@check(
    "LIN-24",
    "a certificate that the backup extension needs is missing",
    EXTENSION,
    now=ADVICE,
    in_2017=OFF,
    needs=Needs.NOTHING,
    root=True,
    reads="the .crt and .prv files under /var/lib/waagent for the thumbprints in the extension's settings",
    fix="Restart the agent: it fetches its certificates again. Without them a backup ends with code 16.",
    after=("LIN-01", "LIN-11"),
)
def test_certificates_are_there(agent: Agent, extension: Extension, system: System) -> None:
    """the certificates that the extension's settings were encrypted for are there and valid"""
    if extension.newest is None:
        not_applicable(NOT_YET)
    for certificate in extension.certificates:
        missing = [name for name, there in ((".crt", certificate.certificate), (".prv", certificate.key)) if not there]
        if missing:
            fail(f"/var/lib/waagent/{certificate.thumbprint} has no {' and no '.join(missing)}", restart_agent(agent, system))
        if certificate.valid == "no":
            fail(
                f"/var/lib/waagent/{certificate.thumbprint}.crt has expired",
                restart_agent(agent, system),
                problem="a certificate of the backup extension has expired",
            )


@check(
    "CP-05",
    "another extension is not ready",
    EXTENSION,
    now=ADVICE,
    in_2017=OFF,
    root=True,
    see=EXTENSIONS_PAGE,
    reads="HandlerStatus of every other extension",
    fix="Repair or uninstall it in the portal (VM > Settings > Extensions + applications): all must say Provisioning succeeded.",
    after=("LIN-01", "LIN-02", "LIN-07"),
)
def test_other_extensions_are_ready(extension: Extension) -> None:
    """every other extension is ready"""
    sick = [str(handler) for handler in extension.others if handler.status != "Ready"]
    if sick:
        fail("; ".join(sick))
