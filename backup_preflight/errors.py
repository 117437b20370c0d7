"""What can go wrong outside a check.

PreflightError
├── UsageError           the command line, a list, an inventory or a recording is wrong: exit 4 before any connection
└── ConnectionProblem    this VM could not be read: one result for the VM, "unreachable"
"""

from __future__ import annotations

import traceback
from enum import Enum
from pathlib import Path


class PreflightError(Exception):
    """Base of the suite's own errors."""


class UsageError(PreflightError):
    """Bad input. The message names the input and the remedy, in one line."""


class Problem(Enum):
    """Why a VM could not be read. The value is the word that reports show."""

    DNS = "name not found"
    REFUSED = "connection refused"
    NO_ROUTE = "no route"
    TIMEOUT = "timed out"
    HOST_KEY = "host key"
    CERTIFICATE = "certificate"
    AUTHENTICATION = "authentication"
    DROPPED = "connection lost"
    NOT_SSH = "not an SSH server"
    KEY_EXCHANGE = "no common SSH algorithm"
    ACCOUNT = "account not usable"
    ENDED = "collector ended early"
    OUTPUT = "too much output"
    DAMAGED = "output cannot be read"
    NOT_RECORDED = "recording not written"
    BUG = "the suite itself has failed"
    NOT_LINUX = "not a Linux shell"
    NOT_WINDOWS = "not a Windows PowerShell"
    TRANSPORT = "transport"


class ConnectionProblem(PreflightError):
    """A VM could not be read.

    ``detail`` says what happened, ``remedy`` what to do; neither ever holds a secret.
    """

    def __init__(self, problem: Problem, detail: str, remedy: str) -> None:
        super().__init__(f"{problem.value}: {detail}")
        self.problem = problem
        self.detail = detail
        self.remedy = remedy


def bug(error: Exception) -> ConnectionProblem:
    """What nobody has foreseen: our mistake, and its place. The text is left out: it may come from a VM, or hold a secret."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    detail = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
    return ConnectionProblem(Problem.BUG, detail, "please report it; nothing is known to be wrong with the VM")
