"""Commands and phrases that several fixes share. All commands are for an elevated PowerShell on the VM."""

from __future__ import annotations

from backup_preflight.facts.windows.services import DISABLED

AGENT_MSI = "https://go.microsoft.com/fwlink/?LinkID=394789"
"""The newest agent; the 2017 page names the same link."""

THEN_BACK_UP = "Then run an on-demand backup (Backup now)."

INSTALL_AGENT = (
    f"Invoke-WebRequest -UseBasicParsing -Uri {AGENT_MSI} -OutFile $env:TEMP\\WindowsAzureVmAgent.msi",
    "msiexec.exe /i $env:TEMP\\WindowsAzureVmAgent.msi /quiet /L*v C:\\Windows\\Panther\\msiexec.log",
)


def start_service(name: str, start: int) -> tuple[str, ...]:
    """Commands that make a service start with the system, and start it now."""
    command = f"Set-Service -Name {name} -StartupType Automatic"
    return (command, f"Start-Service -Name {name}") if start == DISABLED else (f"Start-Service -Name {name}", command)
