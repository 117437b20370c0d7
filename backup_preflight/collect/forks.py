"""How many VMs are read at a time."""

from __future__ import annotations

import resource

from backup_preflight.errors import UsageError

FORKS = 100
"""Without --forks. More is no faster on a small machine, where the key exchanges keep the processors busy: docs/performance.md."""
_FILES_PER_VM = 8
"""Connection, pipes, an agent, a ProxyCommand or ssh process."""
_OWN_FILES = 100


def forks(asked: int | None) -> tuple[int, list[str]]:
    """The number, and a note when the limit of open files makes it less than what was asked for. Raises UsageError."""
    if asked is not None and asked < 1:
        raise UsageError(f"--forks={asked}: give a number of 1 or more")
    wanted = FORKS if asked is None else asked
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return wanted, []
    possible = max(1, (files - _OWN_FILES) // _FILES_PER_VM)
    if wanted <= possible:
        return wanted, []
    return possible, [
        f"{possible} VMs at a time instead of {wanted}, because of the limit of open files (ulimit -n {files}); raise it for more"
    ]
