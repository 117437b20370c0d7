"""The extension, the snapshot, the system and the platform: LIN-11, -12, -16 to -30, CP-*."""

from __future__ import annotations

import json

from selftests.checks.case import ADVICE, FAIL, NOT_APPLICABLE, PASS, UNDETERMINED, Case
from selftests.checks.cases_agent import IMAGE, PURGED
from selftests.recordings import (
    ABSENT,
    CLOCK,
    DENIED,
    EXTENSION,
    HOST_CONFIG,
    MOUNTS,
    OTHER,
    SCRIPT_CONFIG,
    STATUS_FILE,
    UNSUPPORTED,
    Changes,
    edited,
    error,
    handler,
    http,
    kv,
    replaced,
    status_file,
)

NOT_INSTALLED: Changes = {"extensions": ""}
RUNNING: Changes = {("snapshot_status", STATUS_FILE): status_file("4", "Snapshot in progress", "transitioning")}
RECENT: Changes = {**RUNNING, "snapshot_status_files": f"{CLOCK - 600}\t612\t{EXTENSION}\t7.status"}
SCRIPTS: Changes = {
    "script_config": json.dumps({"preScriptLocation": "/etc/azure/pre.sh", "postScriptLocation": "/etc/azure/post.sh"}),
    "script_host_conf": "[pre_post]",
    ("file", HOST_CONFIG): kv(owner="root", group="root", mode="644", type="regular file"),
    ("file", SCRIPT_CONFIG): kv(owner="root", group="root", mode="600", type="regular file"),
    ("file", "/etc/azure/pre.sh"): kv(owner="root", group="root", mode="700", type="regular file"),
    ("file", "/etc/azure/post.sh"): kv(owner="root", group="root", mode="700", type="regular file"),
}
VMBACKUP = "[SnapshotThread]\ntimeout = 90\nMountsToSkip=/data,/mnt"
BUSY_CPU = (
    "cpu  1000 0 500 900 0 0 0 0 0 0\ncpu  1190 0 500 905 0 0 0 0 0 0\ncpu  1200 0 500 1000 0 0 0 0 0 0\ncpu  1780 0 500 1010 0 0 0 0 0 0"
)
NO_DATE: Changes = {("http", "wireserver"): error("refused")}


def _date(text: str) -> Changes:
    return {("http", "wireserver"): http(200, "<Versions/>", f"Date: {text}\r\n")}


EXTENSION_CASES = [
    Case("LIN-11", PASS),
    Case(
        "LIN-11",
        FAIL,
        {("extension_state", EXTENSION): "NotInstalled", ("extension_status", EXTENSION): handler("NotReady", 1, "install failed")},
        "NotInstalled",
    ),
    Case("LIN-11", FAIL, {("extension_state", EXTENSION): ABSENT}, "missing"),
    Case(
        "LIN-11", FAIL, {("extension_status", EXTENSION): handler("NotReady", 1, "install failed")}, "is NotReady, code 1: install failed"
    ),
    Case("LIN-11", FAIL, {"snapshot_freeze_tool": f"no\t{EXTENSION}/main/safefreeze/bin/safefreeze"}, "safefreeze"),
    Case("LIN-11", FAIL, {"extensions": "Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.90.0"}, "1.0.91.0 or newer"),
    Case("LIN-11", UNDETERMINED, {"extensions": DENIED}, "denied"),
    Case("LIN-11", UNDETERMINED, {("extension_status", EXTENSION): "{"}, "HandlerStatus"),
    Case("LIN-11", UNDETERMINED, {("extension_status", EXTENSION): ""}, f"HandlerStatus of {EXTENSION} is empty"),
    Case("LIN-11", UNDETERMINED, {("extension_state", EXTENSION): "\n"}, f"HandlerState of {EXTENSION} is empty"),
    Case("LIN-11", NOT_APPLICABLE, NOT_INSTALLED, "not installed yet"),
    Case("LIN-12", PASS),
    Case("LIN-12", PASS, NOT_INSTALLED),
    Case("LIN-12", PASS, RECENT),
    Case("LIN-12", FAIL, {("snapshot_status", STATUS_FILE): status_file(15, "HTTP failure", "success")}, "code 15 (error_http_failure)"),
    Case("LIN-12", FAIL, RUNNING, "under way for 11.1 hours"),
    Case("LIN-12", FAIL, {"agent_log": kv(mtime=CLOCK - 7200, size=1), "agent_status": ""}, "neither log nor status for 120 minutes"),
    Case("LIN-12", UNDETERMINED, {("snapshot_status", STATUS_FILE): DENIED}, "denied"),
    Case("LIN-12", UNDETERMINED, {("snapshot_status", STATUS_FILE): status_file("ok")}, "7.status"),
    Case("LIN-12", NOT_APPLICABLE, PURGED),
    Case("LIN-22", NOT_APPLICABLE),
    Case("LIN-22", PASS, SCRIPTS),
    Case(
        "LIN-22", FAIL, {**SCRIPTS, ("file", "/etc/azure/pre.sh"): kv(owner="root", mode="755", type="regular file")}, "pre.sh has mode 755"
    ),
    Case("LIN-22", FAIL, {**SCRIPTS, ("file", SCRIPT_CONFIG): kv(owner="azureuser", mode="600")}, "belongs to azureuser"),
    Case("LIN-22", FAIL, {**SCRIPTS, ("file", "/etc/azure/post.sh"): ABSENT}, "post.sh (postScriptLocation"),
    Case("LIN-22", FAIL, {**SCRIPTS, "script_host_conf": ABSENT}, "VMSnapshotPluginHost.conf"),
    Case("LIN-22", FAIL, {**SCRIPTS, "script_config": '{"preScriptLocation": }'}, "no valid JSON"),
    Case("LIN-22", UNDETERMINED, {"script_config": DENIED}, "denied"),
    Case("LIN-23", PASS),
    Case("LIN-23", ADVICE, {"tools": replaced("tools", "yes\topenssl", "no\topenssl")}, "missing: openssl"),
    Case("LIN-23", UNDETERMINED, {"tools": error("cannot look")}, "cannot look"),
    Case("LIN-23", NOT_APPLICABLE, edition="2017"),
    Case("LIN-24", PASS),
    Case("LIN-24", ADVICE, {"snapshot_certificates": "ABCDEF0123\tno\tno\tunknown"}, "no .crt and no .prv"),
    Case("LIN-24", ADVICE, {"snapshot_certificates": "ABCDEF0123\tyes\tyes\tno"}, "expired"),
    Case("LIN-24", UNDETERMINED, {"snapshot_certificates": DENIED}, "denied"),
    Case("LIN-24", NOT_APPLICABLE, NOT_INSTALLED),
]

