"""The agent: LIN-01 to LIN-10, LIN-13, LIN-19, LIN-25."""

from __future__ import annotations

from selftests.checks.case import ADVICE, FAIL, NOT_APPLICABLE, PASS, UNDETERMINED, Case
from selftests.recordings import (
    ABSENT,
    CONF,
    DENIED,
    EXTENSION,
    UNIT,
    UNSUPPORTED,
    Changes,
    edited,
    error,
    http,
    kv,
    replaced,
    text,
    unit,
)

PURGED: Changes = {
    "agent_binary": ABSENT,
    "agent_packages": "dpkg\twaagent\tnot-installed\t",
    "agent_binary_owner": ABSENT,
    "agent_version": ABSENT,
    ("agent_conf", CONF): ABSENT,
    "processes": "",
    ("unit", UNIT): kv(LoadState="not-found", ActiveState="inactive", SubState="dead"),
    ("unit_enabled", UNIT): ABSENT,
    ("unit_file", "/lib/systemd/system/walinuxagent.service"): None,
    ("unit_file", "/etc/systemd/system/walinuxagent.service.d/restart.conf"): None,
}
"""`apt-get purge waagent` leaves the extensions and the agent's directory behind."""

IMAGE: Changes = {"run": edited("run", image="yes", systemd="no")}
DEBIAN_DEFAULT = replaced("agent_conf", "AutoUpdate.Enabled=y", "AutoUpdate.Enabled=n", CONF)
PYTHON_313 = kv(path="/usr/bin/python3", version="3.13.5", imp="no", distutils="no", crypt="no")
DAEMON = "641\t1\tS\t1200\t/usr/bin/python3 -u /usr/sbin/waagent -daemon"
SYSV: Changes = {
    **PURGED,
    "agent_binary": "/usr/sbin/waagent\tyes",
    ("agent_conf", CONF): "",
    "sysv_links": "/etc/rc2.d/S01waagent",
    "processes": text("processes"),
}


def _daemon(age: float) -> str:
    return _process(age, 641, 1, "/usr/bin/python3 -u /usr/sbin/waagent -daemon")


def _worker(age: float, pid: int = 902, version: str = "2.12.0.2") -> str:
    """``age`` in seconds at the first look; it is below zero when the worker was started later."""
    return _process(age, pid, 641, f"python3 -u bin/WALinuxAgent-{version}-py3.9.egg -run-exthandlers")


def _process(age: float, pid: int, parent: int, command: str) -> str:
    return f"{pid}\t{parent}\tS\t{8_640_052 - round(age * 100)}\t{command}"


def _looks(first: str, *later: str) -> Changes:
    """The agent's processes at the first look, and at others, each a second later."""
    return {"processes": first, **{("later_processes", f"{86_400.52 + number:.2f}"): look for number, look in enumerate(later, 1)}}


def _conf(line: str) -> Changes:
    return {("agent_conf", CONF): line}


