"""What a snapshot needs: an address from the platform, time on the CPU, memory, file systems that freeze, a right clock."""

from __future__ import annotations

from lab.addresses import GATEWAY, WIRESERVER
from lab.fabric.vms import EXTENSION, Handler
from lab.faults import fault
from lab.faults.noinet import open_network
from lab.host import Host

STATUS = f"/var/lib/waagent/{EXTENSION}-*/status"
RENEW = "systemd-run --quiet --collect --wait sh -c 'ifdown --force eth0; rm -f /var/lib/dhcp/*; ifup eth0'"


@fault("LIN-14", smoke=True, spoils=True)
def static_address(host: Host) -> None:
    """the address is set inside the guest"""
    lines = (
        f"auto lo\\niface lo inet loopback\\nauto eth0\\niface eth0 inet static\\n  address {host.vm.address}/16\\n  gateway {GATEWAY}\\n"
    )
    host.run(f"ifdown --force eth0; rm -f /var/lib/dhcp/*; printf '{lines}' >/etc/network/interfaces; ifup eth0")
    host.run(f"echo nameserver {WIRESERVER} >/etc/resolv.conf")


@fault("LIN-14", image="rhel-like", spoils=True)
def static_address_networkmanager(host: Host) -> None:
    """the address is set inside the guest, by NetworkManager"""
    values = f"ipv4.method manual ipv4.addresses {host.vm.address}/16 ipv4.gateway {GATEWAY} ipv4.dns {WIRESERVER}"
    host.run(f"nmcli connection modify 'System eth0' {values} && nmcli connection up 'System eth0'")


@fault("LIN-14", image="ubuntu-like", spoils=True)
def static_address_netplan(host: Host) -> None:
    """the address is set inside the guest, by netplan"""
    routes = f'[{{"to": "default", "via": "{GATEWAY}"}}]'
    host.run("netplan set ethernets.eth0.dhcp4=false && netplan set ethernets.eth0.dhcp4-overrides=null")
    host.run(f"netplan set 'ethernets.eth0.addresses=[{host.vm.address}/16]' && netplan set 'ethernets.eth0.routes={routes}'")
    host.run(f"netplan set 'ethernets.eth0.nameservers.addresses=[{WIRESERVER}]' && netplan apply")


@fault("LIN-14", image="azurelinux-like", spoils=True)
def static_address_networkd(host: Host) -> None:
    """the address is set inside the guest, by systemd-networkd"""
    lines = f"DHCP=no\\nAddress={host.vm.address}/16\\nGateway={GATEWAY}\\nDNS={WIRESERVER}"
    host.run(f"sed -i 's|^DHCP=yes|{lines}|' /etc/systemd/network/99-dhcp-en.network && networkctl reload && networkctl reconfigure eth0")


@fault("LIN-14", image="suse-like", spoils=True)
def static_address_ifcfg(host: Host) -> None:
    """the address is set inside the guest, by an ifcfg file"""
    file = "/etc/sysconfig/network/ifcfg-eth0"
    host.run(f"printf \"BOOTPROTO='static'\\nSTARTMODE='auto'\\nIPADDR='{host.vm.address}/16'\\n\" >{file}")
    host.run(f"echo 'default {GATEWAY} - -' >/etc/sysconfig/network/routes; ifdown eth0; rm -f /var/lib/dhclient/*; ifup eth0")


@fault()
def lease_without_option_245(host: Host) -> None:
    """the lease does not name the fabric's address, but a route to it came along"""
    host.change(option_245=False)
    host.run(RENEW)


def _azures_lease(host: Host) -> None:
    open_network(host)
    host.change(option_245=True, option_121=True)
    host.run(RENEW)


@fault("LIN-15", "NET-01", hides="LIN-02", repair=_azures_lease, repaired_by="network")
def another_dhcp_server(host: Host) -> None:
    """another DHCP server than Azure's answers: no option 245, no route, and the fabric is not there"""
    host.change(option_245=False, option_121=False)
    host.lab.packet_filter(host.name, f"ip daddr {WIRESERVER} tcp dport {{ 80, 32526 }} drop")
    host.run(f"rm -f /var/lib/waagent/WireServerEndpoint; {RENEW}; systemctl restart walinuxagent")


def _lease(host: Host) -> None:
    host.change(dhcp_answers=True)
    host.run(RENEW)


@fault(unreachable=True, repair=_lease, repaired_by="network")
def no_dhcp_server(host: Host) -> None:
    """no DHCP server answers, so that the guest has no address at all"""
    host.change(dhcp_answers=False)
    host.run("ifdown --force eth0; rm -f /var/lib/dhcp/*; systemd-run --quiet --collect ifup eth0")


def _end_the_load(host: Host) -> None:
    host.run("systemctl stop load")


def _on_less_than_a_processor(host: Host) -> None:
    """So that one guest's load is not everybody's. Before anything reads /proc/stat, as lxcfs keeps what it showed."""
    host.lab.limit_cpu(host.name, 0.8)


@fault("LIN-16", prepare=_on_less_than_a_processor, repair=_end_the_load, repaired_by="administrator")
def cpu_exhausted(host: Host) -> None:
    """the CPU is busy above 90 %"""
    host.run("systemd-run --quiet --unit=load sh -c 'while :; do :; done & while :; do :; done'")