SNAPSHOT_CASES = [
    Case("LIN-16", PASS),
    Case("LIN-16", FAIL, {"cpu": "cpu  1000 0 500 900 0 0 0 0 0 0\ncpu  1190 0 500 905 0 0 0 0 0 0"}, "busy: 97%"),
    Case("LIN-16", ADVICE, {"cpu": BUSY_CPU}, "busy: 97%, 10%, 98%"),
    Case("LIN-16", UNDETERMINED, {"cpu": "cpu  1 0 1 1 0 0 0 0\ncpu  1 0 1 1 0 0 0 0"}, "did not move"),
    Case("LIN-16", NOT_APPLICABLE, IMAGE),
    Case("LIN-17", PASS),
    Case("LIN-17", FAIL, {"meminfo": "MemTotal: 8131340 kB\nMemAvailable: 400000 kB"}, "95% of 7940 MB in use"),
    Case("LIN-17", PASS, {"meminfo": "MemTotal: 8131340 kB\nMemFree: 400000 kB\nBuffers: 10 kB\nCached: 4000000 kB"}),
    Case("LIN-17", UNDETERMINED, {"meminfo": "MemTotal: 8131340 kB"}, "meminfo"),
    Case("LIN-17", NOT_APPLICABLE, IMAGE),
    Case("LIN-18", PASS),
    Case("LIN-18", FAIL, {"mount_open": "ok\t/\nInput/output error\t/data"}, "/data cannot be opened: Input/output error"),
    Case("LIN-18", FAIL, {"mounts": f"{MOUNTS}\n30 25 8:49 / /data rw - ext4 /dev/sdd1 rw"}, "/data is mounted 2 times"),
    Case("LIN-18", UNDETERMINED, {"mount_open": DENIED}, "denied"),
    Case("LIN-18", NOT_APPLICABLE, IMAGE),
    Case("LIN-20", PASS),
    Case("LIN-20", ADVICE, {"freeze_lock": "1: FLOCK  ADVISORY  WRITE 4242 08:01:131090 0 EOF"}, "freeze lock is held"),
    Case("LIN-20", ADVICE, {"other_backup_processes": "veeamservice"}, "running: veeamservice"),
    Case("LIN-20", UNDETERMINED, {"freeze_lock": DENIED}, "denied"),
    Case("LIN-20", NOT_APPLICABLE, IMAGE),
    Case("LIN-21", PASS),
    Case("LIN-21", FAIL, _date("Thu, 28 May 2026 21:26:40 GMT"), "60 minutes behind"),
    Case("LIN-21", FAIL, _date("Thu, 28 May 2026 19:26:40 GMT"), "60 minutes ahead"),
    Case("LIN-21", ADVICE, _date("Thu, 28 May 2026 20:29:00 GMT"), "behind"),
    Case("LIN-21", PASS, NO_DATE, meta={"started": CLOCK - 1.0, "finished": CLOCK + 6.0}),
    Case("LIN-21", FAIL, NO_DATE, "ahead", meta={"started": CLOCK - 9000.0, "finished": CLOCK - 8990.0}),
    Case("LIN-21", FAIL, NO_DATE, "behind", meta={"started": CLOCK + 9000.0, "finished": CLOCK + 9010.0}),
    Case("LIN-21", UNDETERMINED, NO_DATE, "by hand"),
    Case("LIN-21", NOT_APPLICABLE, IMAGE),
    Case("LIN-26", NOT_APPLICABLE, says="no /etc/azure/vmbackup.conf"),
    Case("LIN-26", PASS, {"vmbackup_conf": VMBACKUP}),
    Case("LIN-26", FAIL, {"vmbackup_conf": VMBACKUP.replace(",/mnt", ", /mnt")}, "the blank is taken as part of the name"),
    Case("LIN-26", FAIL, {"vmbackup_conf": VMBACKUP.replace("/mnt", "/nowhere")}, "/nowhere, which is no mount point"),
    Case("LIN-26", FAIL, {"vmbackup_conf": VMBACKUP.replace("90", "soon")}, "timeout=soon"),
    Case("LIN-26", FAIL, {"vmbackup_conf": "timeout = 90"}, "no INI file"),
    Case("LIN-26", FAIL, {"vmbackup_conf": "[SnapshotThread]\nSnapshotMethod = both"}, "SnapshotMethod=both"),
    Case("LIN-26", UNDETERMINED, {"vmbackup_conf": DENIED}, "denied"),
]

