"""The password of the ``winrm://`` entries that have none: typed in, or of the environment, and then nowhere else."""

from __future__ import annotations

import getpass
import os
import resource

from backup_preflight.errors import UsageError
from backup_preflight.targets.secret import Secret

PASSWORD_VARIABLE = "PREFLIGHT_PASSWORD"  # noqa: S105  (the name of a variable)
"""Environment variable with the password of the ``winrm://`` entries that have none."""


def take() -> Secret | None:
    """The password of the environment, if there is one. From then on no program that is started inherits it."""
    found = os.environ.pop(PASSWORD_VARIABLE, None)
    return Secret(found) if found else None


def ask() -> Secret:
    """The password that is typed in. Raises UsageError."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise UsageError(f"--ask-pass: there is no terminal to ask at; set the environment variable {PASSWORD_VARIABLE}") from None
    return Secret(getpass.getpass("Password of the winrm:// entries: "))


def forbid_core_files() -> None:
    """A crash of this process, or of one that it starts, writes no memory with passwords and keys to disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
