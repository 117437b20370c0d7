"""What a ``winrm://`` entry may say after its question mark. Keys are spelled as testinfra spells them, else as pypsrp does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backup_preflight.targets.entry import Entry
from backup_preflight.targets.paths import expand_user

AUTHS = ("negotiate", "ntlm", "kerberos", "credssp", "basic", "certificate")
WITHOUT_PASSWORD = ("kerberos", "certificate")
KEYS = (
    "timeout",
    "no_ssl",
    "no_verify_ssl",
    "read_timeout_sec",
    "operation_timeout_sec",
    "auth",
    "ca_cert",
    "certificate_pem",
    "certificate_key_pem",
    "configuration_name",
)
FLAGS = ("no_ssl", "no_verify_ssl")
SECONDS = ("read_timeout_sec", "operation_timeout_sec")
FILES = ("ca_cert", "certificate_pem", "certificate_key_pem")
DEFAULT_CONFIGURATION = "Microsoft.PowerShell"
_CONFIGURATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ENCRYPTING = ("negotiate", "ntlm", "kerberos", "credssp")


@dataclass(frozen=True)
class WinRm:
    """How to speak WinRM to one VM. ``read_timeout`` (seconds) has to be longer than ``operation_timeout``."""

    ssl: bool = True
    verify: bool = True
    ca_cert: Path | None = None
    auth: str = "negotiate"
    certificate_pem: Path | None = None
    certificate_key_pem: Path | None = None
    configuration_name: str = DEFAULT_CONFIGURATION
    operation_timeout: int = 20
    read_timeout: int = 30

    @property
    def port(self) -> int:
        """WinRM's own port."""
        return 5986 if self.ssl else 5985

    @property
    def is_restricted(self) -> bool:
        """Whether the endpoint is none of PowerShell's own: then the collector is called by its published name (JEA)."""
        return not self.configuration_name.startswith(("Microsoft.PowerShell", "PowerShell."))


def winrm_settings(entry: Entry, given: Mapping[str, str]) -> WinRm:
    """The settings of one entry, whose values were checked one by one. Raises UsageError for what does not fit together."""
    settings = WinRm(
        ssl=given.get("no_ssl") != "true",
        verify=given.get("no_verify_ssl") != "true",
        ca_cert=_path(given, "ca_cert"),
        auth=given.get("auth", "certificate" if "certificate_pem" in given else "negotiate"),
        certificate_pem=_path(given, "certificate_pem"),
        certificate_key_pem=_path(given, "certificate_key_pem"),
        configuration_name=given.get("configuration_name", DEFAULT_CONFIGURATION),
        operation_timeout=int(given.get("operation_timeout_sec", WinRm.operation_timeout)),
        read_timeout=int(given.get("read_timeout_sec", WinRm.read_timeout)),
    )
    if settings.auth not in AUTHS:
        raise entry.error(f"auth is none of {', '.join(AUTHS)}")
    if not _CONFIGURATION.fullmatch(settings.configuration_name):
        raise entry.error("configuration_name is no name of a PowerShell endpoint (letters, digits, '.', '_' and '-')")
    if not settings.ssl and settings.auth not in _ENCRYPTING:
        raise entry.error(f"no_ssl with auth={settings.auth} would send everything in clear text; drop no_ssl, or use auth=negotiate")
    if settings.auth == "certificate" and not (settings.certificate_pem and settings.certificate_key_pem):
        raise entry.error("auth=certificate needs certificate_pem=FILE and certificate_key_pem=FILE")
    if settings.read_timeout <= settings.operation_timeout:
        raise entry.error("read_timeout_sec has to be greater than operation_timeout_sec")
    return settings


def _path(given: Mapping[str, str], key: str) -> Path | None:
    return expand_user(given[key]) if key in given else None