@fault("LIN-17", repair=_end_the_load, repaired_by="administrator")
def memory_exhausted(host: Host) -> None:
    """memory is in use above 90 %"""
    code = 'import time; held = bytearray(890 << 20); held[::4096] = b"x" * len(held[::4096]); open("/run/held", "w"); time.sleep(9999)'
    host.run(f"systemd-run --quiet --unit=load python3 -c '{code}'")
    host.until("[ -e /run/held ]")


@fault("LIN-18")
def mounted_twice(host: Host) -> None:
    """a file system is mounted twice at one place"""
    host.run("mount --bind /data /data")


@fault("LIN-18", repair=lambda host: host.run("umount /data && umount /data/disk"), repaired_by="administrator")
def mount_hidden(host: Host) -> None:
    """a mount point cannot be opened, because another file system was mounted above it"""
    host.run("mkdir -p /data/disk && mount --bind /data /data/disk && mount -t tmpfs tmpfs /data")


@fault(advice="LIN-20", hides="LIN-22", repair=lambda host: host.run("systemctl stop freezer"), repaired_by="administrator", spoils=True)
def freeze_lock_held(host: Host) -> None:
    """another program holds the extension's freeze lock"""
    lock = "/etc/azure/MicrosoftRecoverySvcsSafeFreezeLock"
    code = f'import fcntl, time; f = open("{lock}/SafeFreezeLockFile", "w"); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(9999)'
    # Not on the overlay, whose files the kernel's list of locks knows under another device. It hides an earlier fault's scripts.
    host.run("mkdir -p /data/azure /etc/azure && mount --bind /data/azure /etc/azure")
    host.run(f"mkdir -p {lock} && systemd-run --quiet --unit=freezer python3 -c '{code}'")
    host.until(f"grep -q ':'$(stat -c %i {lock}/SafeFreezeLockFile)' ' /proc/locks")


@fault(advice="LIN-20", repair=lambda host: host.run("systemctl stop bacula"), repaired_by="administrator")
def another_backup_product(host: Host) -> None:
    """another backup product runs (a stand-in of its name)"""
    host.run("cp /bin/sleep /usr/sbin/bacula-fd && systemd-run --quiet --unit=bacula /usr/sbin/bacula-fd 9999")


def _next_backup(host: Host) -> None:
    """A backup that succeeds; what the portal's Backup now does."""
    host.change(handlers=[Handler()])
    host.wait_until_ready()


def _failed_snapshot(code: int, said: str) -> None:
    def break_(host: Host) -> None:
        host.change(handlers=[Handler(public={"labCode": code, "labMessage": said})])
        host.until(f'grep -q \'"code": *"\\?{code}\\b\' {STATUS}/*.status')

    break_.__doc__ = f"the last snapshot ended with code {code}: {said}"
    fault("LIN-12", repair=_next_backup, name=f"snapshot-code-{code}", smoke=code == 76)(break_)


for _code, _said in {
    15: "error_http_failure",
    76: "FailedRetryableSnapshotFailedNoNetwork",
    121: "FsFreezeFailed",
    402: "FailedGuestAgentInvokedCommandTooLate",
}.items():
    _failed_snapshot(_code, _said)


@fault("LIN-12", repair=_next_backup)
def snapshot_stuck(host: Host) -> None:
    """a snapshot has been under way for four hours"""
    snapshot_under_way(host)
    host.run(f"touch -d '4 hours ago' {STATUS}/*.status")


@fault(advice="CP-11", repair=_next_backup)
def snapshot_under_way(host: Host) -> None:
    """a snapshot is under way"""
    host.change(handlers=[Handler(public={"labCode": 4, "labStatus": "transitioning"})])
    host.until(f'grep -q \'"code": *"\\?4\\b\' {STATUS}/*.status')


@fault(undetermined="LIN-12 CP-11", repair=_next_backup)
def snapshot_status_broken(host: Host) -> None:
    """the extension's status file is no JSON"""
    host.run(f'for file in {STATUS}/*.status; do printf "[{{" >"$file"; done')


@fault("LIN-12")
def agent_hangs(host: Host) -> None:
    """the agent's processes are there, but have done nothing for an hour"""
    group = "/sys/fs/cgroup/system.slice/walinuxagent.service/hung"
    host.run(f"mkdir {group} && for pid in $(pgrep -f '[-]run-exthandlers'); do echo $pid >{group}/cgroup.procs; done")
    host.run(
        f"echo 1 >{group}/cgroup.freeze; touch -d '1 hour ago' /var/log/waagent.log $(find /var/lib/waagent -name 'waagent_status*.json')"
    )


_SETTINGS = "/etc/azure/vmbackup.conf"


def _bad_settings(name: str, lines: str) -> None:
    def break_(host: Host) -> None:
        host.run(f"mkdir -p /etc/azure && printf '{lines}\\n' >{_SETTINGS}")

    break_.__doc__ = f"vmbackup.conf holds {name.replace('-', ' ')}"
    remove = lambda host: host.run(f"rm {_SETTINGS}")  # noqa: E731
    fault("LIN-26", name=f"settings-with-{name}", repair=remove, repaired_by="administrator")(break_)


_bad_settings("garbage", "timeout 90")
_bad_settings("a-timeout-that-is-no-number", "[SnapshotThread]\\ntimeout = abc")
_bad_settings("a-blank-in-its-mounts", "[SnapshotThread]\\nMountsToSkip = /data, /mnt")


@fault("LIN-21", image="machine")
def clock_ahead(host: Host) -> None:
    """the clock is three hours ahead"""
    host.run("date -s '+3 hours'")
