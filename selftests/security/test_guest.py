"""Secrets on the VM stay on the VM: in no recording, no argv, no environment of what the collector starts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from selftests.collect.guest import AGENT, EXTENSION, Guest
from selftests.collect.test_linux import LIB, serve
from selftests.security.watch import needs_strace

SECRET = "Pl4nted"
"""In every planted secret; a number behind it tells which one came out."""

OTHER = "Microsoft.Azure.Extensions.CustomScript-2.1.10"
UNIT = "/etc/systemd/system/walinuxagent.service"


def plant(guest: Guest) -> int:
    """Secrets wherever a VM keeps some, beside or in what the collector reads. Returns their number."""
    count = 0

    def secret() -> str:
        nonlocal count
        count += 1
        return f"{SECRET}{count}x"

    guest.program("/usr/sbin/waagent", AGENT)
    guest.file("/etc/waagent.conf", f"HttpProxy.Host=joe:{secret()}@127.0.0.1\nHttpProxy.Port=3128\nX=https://h/?sig={secret()}\n")
    guest.file("/etc/environment", f"https_proxy=http://joe:{secret()}@127.0.0.1:3128\nAZURE_CLIENT_SECRET={secret()}\n")
    guest.file(UNIT, f"[Service]\nEnvironment=http_proxy=http://j:{secret()}@h TOKEN={secret()}\nEnvironmentFile=/etc/default/waagent\n")
    guest.file("/etc/default/waagent", f"https_proxy=http://j:{secret()}@h:1\nTOKEN={secret()}\n", 0o600)
    guest.file("/etc/init/waagent.conf", f"env TOKEN={secret()}\nrespawn\n")
    guest.folder(LIB, 0o700)
    guest.file(f"{LIB}/ovf-env.xml", f"<x:ProvisionGuestAgent>true</x:ProvisionGuestAgent><AdminPassword>{secret()}</AdminPassword>", 0o600)
    guest.file(f"{LIB}/AB12.prv", secret(), 0o600)
    guest.file(f"{LIB}/TransportPrivate.pem", secret(), 0o600)
    guest.file(f"{LIB}/SharedConfig.xml", f'<Deployment name="d" guid="x"/><Key value="{secret()}"/>')
    goal_state = f"<Plugin>https://store.blob.core.windows.net/s?sig={secret()}</Plugin>"
    guest.file(f"{LIB}/history/2026/ExtensionsConfig.1.xml", goal_state)
    for name in (EXTENSION, OTHER):
        guest.file(f"{LIB}/{name}/HandlerManifest.json", "[]")
        guest.file(f"{LIB}/{name}/config/HandlerState", "Enabled")
        protected = {"protectedSettingsCertThumbprint": "AB12", "protectedSettings": secret(), "publicSettings": {"k": secret()}}
        settings = {"runtimeSettings": [{"handlerSettings": protected}]}
        guest.file(f"{LIB}/{name}/config/7.settings", json.dumps(settings, indent=1), 0o600)
        status = {"name": name, "status": "Ready", "message": f"from https://h/c?sv=1&sig={secret()}&se=2"}
        guest.file(f"{LIB}/{name}/config/HandlerStatus", json.dumps(status))
    guest.file(f"{LIB}/{OTHER}/status/7.status", json.dumps([{"status": {"formattedMessage": {"message": f"stdout: {secret()}"}}}]))
    guest.file(f"{LIB}/{EXTENSION}/status/7.status", json.dumps([{"status": {"code": 1, "message": f"x?sig={secret()}"}}]))
    log = f"hostStatusCodePreSnapshot=200 https://h/?sig={secret()}&x\nsnapshot uri https://h/?sig={secret()}\n"
    guest.file("/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/extension.log", log)
    guest.file("/var/log/waagent.log", secret())
    parameters = {"preScriptLocation": "/etc/pre.sh", "preScriptParams": ["-p", secret()], "postScriptLocation": "/etc/pre.sh"}
    guest.file("/etc/azure/VMSnapshotScriptPluginConfig.json", json.dumps(parameters), 0o600)
    guest.file("/etc/pre.sh", secret(), 0o700)
    guest.file("/etc/network/interfaces", f"iface wlan0 inet dhcp\n  wpa-psk {secret()}\n")
    guest.file("/etc/sysconfig/network-scripts/ifcfg-wlan0", f"DEVICE=wlan0\nKEY={secret()}\n")
    guest.file("/etc/netplan/wifi.yaml", f"password: {secret()}\n", 0o600)
    guest.file("/etc/systemd/network/99-x.network", f"[Network]\nDHCP=yes\n[Bridge]\nPassword={secret()}\n")
    return count


SETUP = f"""
mkdir -p layers/root/run/systemd/system layers/root/run/systemd/netif/links
echo NETWORK_FILE=/etc/systemd/network/99-x.network > layers/root/run/systemd/netif/links/1
ip route add default dev lo
bash -c 'exec -a "$0" sleep 50' '/opt/veeam/veeamservice --password {SECRET}p' < /dev/null > /dev/null 2>&1 & echo $! >> daemons
"""
SYSTEMCTL = f"""\
case "$*" in
  *Environment,EnvironmentFiles*) echo 'Environment=http_proxy=http://j:{SECRET}s@h TOKEN={SECRET}t'
    echo 'EnvironmentFiles=/etc/default/waagent (ignore_errors=yes)' ;;
  *show*) echo LoadState=loaded ;;
  *) echo enabled ;;
esac
"""


@pytest.mark.parametrize("timeout", ["coreutils", "none"])
def test_what_is_planted_on_a_vm_stays_there(tmp_path: Path, timeout: str) -> None:
    needs_strace()
    guest = Guest(tmp_path)
    assert plant(guest) > 25
    guest.program("/usr/bin/systemctl", SYSTEMCTL)
    if timeout == "none":
        guest.program("/usr/bin/timeout", "exit 1")
    strace = "strace -f -v -s 1000000 -e trace=execve -e signal=none"
    run = guest.run(setup=serve(3128) + SETUP, wrap=strace, storage_endpoints="store.example")
    assert run.status == 0
    started = [line for line in run.errors.splitlines() if "execve(" in line]
    assert any("curl" in line and "-K" in line for line in started), "the proxy was not asked"
    assert run.values("proxy_connect", "store.example") == {"source": "agent", "code": "407"}
    assert run.section("networkd_network", "/etc/systemd/network/99-x.network").text.strip() == "DHCP=yes"
    assert run.lines("other_backup_processes") == ["veeamservice"]
    assert re.findall(rb".*Pl4nted.*", run.output) == []
    assert [line for line in started if SECRET in line] == []
