"""``ssh://``: the OpenSSH client, for everything that only it can do. It never asks, and ends at a deadline."""

from __future__ import annotations

import re
import time

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets import process
from backup_preflight.targets.output import READ_SECONDS, Output, printable
from backup_preflight.targets.ssh_backend import SshBackend

_FAILED = 255
_NSG = "check that the VM runs and that its network security group and firewalls let this machine in"
_COMPARE = (
    "compare the key on the VM (cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -), then correct known_hosts with "
    "ssh-keygen -R and ssh-keyscan; for a new VM, run once with --accept-new-host-keys"
)
_LOST = r"closed by|Connection reset|Broken pipe|timed out|Timeout, server|disconnect|^ssh_dispatch_run_fatal"
_LOST_AFTER_THE_STATUS = r"^Connection to \S+ closed by remote host"
"""sshd can tell of the program's end before it sends the last of its output; ssh then ends with the program's own status."""
# ssh's own messages, which are English in every locale; the first that matches is the reason.
_REASONS: tuple[tuple[str, Problem, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known for|revoked",
        Problem.HOST_KEY,
        _COMPARE,
    ),
    (r"Could not resolve hostname", Problem.DNS, "correct the name, or use the VM's IP address"),
    (r"Connection refused", Problem.REFUSED, "check that sshd runs on the VM and listens on that port (host:port)"),
    (r"No route to host|Network is unreachable|Permission denied \(ip", Problem.NO_ROUTE, "check routes, VPN and firewall here"),
    (r"timed out|Timeout, server", Problem.TIMEOUT, _NSG),
    (
        r"Unable to negotiate",
        Problem.KEY_EXCHANGE,
        "allow the algorithm that it offers for this VM (KexAlgorithms, HostKeyAlgorithms in your ssh config), or better update its sshd",
    ),
    (
        r"invalid format|invalid characters|Protocol major versions differ|Bad remote protocol version|banner line",
        Problem.NOT_SSH,
        "check the port (host:port): another service answers there, or a proxy on the way",
    ),
    (
        r"Permission denied|Too many authentication failures|No supported authentication|No more authentication",
        Problem.AUTHENTICATION,
        "check the user name (user@host) and the key: ssh-add -l, IdentityFile, the VM's authorized_keys; see ssh -v",
    ),
    (
        r"closed by|Connection reset|Broken pipe|kex_exchange_identification|disconnect",
        Problem.DROPPED,
        "try again; if it stays, look into the VM's sshd log (MaxStartups, fail2ban, account expired, network)",
    ),
)


class OpensshBackend(SshBackend):
    """One ``ssh`` process per command; sharing connections is left to ControlMaster in the user's configuration."""

    NAME = "ssh"

    def execute(self, command: str, stdin: bytes = b"", seconds: float = READ_SECONDS) -> Output:
        """Run one command line in the login shell. Raises ConnectionProblem."""
        started = time.monotonic()
        output = process.execute(self._arguments(command), stdin, seconds, {"LC_ALL": "C"})
        if output.status == _FAILED and (problem := self._problem(output, time.monotonic() - started)):
            raise problem
        lost = _LOST if output.status == _FAILED else _LOST_AFTER_THE_STATUS
        if any(re.search(lost, line) for line in output.stderr_text.splitlines()):
            output.status = None
        return output

    def close(self) -> None:
        """Nothing is held."""

    def _arguments(self, command: str) -> list[str]:
        spec = self.spec
        options = ["BatchMode=yes", f"ConnectTimeout={max(1, round(spec.timeout))}", "ServerAliveInterval=5"]
        if spec.accept_new_host_keys:
            options.append("StrictHostKeyChecking=accept-new")
        arguments = ["ssh", "-T"]
        for option in options:
            arguments += ["-o", option]
        if spec.ssh_config:
            arguments += ["-F", str(spec.ssh_config)]
        if spec.ssh_identity_file:
            arguments += ["-i", str(spec.ssh_identity_file)]
        if spec.port:
            arguments += ["-p", str(spec.port)]
        if spec.user:
            arguments += ["-l", spec.user]
        return [*arguments, *spec.ssh_arguments, "--", spec.name, command]

    def _problem(self, output: Output, seconds: float) -> ConnectionProblem | None:
        """Why ssh itself failed; None when 255 is the command's own status, which ssh does not tell apart."""
        if output.stdout:
            return None
        lines = [line.strip() for line in output.stderr_text.splitlines() if line.strip()]
        for pattern, problem, remedy in _REASONS:
            for line in lines:
                if re.search(pattern, line):
                    detail = self._host_key(lines) if problem is Problem.HOST_KEY else line
                    return ConnectionProblem(problem, f"{self.spec.name}: {printable(detail)[:500]}", remedy)
        reason = output.last_line or f"ssh ended with status 255 after {seconds:.0f} s and said nothing"
        return ConnectionProblem(Problem.TRANSPORT, f"{self.spec.name}: {reason}", "see what happens with: ssh -v")

    @staticmethod
    def _host_key(lines: list[str]) -> str:
        """What ssh's warning tells of the key."""
        if not any("HAS CHANGED" in line for line in lines):
            return f"the host key is not known: {lines[-1]}"
        telling = [line.rstrip(".") for line in lines if line.startswith(("SHA256:", "Offending"))]
        return f"it shows another host key than the known one: {'; '.join(telling)}"