CASES = [
    Case("LIN-01", PASS),
    Case("LIN-01", FAIL, PURGED, "no package of the agent is installed"),
    Case("LIN-01", FAIL, {"agent_binary": "/usr/sbin/waagent\tno"}, "its program is gone"),
    Case("LIN-01", FAIL, {("agent_conf", CONF): ABSENT}, "no waagent.conf"),
    Case("LIN-01", ADVICE, {"agent_binary_owner": ABSENT}, "belongs to no package"),
    Case("LIN-01", UNDETERMINED, {"agent_binary": error("find: Input/output error")}, "Input/output error"),
    Case("LIN-01", UNDETERMINED, {("agent_conf", CONF): None}, "older collector"),
    Case("LIN-02", PASS),
    Case("LIN-02", FAIL, {"processes": "", **unit(ActiveState="failed", SubState="failed", Result="exit-code")}, "result exit-code"),
    Case("LIN-02", FAIL, {"processes": DAEMON}, "without a worker"),
    Case("LIN-02", FAIL, {"processes": DAEMON, "provisioned": ABSENT}, "there is no /var/lib/waagent/provisioned"),
    Case("LIN-02", FAIL, {"processes": DAEMON, "provisioned": DENIED}, "without a worker (`"),
    Case("LIN-02", NOT_APPLICABLE, {"processes": DAEMON, ("http", "wireserver"): error("refused")}, "see NET-01"),
    Case("LIN-02", FAIL, unit(FreezerState="frozen"), f"{UNIT} is frozen"),
    Case("LIN-02", FAIL, {"processes": "", **unit(LoadState="masked", ActiveState="inactive")}, f"{UNIT} is masked"),
    Case("LIN-02", FAIL, {"processes": "", **unit(ActiveState="inactive", ConditionResult="no")}, "condition of the unit was not met"),
    Case(
        "LIN-02", FAIL, {"processes": DAEMON.replace("\tS\t", "\tT\t") + "\n902\t641\tS\t1900\tpython3 x.egg -run-exthandlers"}, "state T"
    ),
    Case("LIN-02", FAIL, {"processes": "", ("unit_enabled", UNIT): UNSUPPORTED}, "no process"),
    Case("LIN-02", UNDETERMINED, {"processes": DENIED}, "denied"),
    Case("LIN-02", UNDETERMINED, {"uptime": kv(uptime="soon", ticks=100, boot_time=1)}, "the uptime cannot be read"),
    Case("LIN-02", NOT_APPLICABLE, IMAGE, "not booted"),
    Case("LIN-02", NOT_APPLICABLE, PURGED, "LIN-01"),
    Case("LIN-02", PASS, {"processes": f"{_daemon(30)}\n{_worker(27)}"}),
    Case("LIN-02", PASS, _looks(*[f"{_daemon(4)}\n{_worker(2)}"] * 2)),
    Case("LIN-02", PASS, {"processes": f"{_daemon(9000)}\n{_worker(90)}"}),
    Case(
        "LIN-02",
        FAIL,
        _looks(DAEMON, *(f"{DAEMON}\n{_worker(-look, 900 + look)}" for look in (1, 2, 3))),
        "ended 0 s after its start, while we looked",
    ),
    Case(
        "LIN-02",
        FAIL,
        _looks(f"{DAEMON}\n{_worker(0)}", DAEMON, DAEMON, f"{DAEMON}\n{_worker(-3, 999)}"),
        "process 902 `python3 -u bin/WALinuxAgent-2.12.0.2-py3.9.egg -run-exthandlers` ended",
    ),
    Case(
        "LIN-02",
        FAIL,
        _looks(f"{_daemon(20)}\n{_worker(0)}", f"{_daemon(20)}\n{_worker(-1, 999)}"),
        "process 902 `python3 -u bin/WALinuxAgent-2.12.0.2-py3.9.egg -run-exthandlers` ended",
    ),
    Case("LIN-02", FAIL, _looks(DAEMON, DAEMON, DAEMON, f"{DAEMON}\n{_worker(-3)}"), "without a worker"),
    Case("LIN-02", FAIL, _looks(f"{DAEMON}\n{_worker(2)}", f"{DAEMON}\n{_worker(2)}", DAEMON), "ended 3 s after its start"),
    Case("LIN-02", FAIL, _looks(DAEMON, ""), "no process"),
    Case("LIN-02", UNDETERMINED, {"processes": f"{DAEMON}\n{_worker(20)}"}, "it is 20 s old, the daemon 86389 s"),
    Case("LIN-02", UNDETERMINED, {"processes": f"{_daemon(30)}\n{_worker(1)}"}, "it is 1 s old"),
    Case("LIN-02", UNDETERMINED, {"processes": _daemon(30)}, "the daemon started 30 s ago"),
    Case("LIN-02", UNDETERMINED, _looks(f"{DAEMON}\n{_worker(1)}", f"{DAEMON}\n{_worker(-1, 999, '2.13.1.1')}"), "it is 0 s old"),
    Case(
        "LIN-02",
        NOT_APPLICABLE,
        {**_looks(f"{DAEMON}\n{_worker(2)}", DAEMON), ("http", "wireserver"): http(200, "<html>")},
        "see NET-01",
    ),
    Case("LIN-02", NOT_APPLICABLE, {"processes": f"{DAEMON}\n{_worker(4)}", ("http", "wireserver"): error("refused")}, "see NET-01"),
    Case("LIN-02", PASS, {("http", "wireserver"): error("refused")}),
    Case("LIN-02", NOT_APPLICABLE, {"processes": _daemon(30), ("http", "wireserver"): error("refused")}, "see NET-01"),
    Case("LIN-03", PASS),
    Case("LIN-03", PASS, SYSV),
    Case("LIN-03", FAIL, {("unit_enabled", UNIT): "disabled"}, f"{UNIT} is disabled"),
    Case("LIN-03", FAIL, {("unit_enabled", UNIT): "masked"}, f"{UNIT} is masked"),
    Case("LIN-03", FAIL, {**SYSV, "sysv_links": ""}, "neither a unit"),
    Case("LIN-03", UNDETERMINED, {("unit_enabled", UNIT): UNSUPPORTED}, "unsupported"),
    Case("LIN-03", NOT_APPLICABLE, PURGED, "LIN-01"),
    Case("LIN-04", PASS),
    Case("LIN-04", ADVICE, unit(Restart="no"), "Restart=no"),
    Case("LIN-04", UNDETERMINED, SYSV, "neither a systemd unit nor an upstart job"),
    Case("LIN-04", NOT_APPLICABLE, PURGED, "LIN-01"),
    Case("LIN-05", PASS),
    Case("LIN-05", FAIL, {"agent_version": "WALinuxAgent-2.2.45 running on debian 10\nPython: 3.7.3\nGoal state agent: 2.2.45"}, "2.2.45"),
    Case("LIN-05", PASS, {"agent_version": "WALinuxAgent-2.2.45 running on debian 10"}, edition="2017"),
    Case("LIN-05", FAIL, {"agent_version": "WALinuxAgent-2.0.16 running on debian 8"}, "wanted 2.1.7", edition="2017"),
    Case("LIN-05", UNDETERMINED, {"agent_version": "Traceback (most recent call last):"}, "waagent -version"),
    Case("LIN-05", NOT_APPLICABLE, PURGED, "LIN-01"),
    Case("LIN-06", PASS),
    Case("LIN-06", PASS, _conf("AutoUpdate.Enabled=n\nAutoUpdate.UpdateToLatestVersion=y")),
    Case("LIN-06", ADVICE, _conf(DEBIAN_DEFAULT), "AutoUpdate.Enabled=n"),
    Case("LIN-06", ADVICE, _conf("AutoUpdate.UpdateToLatestVersion=n"), "UpdateToLatestVersion=n"),
    Case("LIN-06", UNDETERMINED, {("agent_conf", CONF): DENIED}, "denied"),
    Case("LIN-06", NOT_APPLICABLE, edition="2017", says="not a rule"),
    Case("LIN-07", PASS),
    Case("LIN-07", FAIL, _conf("Extensions.Enabled=n"), "Extensions.Enabled=n"),
    Case("LIN-07", UNDETERMINED, {("agent_conf", CONF): DENIED}, "denied"),
    Case("LIN-07", NOT_APPLICABLE, PURGED, "LIN-01"),
    Case("LIN-08", PASS),
    Case("LIN-08", ADVICE, _conf("Provisioning.Agent=disabled"), "Provisioning.Agent=disabled"),
    Case("LIN-08", UNDETERMINED, {("agent_conf", CONF): DENIED}, "denied"),
    Case("LIN-08", NOT_APPLICABLE, edition="2017"),
    Case("LIN-09", PASS),
    Case("LIN-09", FAIL, {"disable_agent": ""}, "sleeps for ever"),
    Case("LIN-09", UNDETERMINED, {"disable_agent": DENIED}, "denied"),
    Case("LIN-09", NOT_APPLICABLE, PURGED),
    Case("LIN-10", PASS),
    Case("LIN-10", PASS, {"python": PYTHON_313}),
    Case(
        "LIN-10",
        FAIL,
        {
            "python": PYTHON_313,
            "snapshot_imports": f"{EXTENSION}\tmain/Utils/WAAgentUtil.py\timport imp\n{EXTENSION}\tmain/x.py\timport crypt",
        },
        "imports crypt, imp",
    ),
    Case("LIN-10", FAIL, {"python": ABSENT}, "no Python"),
    Case("LIN-10", FAIL, {"python": kv(path="/usr/bin/python2", version="2.4.3", imp="yes", distutils="yes", crypt="yes")}, "2.4.3"),
    Case("LIN-10", ADVICE, {"python": PYTHON_313, "extensions": ""}, "not installed yet"),
    Case("LIN-10", UNDETERMINED, {"python": error("it hangs")}, "hangs"),
    Case("LIN-10", NOT_APPLICABLE, edition="2017"),
    Case("LIN-13", PASS),
    Case("LIN-13", ADVICE, {"agent_log": ABSENT}, "/var/log/waagent.log"),
    Case("LIN-13", ADVICE, {"azure_log_dir": ABSENT}, "/var/log/azure"),
    Case("LIN-13", ADVICE, {"lib_dir": kv(mode="700", xml=0, stale_xml=0)}, "never received a goal state"),
    Case("LIN-13", UNDETERMINED, {"lib_dir": DENIED}, "denied"),
    Case("LIN-13", NOT_APPLICABLE, IMAGE),
    Case("LIN-19", PASS),
    Case("LIN-19", FAIL, {"mounts": replaced("mounts", "- ext4 /dev/sda1 rw,discard", "- ext4 /dev/sda1 ro")}, "/ is mounted ro"),
    Case("LIN-19", FAIL, {"mounts": replaced("mounts", "/ / rw,relatime", "/ / rw,noexec")}, "/ is mounted noexec"),
    Case("LIN-19", FAIL, {"lib_dir_space": edited("lib_dir_space", free_kib=102_400)}, "100 MB free on /"),
    Case("LIN-19", FAIL, {"lib_dir_space": edited("lib_dir_space", inodes_free=0)}, "0 inodes free on /"),
    Case("LIN-19", FAIL, {"lib_dir_space": edited("lib_dir_space", inodes_free=3)}, "3 inodes free on /, wanted 100"),
    Case("LIN-19", PASS, {"lib_dir_space": edited("lib_dir_space", inodes=0, inodes_free=0)}),
    Case("LIN-19", ADVICE, {"selinux": "enforcing"}, "SELinux is enforcing"),
    Case("LIN-19", UNDETERMINED, {"lib_dir_space": DENIED}, "denied"),
    Case("LIN-19", UNDETERMINED, {"lib_dir_space": kv(mount="/")}, "free space"),
    Case("LIN-19", NOT_APPLICABLE, PURGED),
    Case("LIN-25", PASS),
    Case("LIN-25", ADVICE, {"lib_dir": edited("lib_dir", stale_xml=4711)}, "4711 files /var/lib/waagent"),
    Case("LIN-25", UNDETERMINED, {"lib_dir": DENIED}, "denied"),
    Case("LIN-25", NOT_APPLICABLE, edition="2017"),
]
