"""What is sent to a Windows VM: the collector as one text, for a PowerShell pipeline or for the standard input of ``powershell``."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

PUBLISHED_COLLECTOR = r"C:\Program Files\AzureBackupPreflight\windows.ps1"
"""The collector as a file: a JEA endpoint that allows nothing else names it in VisibleExternalCommands."""

# All of its standard input is the script; Invoke-Expression, because ConstrainedLanguage mode knows no [scriptblock]::Create.
_READ_STANDARD_INPUT = "Invoke-Expression (@($input) -join [char]10)"


@cache
def collector_text() -> str:
    """The Windows collector that ships with the suite. ASCII, so that no code page on the way matters."""
    return resources.files("backup_preflight.collect").joinpath("windows.ps1").read_text(encoding="ascii")


@dataclass(frozen=True)
class WindowsCollectorRun:
    """One run of the collector on one Windows VM; each has its own nonce (32 hexadecimal digits).

    ``logs``: the ends of the agent's logs instead of the probes.
    """

    storage_endpoints: tuple[str, ...] = ()
    logs: bool = False
    collector: str = field(default_factory=collector_text, repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def parameters(self) -> dict[str, str]:
        """The collector's parameters, checked words."""
        logs = {"Logs": "yes"} if self.logs else {}
        return {"Nonce": self.nonce, "StorageEndpoints": ",".join(self.storage_endpoints), **logs}

    @property
    def script(self) -> str:
        """The collector with its parameters. It gives one text, because each part that comes alone costs a request."""
        arguments = " ".join(f"-{name} '{value}'" for name, value in self.parameters.items())
        return f"(& {{\n{self.collector}\n}} {arguments}) -join [char]10\n"

    @property
    def stdin(self) -> bytes:
        """What ``command`` reads."""
        return self.script.encode("ascii")

    @property
    def command(self) -> str:
        """A command line for OpenSSH on Windows that cmd.exe and PowerShell understand alike."""
        bootstrap = base64.b64encode(_READ_STANDARD_INPUT.encode("utf-16-le")).decode()
        return f"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {bootstrap}"
