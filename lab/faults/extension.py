"""The backup extension: old, not ready, damaged; its scripts, tools and certificates; its neighbours."""

from __future__ import annotations

from lab.fabric.vms import EXTENSION, PRE_FIX_VERSION, Handler
from lab.faults import fault
from lab.host import Host

DIRECTORY = f"/var/lib/waagent/{EXTENSION}-*"
LIBRARY = "/var/lib/waagent"


def _reinstall(host: Host) -> None:
    """Uninstalled in the portal, and installed again by the next backup."""
    _uninstall(host)
    host.change(handlers=[Handler()])
    host.wait_until_ready()


def _uninstall(host: Host) -> None:
    host.change(handlers=[Handler(state="uninstall")])
    host.until(f"! ls -d {DIRECTORY} 2>/dev/null | grep -q .")


@fault("LIN-11", repair=_reinstall, smoke=True)
def extension_too_old(host: Host) -> None:
    """the extension is 1.0.9.0, which is older than 1.0.91.0"""
    _only(host, "1.0.9.0")


def _only(host: Host, version: str) -> None:
    """Make this version the only one that is installed."""
    _uninstall(host)
    host.change(handlers=[Handler(version=version)])
    host.wait_until_ready()


@fault()
def extension_of_2017(host: Host) -> None:
    """the extension is 1.0.91.0, the oldest that is good enough"""
    _only(host, "1.0.91.0")


@fault()
def extension_with_a_long_number(host: Host) -> None:
    """the extension is 1.0.9112.0, which is newer than 1.0.91.0"""
    _only(host, "1.0.9112.0")


@fault(hides="LIN-11 LIN-24")
def extension_not_yet_installed(host: Host) -> None:
    """no backup has run yet, so the extension is not there"""
    host.change(handlers=[])
    host.run(f"systemctl stop walinuxagent; rm -r {DIRECTORY}; systemctl start walinuxagent")


@fault("LIN-11", repair=_reinstall)
def extension_cannot_be_enabled(host: Host) -> None:
    """the extension's enable command fails"""
    host.change(handlers=[Handler(public={"labExit": 51, "labStatus": "error"})])
    host.until(f"grep -q NotReady {DIRECTORY}/config/HandlerStatus")


@fault("LIN-11", repair=_reinstall)
def extension_not_enabled(host: Host) -> None:
    """the extension was installed, and never enabled"""
    host.run(f"printf Installed | tee {DIRECTORY}/config/HandlerState")


@fault(undetermined="LIN-11", repair=_reinstall)
def extension_status_broken(host: Host) -> None:
    """the extension's HandlerStatus is no JSON"""
    host.run(f"printf '{{' | tee {DIRECTORY}/config/HandlerStatus")


@fault("LIN-11", repair=_reinstall)
def extension_damaged(host: Host) -> None:
    """the extension's freeze program is gone"""
    host.run(f"rm {DIRECTORY}/main/safefreeze*/bin/safefreeze")


@fault("LIN-10", image="debian-13", repair=_reinstall)
def extension_too_old_for_python(host: Host) -> None:
    """the extension needs modules that the only Python, 3.13, does not have"""
    _uninstall(host)
    host.change(handlers=[Handler(version=PRE_FIX_VERSION)])
    host.until(f"grep -q NotReady {DIRECTORY}/config/HandlerStatus")


@fault(advice="CP-05", repair=lambda host: host.run(f"rm -r {LIBRARY}/Contoso.Monitoring.Agent-1.4.2"))
def another_extension_not_ready(host: Host) -> None:
    """another extension is not ready"""
    status = '{"name": "Contoso.Monitoring.Agent", "status": "NotReady", "code": 52, "message": "install failed"}'
    directory = f"{LIBRARY}/Contoso.Monitoring.Agent-1.4.2/config"
    host.run(f"mkdir -p {directory} && printf NotInstalled >{directory}/HandlerState && echo '{status}' >{directory}/HandlerStatus")


@fault(advice="LIN-24")
def certificates_gone(host: Host) -> None:
    """the certificate of the extension's protected settings is gone"""
    host.run("cd /var/lib/waagent && ls [0-9A-F]*.prv && rm [0-9A-F]*.crt [0-9A-F]*.prv")


@fault(advice="LIN-23")
def tools_gone(host: Host) -> None:
    """programs that the extension calls are gone"""
    host.run("rm /usr/bin/openssl /usr/bin/base64")


CONFIG = "/etc/azure/VMSnapshotScriptPluginConfig.json"
HOST_CONFIG = "/etc/azure/VMSnapshotPluginHost.conf"


def _scripts(host: Host) -> None:
    """Pre- and post-scripts as the documents want them."""
    text = '{"preScriptLocation": "/etc/azure/pre.sh", "postScriptLocation": "/etc/azure/post.sh"}'
    host.run(
        f"mkdir -p /etc/azure && cd /etc/azure && echo '{text}' >{CONFIG} && echo '[pre_post]' >{HOST_CONFIG} && "
        f"printf '#!/bin/sh\\n' | tee pre.sh >post.sh && chmod 600 {CONFIG} {HOST_CONFIG} && chmod 700 pre.sh post.sh"
    )


@fault()
def scripts_in_order(host: Host) -> None:
    """pre- and post-scripts are configured as they should be"""
    _scripts(host)


@fault("LIN-22")
def script_open_to_others(host: Host) -> None:
    """others may read and run the pre-script"""
    _scripts(host)
    host.run("chmod 755 /etc/azure/pre.sh")


@fault("LIN-22")
def script_configuration_open(host: Host) -> None:
    """others may read the scripts' configuration"""
    _scripts(host)
    host.run(f"chmod 644 {CONFIG}")


@fault("LIN-22")
def script_of_another_user(host: Host) -> None:
    """the post-script belongs to another user than root"""
    _scripts(host)
    host.run("chown azureuser /etc/azure/post.sh")


@fault("LIN-22", repair=_scripts, repaired_by="administrator")
def script_missing(host: Host) -> None:
    """the configured pre-script is not there"""
    _scripts(host)
    host.run("rm /etc/azure/pre.sh")


@fault("LIN-22", repair=_scripts, repaired_by="administrator")
def script_configuration_broken(host: Host) -> None:
    """the scripts' configuration is no JSON"""
    _scripts(host)
    host.run(f"echo '{{' >{CONFIG}; chmod 600 {CONFIG}")
