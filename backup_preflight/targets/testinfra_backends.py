"""testinfra's other transports (docker, kubectl, chroot, local, …), with our bounds."""

from __future__ import annotations

import shlex
from typing import Any

import testinfra.backend
from testinfra.backend import base
from testinfra.utils import ansible_runner

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets import process
from backup_preflight.targets.output import Output, printable
from backup_preflight.targets.spec import Spec

_OURS = {
    "paramiko": "backup_preflight.targets.paramiko_backend.ParamikoBackend",
    "ssh": "backup_preflight.targets.openssh_backend.OpensshBackend",
    "winrm": "backup_preflight.targets.winrm_backend.WinRmBackend",
}


def register_backends() -> None:
    """Put our SSH and WinRM backends under testinfra's names; testinfra has no other way to add one."""
    testinfra.backend.BACKENDS.update(_OURS)


def create(spec: Spec) -> base.BaseBackend:
    """The backend of an entry, not yet connected. Raises ConnectionProblem (a Python package that is missing)."""
    register_backends()
    try:
        kind: Any = testinfra.backend.get_backend_class(spec.scheme)
    except (ImportError, RuntimeError) as error:
        remedy = f"install the Python package that {spec.scheme}:// needs, or reach the VM by ssh://"
        raise ConnectionProblem(Problem.TRANSPORT, str(error), remedy) from None
    if spec.scheme in _OURS:
        backend: base.BaseBackend = kind(spec)
        return backend
    common: dict[str, Any] = {"sudo": spec.sudo, "sudo_user": spec.sudo_user}
    if spec.scheme == "local":
        backend = kind(**common)
    elif spec.scheme == "ansible":
        backend = kind(spec.name, ansible_inventory=spec.ansible_inventory, force_ansible=True, **common)
    else:
        backend = kind(f"{spec.user}@{spec.name}" if spec.user else spec.name, **dict(spec.tool), **common)
    backend._encoding = "utf-8"  # noqa: SLF001  (else testinfra asks the target for it, which costs a round trip)
    return backend


def execute(spec: Spec, command: str, stdin: bytes, seconds: float) -> Output:
    """Run the collector's command line over one of testinfra's own backends. Raises ConnectionProblem.

    ``stdin``: for the transports that pass it on; empty when ``command`` holds everything. ``seconds``: deadline.
    """
    backend = create(spec)
    backend.sudo = False  # the command line does it, with a way back when it is refused
    outputs: list[Output] = []
    _bound(backend, shell_line=spec.scheme == "local", stdin=stdin, seconds=seconds, outputs=outputs)
    if spec.scheme == "ansible":
        _bound(ansible_runner.local.backend, shell_line=True, stdin=b"", seconds=seconds, outputs=[])
    try:
        result = backend.run(command)
    except (RuntimeError, OSError, ValueError, KeyError, AssertionError) as error:
        lines = printable(str(error)).splitlines() or [type(error).__name__]
        detail = f"{spec.scheme}://{spec.name}: {lines[-1][:300]}"
        raise ConnectionProblem(Problem.TRANSPORT, detail, remedy(spec)) from None
    if outputs:
        return outputs[-1]
    return Output(bytearray(result.stdout_bytes), bytearray(result.stderr_bytes), result.rc)


def _bound(backend: base.BaseBackend, *, shell_line: bool, stdin: bytes, seconds: float, outputs: list[Output]) -> None:
    """Let the backend start its tool with a deadline and a limit; what came goes to ``outputs`` too."""

    def run_local(template: str, *args: str) -> base.CommandResult:
        line = backend.quote(template, *args)
        # No second shell around a tool: it would halve the longest script that can be passed.
        argv = ["sh", "-c", line] if shell_line else shlex.split(line)
        output = process.execute(argv, stdin, seconds)
        outputs.append(output)
        status = output.status if output.status is not None else -1
        return backend.result(status, line.encode(), bytes(output.stdout), bytes(output.stderr))

    backend.run_local = run_local  # type: ignore[assignment,method-assign]


def remedy(spec: Spec) -> str:
    """What to try when the transport's own tool fails."""
    tool = {"kubectl": "kubectl", "openshift": "oc", "ansible": "ansible"}.get(spec.scheme, spec.scheme)
    return {
        "chroot": f"run as root, and check that the image has /bin/sh for this machine: sudo chroot {spec.name} /bin/sh -c true",
        "local": "run by hand to see what is wrong: sh -c true",
        "ansible": f"see what happens with: ansible -m ping {spec.name}",
        "salt": f"see what happens with: salt {spec.name} test.ping",
        "lxc": f"see what happens with: lxc exec {spec.name} -- /bin/sh -c true",
    }.get(spec.scheme, f"check that it runs, and see what happens with: {tool} exec {spec.name} /bin/sh -c true")
