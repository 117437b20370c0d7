"""A VM that could be reached, but gave no recording: which of the many reasons is it?"""

from __future__ import annotations

import re

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.recording import NotARecording, Truncated
from backup_preflight.targets import testinfra_backends
from backup_preflight.targets.output import Output, show
from backup_preflight.targets.spec import SSH_SCHEMES, Spec
from backup_preflight.targets.ssh_backend import dropped

_WINDOWS = re.compile(rb" azure-backup-preflight \d+ windows")
# Texts that are never translated: sshd's own, dash's, and the C library's in the C locale, which the collector sets.
_NEW_PASSWORD = b"Password change required but no TTY available"
_NO_RESOURCES = (b"Cannot fork", b"can't fork", b"Resource temporarily unavailable", b"Cannot allocate memory")
_ENDS = (
    "look on the VM for what ends processes: memory (dmesg | grep -i 'out of memory'), a limit on processes (ulimit -u of the account, "
    "TasksMax of its user slice), a guard that kills scripts"
)
_ENDS_ON_WINDOWS = (
    "look on the VM for what ends PowerShell: the event log Microsoft-Windows-PowerShell/Operational, a guard that stops scripts, "
    "and for WinRM its memory: winrm get winrm/config/winrs (MaxMemoryPerShellMB)"
)


def no_recording(spec: Spec, output: Output, seconds: float, *, begun: bool, error: NotARecording) -> ConnectionProblem:
    """The reason. ``begun``: the collector has printed its first line; ``error``: what is wrong with what it printed."""
    if output.late:
        return _late(spec, seconds)
    if begun and not isinstance(error, Truncated):
        remedy = "install the collector again where it is a file on the VM (README, Allow only the collector); else report it"
        return ConnectionProblem(Problem.DAMAGED, f"{spec.name}: the collector's output {error}", remedy)
    if begun:
        return _cut(spec, output)
    said = output.stdout.strip() or output.stderr.strip()
    if spec.scheme == "winrm":
        detail = f"{spec.name}: no collector output; PowerShell says {show(said) if said else 'nothing'}"
        remedy = "check that the endpoint runs scripts (PowerShell 4.0 or newer), or publishes the collector (README, Windows)"
        return ConnectionProblem(Problem.NOT_WINDOWS, detail, remedy)
    if spec.scheme not in SSH_SCHEMES:
        reason = output.last_line or f"status {output.status}, output {show(output.stdout)}"
        return ConnectionProblem(Problem.TRANSPORT, f"{spec.scheme}://{spec.name}: {reason}", testinfra_backends.remedy(spec))
    return _no_shell(spec, output, said)


def _late(spec: Spec, seconds: float) -> ConnectionProblem:
    detail = f"{spec.name}: the collector did not end in {seconds:g} s"
    remedy = "look for hung mounts or a very high load on the VM: uptime; ps -eo stat,cmd"
    if spec.scheme == "winrm":
        remedy = "look for a very high load on the VM, or a WMI that hangs"
    return ConnectionProblem(Problem.TIMEOUT, detail, remedy)


def _cut(spec: Spec, output: Output) -> ConnectionProblem:
    """The output ends in the middle: who ended it?"""
    if output.status is None and not output.signalled:
        return dropped(spec.name, "connection lost in the middle of the collector's output")
    by = "a signal" if output.signalled else f"status {output.status}"
    says = f"; the VM says {show(output.last_line.encode())}" if output.last_line else ""
    remedy = _ENDS_ON_WINDOWS if _WINDOWS.search(output.stdout) else _ENDS
    return ConnectionProblem(Problem.ENDED, f"{spec.name}: the collector ended with {by} before its last line{says}", remedy)


def _no_shell(spec: Spec, output: Output, said: bytes | bytearray) -> ConnectionProblem:
    """Nothing of the collector at all: perhaps there is no shell for it, or no room to run."""
    if _NEW_PASSWORD in output.stdout + output.stderr:
        remedy = f"set a new password (log in by hand: ssh -t), or let it not expire: sudo chage -d $(date +%F) {spec.user or 'USER'}"
        return ConnectionProblem(Problem.ACCOUNT, f"{spec.name}: the password of the account has expired", remedy)
    if any(text in output.stderr for text in _NO_RESOURCES):
        return ConnectionProblem(Problem.ENDED, f"{spec.name}: the collector cannot run; the VM says {show(said)}", _ENDS)
    if output.signalled:
        return ConnectionProblem(Problem.ENDED, f"{spec.name}: the collector was ended by a signal before it printed anything", _ENDS)
    if output.status is None and not output.stdout:
        return dropped(spec.name, "the connection ended before the collector printed anything")
    detail = f"{spec.name}: no collector output (status {output.status}); the VM says {show(said) if said else 'nothing'}"
    remedy = (
        "check that the account has a POSIX login shell (Windows: cmd.exe or PowerShell) and no forced command; "
        "a Windows VM without OpenSSH needs winrm://"
    )
    return ConnectionProblem(Problem.NOT_LINUX, detail, remedy)
