"""The Linux agent: not installed, not running, not coming back, out of date, or unable to work where it is."""

from __future__ import annotations

from lab.faults import fault
from lab.host import Host
from lab.images.recipe import RECIPES

UNIT = "walinuxagent.service"
DAEMON = "pgrep -f '[w]aagent -daemon'"
WORKER = "pgrep -f '[-]run-exthandlers'"
DAEMON_AGED = f'[ "$(ps -o etimes= -p "$({DAEMON} | head -n 1)")" -gt 65 ]'
DROP_IN = f"/etc/systemd/system/{UNIT}.d"


STORAGE_UNKNOWN = "NET-05 NET-06 NET-12 NET-13"
"""Checks that know no storage host when the agent has left no goal state."""


@fault("LIN-01", undetermined=STORAGE_UNKNOWN)
def agent_purged(host: Host) -> None:
    """the agent was never installed: nothing of it is there"""
    host.run("systemctl stop walinuxagent; dpkg --purge waagent")


@fault("LIN-01", undetermined=STORAGE_UNKNOWN, smoke=True)
def agent_removed(host: Host) -> None:
    """the agent's package was removed; its configuration and state are left"""
    host.run("dpkg --remove waagent")


@fault("LIN-01")
def binary_gone(host: Host) -> None:
    """the agent's package is installed, but its program is gone"""
    host.run("rm /usr/sbin/waagent; systemctl stop walinuxagent")


@fault("LIN-01")
def configuration_gone(host: Host) -> None:
    """the agent's configuration was deleted"""
    host.run("rm /etc/waagent.conf")


@fault("LIN-02")
def unit_stopped(host: Host) -> None:
    """the agent's unit is stopped"""
    host.run("systemctl stop walinuxagent")


@fault("LIN-03")
def unit_disabled(host: Host) -> None:
    """the agent runs, but its unit is disabled"""
    host.run("systemctl disable walinuxagent")


@fault("LIN-02")
def unit_disabled_and_stopped(host: Host) -> None:
    """the agent's unit is disabled and stopped, as after a reboot"""
    host.run("systemctl disable --now walinuxagent")


@fault("LIN-02", smoke=True)
def unit_masked(host: Host) -> None:
    """the agent's unit is masked and stopped"""
    host.run("systemctl mask --now walinuxagent")


@fault("LIN-02")
def unit_failed(host: Host) -> None:
    """the agent was killed, and nothing restarts it: as Debian's own unit is"""
    host.run(f"rm {DROP_IN}/restart.conf; systemctl daemon-reload; systemctl kill -s KILL walinuxagent")
    host.until("systemctl is-failed walinuxagent")


def _remove_the_condition(host: Host) -> None:
    host.run(f"rm {DROP_IN}/zz.conf; systemctl daemon-reload; systemctl restart walinuxagent")


@fault("LIN-02", repair=_remove_the_condition, repaired_by="administrator")
def condition_not_met(host: Host) -> None:
    """systemd does not start the agent's unit, because a condition of it is not met"""
    host.run(f"printf '[Unit]\\nConditionPathExists=/etc/waagent.ready\\n' >{DROP_IN}/zz.conf; systemctl daemon-reload")
    host.run("systemctl restart walinuxagent")


@fault("LIN-02", spoils=True)
def killed_while_unit_active(host: Host) -> None:
    """the agent's processes were killed, and systemd still calls the unit active, as it does with an init script's"""
    lines = "[Service]\\nType=forking\\nRemainAfterExit=yes\\nGuessMainPID=no\\nExecStart=\\n"
    lines += 'ExecStart=/bin/sh -c "/usr/sbin/waagent -daemon &"\\n'
    host.run(f"printf '{lines}' >{DROP_IN}/init-script.conf; systemctl daemon-reload; systemctl restart walinuxagent")
    host.until(WORKER)
    host.run("systemctl kill -s KILL walinuxagent")
    host.until("systemctl show -p SubState walinuxagent | grep -qx SubState=exited")


@fault("LIN-02", smoke=True)
def worker_frozen(host: Host) -> None:
    """the worker is stopped by a signal"""
    host.run(f"kill -STOP $({WORKER})")


@fault("LIN-02")
def worker_cannot_start(host: Host) -> None:
    """a file of the agent's is damaged, so that its worker ends at once; the daemon starts it anew every second"""
    host.run("echo 'import what_does_not_exist' >>/usr/lib/python3/dist-packages/azurelinuxagent/ga/update.py")
    host.run(f"kill $({WORKER})")
    host.until(DAEMON_AGED)


@fault("LIN-02")
def unit_frozen(host: Host) -> None:
    """the agent's unit is frozen (systemctl freeze): systemd calls it active"""
    host.run("systemctl freeze walinuxagent")


@fault("LIN-02")
def not_provisioned(host: Host) -> None:
    """the daemon waits for a provisioning that never comes: installed on a VM that was made without agent"""
    host.run("rm /var/lib/waagent/provisioned; systemctl restart walinuxagent")
    host.until(DAEMON_AGED)


@fault("LIN-09", smoke=True)
def switched_off(host: Host) -> None:
    """the kill switch disable_agent is there: the daemon sleeps for ever"""
    host.run("touch /var/lib/waagent/disable_agent; systemctl restart walinuxagent")


INSTALL = "apt-get -qq update; apt-get install -y --allow-downgrades -o Dpkg::Options::=--force-confold"