SYSTEM_CASES = [
    Case("LIN-27", PASS),
    Case("LIN-27", FAIL, {"run": edited("run", machine="i686")}, "i686"),
    Case("LIN-27", FAIL, {"os_release": 'ID=coreos\nPRETTY_NAME="Container Linux by CoreOS 2512"'}, "CoreOS is not supported"),
    Case("LIN-27", UNDETERMINED, {"os_release": DENIED}, "denied"),
    Case("LIN-27", NOT_APPLICABLE, edition="2017"),
    Case("LIN-28", PASS),
    Case("LIN-28", ADVICE, {"mounts": f"{MOUNTS}\n31 22 0:50 / /srv rw - nfs4 nas:/srv rw"}, "/srv (nfs4)"),
    Case("LIN-28", UNDETERMINED, {"mounts": error("cat: Input/output error")}, "Input/output error"),
    Case("LIN-28", NOT_APPLICABLE, IMAGE),
    Case("LIN-29", PASS),
    Case("LIN-29", FAIL, {"cpus": "1"}, "1 vCPU"),
    Case("LIN-29", FAIL, {"meminfo": "MemTotal: 412000 kB"}, "402 MB of memory"),
    Case("LIN-29", UNDETERMINED, {"cpus": UNSUPPORTED}, "unsupported"),
    Case("LIN-29", NOT_APPLICABLE, IMAGE),
    Case("LIN-30", PASS),
    Case("LIN-30", ADVICE, {("reboot_required", "/run/reboot-required"): "*** System restart required ***"}, "/run/reboot-required"),
    Case("LIN-30", ADVICE, {"kernels": "6.1.0-37-cloud-amd64\n6.1.0-38-cloud-amd64"}, "kernel 6.1.0-38-cloud-amd64 is installed"),
    Case("LIN-30", ADVICE, {"core_packages": f"{CLOCK}\tglibc"}, "updated after the last boot: glibc"),
    Case("LIN-30", UNDETERMINED, {"kernels": ABSENT}, "neither a reboot flag"),
    Case("LIN-30", NOT_APPLICABLE, IMAGE),
    Case("CP-03", PASS, fleet=2),
    Case("CP-03", ADVICE, says="5 VMs share the deployment 1d2c3b4a5f6e4d5c8b7a: vm1, vm2", fleet=5),
    Case("CP-03", UNDETERMINED, {"deployment": DENIED}, "denied", fleet=2),
    Case("CP-03", NOT_APPLICABLE, says="several VMs"),
    Case("CP-05", PASS),
    Case("CP-05", ADVICE, {("extension_status", OTHER): handler("NotReady", 52, "disk full")}, "is NotReady, code 52: disk full"),
    Case("CP-05", UNDETERMINED, {("extension_status", OTHER): DENIED}, "denied"),
    Case("CP-05", NOT_APPLICABLE, PURGED),
    Case("CP-06", PASS),
    Case("CP-06", ADVICE, {("http", "imds"): http(404)}, "no compute part"),
    Case("CP-06", UNDETERMINED, {("http", "imds"): UNSUPPORTED}, "unsupported"),
    Case("CP-06", NOT_APPLICABLE, IMAGE),
    Case("CP-10", PASS),
    Case("CP-10", ADVICE, {"provision_guest_agent": "false"}, "ProvisionGuestAgent=false"),
    Case("CP-10", UNDETERMINED, {"provision_guest_agent": DENIED}, "denied"),
    Case("CP-10", NOT_APPLICABLE, IMAGE),
    Case("CP-11", PASS),
    Case("CP-11", ADVICE, RECENT, "started 10 minutes ago"),
    Case("CP-11", UNDETERMINED, {"snapshot_status_files": DENIED}, "denied"),
    Case("CP-11", NOT_APPLICABLE, RUNNING, "LIN-12"),
]

CASES = EXTENSION_CASES + SNAPSHOT_CASES + SYSTEM_CASES
