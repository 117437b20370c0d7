"""Two real proxies (tinyproxy) on the gateway: one that asks for nothing, one that asks for a password."""

from __future__ import annotations

from pathlib import Path

from lab.addresses import GATEWAY, PASSWORD_PROXY_PORT, PROXY_PORT, WIRESERVER
from lab.fabric.programs import Program, program

USER, PASSWORD = "backup", "lab-only"


class Proxies:
    """Both proxies. They carry CONNECT to port 443 only, and take names from the lab's resolver."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        resolv_conf = directory / "resolv.conf"
        resolv_conf.write_text(f"nameserver {WIRESERVER}\n")
        plain = _start(directory, "proxy", PROXY_PORT, "", resolv_conf)
        asking = _start(directory, "password-proxy", PASSWORD_PROXY_PORT, f"BasicAuth {USER} {PASSWORD}\n", resolv_conf)
        self._programs = [plain, asking]
        plain.wait_for(GATEWAY, PROXY_PORT)
        asking.wait_for(GATEWAY, PASSWORD_PROXY_PORT)

    def stop(self) -> None:
        """End both."""
        for each in self._programs:
            each.stop()


def _start(directory: Path, name: str, port: int, further: str, resolv_conf: Path) -> Program:
    config = directory / f"{name}.conf"
    config.write_text(f"Port {port}\nListen {GATEWAY}\nTimeout 60\nMaxClients 200\nLogLevel Connect\nConnectPort 443\n{further}")
    # In a mount namespace of its own, as the C library reads name servers from nowhere else.
    script = 'mount --bind "$1" /etc/resolv.conf && exec "$2" -d -c "$3"'
    tinyproxy = program("tinyproxy", "tinyproxy-bin")
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(resolv_conf), tinyproxy, str(config)]
    return Program(command, directory / f"{name}.log")