def _new_agent(host: Host) -> None:
    host.run(f"{INSTALL} waagent; systemctl restart walinuxagent")
    host.until("waagent -version | grep -q 'agent: 2.7'")


@fault("LIN-05", image="debian-11", prepare=_new_agent)
def agent_too_old(host: Host) -> None:
    """the agent is 2.2.47, which Debian 11 has"""
    host.run(f"{INSTALL} waagent=2.2.47-2; systemctl restart walinuxagent")
    host.until(WORKER)


@fault(advice="LIN-04")
def no_restart_policy(host: Host) -> None:
    """the agent's unit is Debian's own, which has no Restart="""
    host.run(f"rm {DROP_IN}/restart.conf; systemctl daemon-reload")


@fault(advice="LIN-06")
def no_automatic_update(host: Host) -> None:
    """the agent does not update itself, as Debian ships it"""
    host.run("sed -i 's/^AutoUpdate.Enabled=.*/AutoUpdate.Enabled=n/' /etc/waagent.conf")


@fault(advice="LIN-13", hides="LIN-11 LIN-24", spoils=True)
def log_directory_gone(host: Host) -> None:
    """/var/log/azure was deleted before the first backup: the agent makes it anew only when it has an extension to report on"""
    host.change(handlers=[])
    uploads = host.uploads
    host.wait_for(lambda: host.uploads > uploads + 1, "the agent has worked off a goal state without extension")
    host.run("rm -r /var/log/azure")


@fault(advice="LIN-25")
def goal_states_piled_up(host: Host) -> None:
    """more than 200 goal state files of old agents are left in /var/lib/waagent"""
    host.run("cd /var/lib/waagent && for i in $(seq 1000 1210); do : >GoalState.$i.xml; done")


@fault("LIN-19", spoils=True)
def state_directory_noexec(host: Host) -> None:
    """/var/lib/waagent is mounted noexec"""
    _move_state(host, "")
    host.run("mount -o remount,noexec /var/lib/waagent")


@fault("LIN-19", spoils=True)
def state_directory_read_only(host: Host) -> None:
    """/var/lib/waagent is on a file system that was made read-only"""
    _move_state(host, "")
    host.run("mount -o remount,ro /var/lib/waagent")


def _move_state(host: Host, options: str) -> None:
    """Put the agent's state on a file system of its own."""
    host.run(
        "systemctl stop walinuxagent && cp -a /var/lib/waagent /run/state && mkdir -p /var/lib/waagent && "
        f"mount -t tmpfs -o mode=700{options} state /var/lib/waagent && cp -a /run/state/. /var/lib/waagent && systemctl start walinuxagent"
    )
    host.wait_until_ready()


def _remove_the_filling(host: Host) -> None:
    host.run("rm -r /var/lib/waagent/filling")


@fault("LIN-19", repair=_remove_the_filling, repaired_by="administrator", spoils=True)
def state_directory_full(host: Host) -> None:
    """the file system of /var/lib/waagent is full"""
    _move_state(host, ",size=600m")
    host.try_("mkdir /var/lib/waagent/filling && dd if=/dev/zero of=/var/lib/waagent/filling/zero bs=1M")


@fault("LIN-19", repair=_remove_the_filling, repaired_by="administrator", spoils=True)
def state_directory_out_of_inodes(host: Host) -> None:
    """the file system of /var/lib/waagent has no inode left"""
    _move_state(host, ",nr_inodes=2000")
    host.try_("mkdir /var/lib/waagent/filling && cd /var/lib/waagent/filling && i=0; while : >$i; do i=$((i + 1)); done")


@fault(advice="CP-10", repair=lambda host: host.run("rm /var/lib/waagent/ovf-env.xml"))
def extension_operations_forbidden(host: Host) -> None:
    """the VM was made with ProvisionGuestAgent=false"""
    host.run("echo '<wa:ProvisionGuestAgent>false</wa:ProvisionGuestAgent>' >/var/lib/waagent/ovf-env.xml")


@fault(advice="CP-06", hides="DSK-03", repair=lambda host: host.change(classic=False))
def classic_vm(host: Host) -> None:
    """the VM is a classic one: its instance metadata has no compute part"""
    host.change(classic=True)


LOOKALIKES = {
    "rhel-like": "rpm --erase WALinuxAgent",
    "suse-like": "rpm --erase python-azure-agent",
    "ubuntu-like": "dpkg --remove walinuxagent",
    "azurelinux-like": "rpm --erase WALinuxAgent",
}
"""Image → how its agent is removed."""


def _on_another_distribution(image: str, remove: str) -> None:
    def stop(host: Host) -> None:
        host.run(f"systemctl stop {RECIPES[image].unit}")

    def erase(host: Host) -> None:
        host.run(f"systemctl stop {RECIPES[image].unit}; {remove}")

    stop.__doc__ = f"the agent's unit is stopped ({image})"
    erase.__doc__ = f"the agent's package was removed ({image})"
    fault("LIN-02", image=image, name=f"unit-stopped-{image}")(stop)
    fault("LIN-01", image=image, name=f"agent-removed-{image}")(erase)


for _image, _remove in LOOKALIKES.items():
    _on_another_distribution(_image, _remove)


@fault("LIN-02", image="debian-11", prepare=_new_agent)
def unit_stopped_debian_11(host: Host) -> None:
    """the agent's unit is stopped (debian-11)"""
    unit_stopped(host)


@fault("LIN-02", image="debian-13")
def unit_stopped_debian_13(host: Host) -> None:
    """the agent's unit is stopped (debian-13)"""
    unit_stopped(host)
