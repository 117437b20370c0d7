# ruff: noqa: INP001, SIM112, UP022
"""A stub of VMSnapshotLinux: opens its settings as the real one does, takes no snapshot, reports what the lab asks for.

Public settings: ``labStatus`` (success, error, …), ``labCode`` (of the status), ``labMessage``, ``labExit`` (exit code).
Standard library only; Python 3.6 and up.
"""

import base64
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

NAME = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
HERE = Path(__file__).resolve().parent.parent
AGENT = Path("/var/lib/waagent")
NO_CERTIFICATE = 16
"""The extension's own code for settings that it cannot decrypt."""


def main() -> int:
    """Handle one command of the agent's."""
    if importlib.util.find_spec("WaagentLib"):  # the version before the fix; its imports fail on newer Pythons
        importlib.import_module("WaagentLib")
    environment = json.loads((HERE / "HandlerEnvironment.json").read_text())[0]["handlerEnvironment"]
    log = Path(environment["logFolder"], "extension.log")
    number = newest_settings(Path(environment["configFolder"]))
    say(log, f"{sys.argv[1]}, settings {number}, Python {sys.version.split()[0]}")
    settings = json.loads(Path(environment["configFolder"], f"{number}.settings").read_text())["runtimeSettings"][0]["handlerSettings"]
    public = settings.get("publicSettings") or {}
    status, code = str(public.get("labStatus", "success")), int(public.get("labCode", 1))
    message = str(public.get("labMessage", "Enable Succeeded (a stub: no snapshot was taken)"))
    if settings.get("protectedSettings"):
        try:
            names = sorted(json.loads(decrypt(settings["protectedSettings"], settings["protectedSettingsCertThumbprint"])))
            say(log, f"protected settings decrypted: {', '.join(names)}")
        except (OSError, ValueError, KeyError) as error:
            status, code, message = "error", NO_CERTIFICATE, f"unable to load certificate: {error}"
    write_status(Path(environment["statusFolder"], f"{number}.status"), status, code, message)
    say(log, f"status {status}, code {code}: {message}")
    return int(public.get("labExit", 0))


def newest_settings(directory: Path) -> int:
    """The number of the settings to obey: the agent's, else that of the newest file."""
    told = os.environ.get("ConfigSequenceNumber", "")
    return int(told) if told.isdigit() else max(int(path.stem) for path in directory.glob("*.settings") if path.stem.isdigit())


def decrypt(secret: str, thumbprint: str) -> str:
    """Protected settings in clear, with the key that the agent fetched. Raises OSError, ValueError."""
    files = ["-recip", str(AGENT / f"{thumbprint}.crt"), "-inkey", str(AGENT / f"{thumbprint}.prv")]
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", *files]
    done = subprocess.run(command, input=base64.b64decode(secret), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace").strip().splitlines()[0])
    return done.stdout.decode()


def write_status(path: Path, status: str, code: int, message: str) -> None:
    """The status file, replaced in one step, as the agent may read it at any time."""
    report = {
        "name": NAME,
        "operation": "Enable",
        "status": status,
        "code": str(code),
        "formattedMessage": {"lang": "en-US", "message": message},
        "substatus": [],
    }
    content = [{"version": "1.0", "timestampUTC": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "status": report}]
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(content))
    unfinished.replace(path)


def say(log: Path, line: str) -> None:
    """One line of ``extension.log``."""
    with log.open("a") as file:
        file.write(time.strftime("%Y/%m/%d %H:%M:%S ", time.gmtime()) + line + "\n")


if __name__ == "__main__":
    sys.exit(main())
