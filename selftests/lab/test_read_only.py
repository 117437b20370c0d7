"""Reading changes nothing on a real guest: its files, its processes, what is opened for writing; and the least rights are enough."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_preflight.collect.script import RESTRICTED_COLLECTOR, CollectorRun, collector_text
from backup_preflight.recording import parse
from backup_preflight.verdict import Verdict
from lab import suite
from lab.client import RunningLab
from lab.host import Host
from selftests.sshd import missing

LOGIN = (
    *(r"/var/log/(wtmp|btmp|lastlog|faillog|auth\.log|syslog|messages|user\.log|daemon\.log)", r"/(var|run)/log/journal(/.*)?"),
    *(r"/run/(utmp|user|motd.*|sudo)(/.*)?", r"/run/systemd/(sessions|users|inhibit|journal|transient|units|seats)(/.*)?"),
    *(r"/var/lib/(systemd/(linger|timers)|sudo)(/.*)?", r"/run/systemd/(ask-password|generator.*|show-status).*"),
)
"""What a login writes about itself, whoever logs in and whatever is run then: records of logins, the journal, systemd's session."""

_WRITES = "creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,mknod,mknodat,chmod,fchmod"
_WRITES += ",fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,utime,utimensat,setxattr,removexattr,mount,umount2,init_module"
_WRITES += ",finit_module,settimeofday,clock_settime,sethostname,swapon,reboot"
_OPENED = re.compile(r"(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)")
_HARMLESS = re.compile(r'"/dev/(null|tty|pts/\d+|ptmx|zero)"')


@pytest.fixture(scope="module")
def host(lab: RunningLab) -> Iterator[Host]:
    """A healthy guest whose agent is halted: it writes all the time. The last of the tests changes it."""
    lab.lab.start("untouched")
    try:
        found = Host(lab.lab, "untouched")
        found.wait_until_ready()
        found.run("systemctl stop apt-daily.timer apt-daily-upgrade.timer logrotate.timer man-db.timer fstrim.timer; true")
        found.run("pkill -STOP -f '[w]aagent -daemon|[r]un-exthandlers'")
        yield found
    finally:
        lab.lab.stop("untouched")


def files(host: Host) -> dict[str, str]:
    """Every file of the guest, on disk and in memory → kind, mode, owner, size, time of the last change to content or inode."""
    listing = host.run(r"find / /run /tmp /dev/shm -xdev -printf '%y %m %U %G %s %T@ %C@\t%p\n' 2>/dev/null | sort -u; true")
    return {path: state for state, _, path in (line.partition("\t") for line in listing.splitlines()) if _counts(path, state)}


def _counts(path: str, state: str) -> bool:
    """Not the lab's own file system below /run, nor the directories whose only change is that of a login's file in them."""
    return (
        not any(re.fullmatch(pattern, path) for pattern in LOGIN)
        and path not in {"/run", "/run/host-proc"}
        and not (state[0] == "s" and "notify" in path)
    )


def processes(host: Host) -> set[str]:
    """Command lines, but those of the session of whoever asks, and of systemd's manager for a user, which stays a while."""
    lines = host.run("ps -eo args --no-headers").splitlines()
    return {line for line in lines if not re.match(r"(\[|ps |/bin/sh -c|\(sd-pam\)|/lib/systemd/systemd --user|sshd:)", line)}


def server_pid(lab: RunningLab) -> int:
    """Process id, as this machine counts, of the sshd of the lab's only guest: the first below the lab's own process."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and (entry / "comm").read_text().strip() == "sshd" and lab.pid in ancestors(int(entry.name)):
                found.append(int(entry.name))
    return min(found)


def ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


def test_nothing_is_changed(lab: RunningLab, host: Host, tmp_path: Path) -> None:
    suite.read(lab, ["untouched"], record=tmp_path / "first")  # what a first login makes is there then
    files_before, processes_before = files(host), processes(host)
    results = suite.read(lab, ["untouched"], record=tmp_path / "second")["untouched"]
    assert not [result for result in results.values() if result.verdict == Verdict.UNREACHABLE.value]
    files_after = files(host)
    changed = {path for path in files_before.keys() | files_after.keys() if files_before.get(path) != files_after.get(path)}
    assert changed == set()
    assert processes(host) - processes_before == set()


def test_nothing_is_opened_for_writing(lab: RunningLab, host: Host, tmp_path: Path) -> None:
    """Every call of the collector that could change a file or the system, succeed or not."""
    if shutil.which("strace") is None:
        missing("strace is missing: apt-get install strace")
    assert host.run("hostname") == "untouched"
    trace = tmp_path / "trace"
    watch = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-s",
        "300",
        "-e",
        f"trace=openat,open,{_WRITES}",
        "-e",
        "signal=none",
        "-o",
        str(trace),
    ]
    inside = [
        "nsenter",
        "--target",
        str(server_pid(lab)),
        "--all",
        "--wdns=/",
        "env",
        "-i",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "sh",
        "-s",
    ]
    run = CollectorRun()
    done = subprocess.run([*watch, *inside, "sh", "-s"], input=run.stdin, capture_output=True, check=False)
    assert len(parse(done.stdout, run.nonce).sections) > 60
    calls = trace.read_text(errors="replace").splitlines()
    assert len(calls) > 1000, "the collector was not seen"
    assert [call for call in calls if _could_change(call)] == []


def _could_change(line: str) -> bool:
    call = line.partition(" ")[2].strip()
    if "resumed>" in call or not call[:1].isalpha() or _HARMLESS.search(call):
        return False
    return bool(_OPENED.search(call)) if call.startswith("open") else True


def test_a_rule_for_the_collector_alone_sees_everything(lab: RunningLab, host: Host, tmp_path: Path) -> None:
    """The account ``plain`` may not use sudo but for this one file, in this version."""
    digest = hashlib.sha256(collector_text().encode()).hexdigest()
    (tmp_path / "linux.sh").write_text(collector_text())
    host.run(f"cat >{RESTRICTED_COLLECTOR} <<'END_OF_COLLECTOR'\n{collector_text()}END_OF_COLLECTOR\nchmod 755 {RESTRICTED_COLLECTOR}")
    host.run(f"echo 'plain ALL=(root) NOPASSWD: sha256:{digest} {RESTRICTED_COLLECTOR} -' >/etc/sudoers.d/preflight")
    assert host.try_("sudo -n id", "plain").code != 0
    results = suite.read(lab, ["untouched"], user="plain", record=tmp_path / "allowed")["untouched"]
    assert not [result.check for result in results.values() if result.verdict == Verdict.UNDETERMINED.value]
    host.run(f"echo '# changed' >>{RESTRICTED_COLLECTOR}")
    results = suite.read(lab, ["untouched"], user="plain", record=tmp_path / "changed")["untouched"]
    assert results["LIN-18"].verdict == Verdict.UNDETERMINED.value
    assert "sudo was refused" in results["LIN-18"].remedy
