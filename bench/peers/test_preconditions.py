"""The preconditions with pytest-testinfra's own modules, as its users write them."""

from __future__ import annotations

from typing import Any

import pytest

LIB = "/var/lib/waagent"


def test_agent_is_installed(host: Any) -> None:
    assert host.package("waagent").is_installed or host.package("walinuxagent").is_installed


def test_agent_program(host: Any) -> None:
    assert host.file("/usr/sbin/waagent").exists


def test_agent_configuration(host: Any) -> None:
    assert host.file("/etc/waagent.conf").contains("^Extensions.Enabled=y")


def test_agent_runs(host: Any) -> None:
    assert host.service("walinuxagent").is_running


def test_agent_is_enabled(host: Any) -> None:
    assert host.service("walinuxagent").is_enabled


def test_agent_process(host: Any) -> None:
    assert host.process.filter(comm="waagent")


def test_agent_version(host: Any) -> None:
    assert host.run("waagent -version").rc == 0


def test_python(host: Any) -> None:
    assert host.run("python3 -c 'import crypt'").rc == 0


@pytest.mark.parametrize("tool", ["openssl", "base64", "lsblk", "mount", "umount", "blkid"])
def test_tools(host: Any, tool: str) -> None:
    assert host.exists(tool)


@pytest.mark.parametrize("name", ["provisioned", "WireServerEndpoint", "SharedConfig.xml", "disable_agent"])
def test_state_of_the_agent(host: Any, name: str) -> None:
    assert host.file(f"{LIB}/{name}").exists


@pytest.mark.parametrize("port", [80, 32526])
def test_wire_server(host: Any, port: int) -> None:
    assert host.addr("168.63.129.16").port(port).is_reachable


def test_metadata_service(host: Any) -> None:
    assert host.run("curl -s -m 5 -H Metadata:true http://169.254.169.254/metadata/instance").rc == 0


def test_route(host: Any) -> None:
    assert host.run("ip route get 168.63.129.16").rc == 0


def test_no_firewall_in_the_way(host: Any) -> None:
    assert "168.63.129.16" not in host.check_output("iptables-save 2>/dev/null || true")


def test_name_is_resolved(host: Any) -> None:
    assert host.addr("localhost").is_resolvable


def test_lease(host: Any) -> None:
    assert host.run("grep -q unknown-245 /var/lib/dhcp/*.leases").rc == 0


def test_root_is_writable(host: Any) -> None:
    assert "rw" in host.mount_point("/").options


def test_space(host: Any) -> None:
    assert int(host.check_output("df -Pk / | awk 'NR==2 {print $4}'")) > 0


def test_no_more_than_32_data_disks(host: Any) -> None:
    assert len(host.check_output("lsblk -dn -o NAME").splitlines()) <= 34


@pytest.mark.parametrize("name", ["vmbackup.conf", "VMSnapshotPluginHost.conf", "VMSnapshotScriptPluginConfig.json"])
def test_script_files(host: Any, name: str) -> None:
    assert not host.file(f"/etc/azure/{name}").exists


def test_load(host: Any) -> None:
    assert float(host.file("/proc/loadavg").content_string.split()[0]) >= 0
