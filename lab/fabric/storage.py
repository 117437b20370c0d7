"""Azure Storage's Blob service: azurite, under true names and TLS of the lab's CA, filled through its own API."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.client
import os
import secrets
import shutil
import socket
import ssl
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from lab.addresses import ACCOUNT, STORAGE, STORAGE_HOST
from lab.fabric import packages
from lab.fabric.authority import Authority
from lab.fabric.programs import FabricError, Program, program

SOURCE = Path(__file__).parent
CONTAINERS = {"ext": "blob", "gafamily": "blob", "status": None}
"""Names, and what may be read without a signature."""

REDIRECT = f"""
table ip lab-storage {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    ip daddr {STORAGE} tcp dport 8443 dnat to {STORAGE}:443
  }}
  chain output {{
    type nat hook output priority -100
    ip daddr {STORAGE} tcp dport 8443 dnat to {STORAGE}:443
  }}
}}
"""


def install(cache: Path) -> Path:
    """Install azurite once, as package-lock.json says; needs npm's registry. Returns its directory. Raises FabricError."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    target = cache / f"azurite-{hashlib.sha256(lock).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "azurite.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if target.exists():
            return target
        unfinished = target.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, unfinished)
        command = [program("npm", "npm"), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=unfinished, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FabricError(f"npm ci cannot install azurite (exit code {done.returncode}):\n{done.stderr.strip()[-2000:]}")
        unfinished.rename(target)
    return target


class Storage:
    """The service and what it holds. ``start`` it; ``url`` and ``signed_url`` work before."""

    def __init__(self, directory: Path, cache: Path, authority: Authority) -> None:
        self._directory, self._cache, self._authority = directory, cache, authority
        self._key = base64.b64encode(secrets.token_bytes(64)).decode()
        self._program: Program | None = None

    def start(self) -> None:
        """Start azurite, open port 8443 as well, upload the extension. Raises FabricError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        certificate, key = self._authority.server_certificate(self._directory / "storage")
        main = install(self._cache) / "node_modules/azurite/dist/src/blob/main.js"
        places = [
            "--blobHost",
            STORAGE,
            "--blobPort",
            "443",
            "--location",
            str(self._directory),
            "--cert",
            str(certificate),
            "--key",
            str(key),
        ]
        command = [program("node", "nodejs"), str(main), *places, "--skipApiVersionCheck", "--disableTelemetry", "--loose", "--silent"]
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}"}
        self._program = Program(command, self._directory / "azurite.log", environment)
        self._program.wait_for(STORAGE, 443)
        _nft(REDIRECT)
        with self.client() as client:
            for name, access in CONTAINERS.items():
                client.create_container(name, public_access=access)
            for container, name, content in packages.blobs(self.url):
                client.get_blob_client(container, name).upload_blob(content)

    def stop(self) -> None:
        """End it, and take the redirection away."""
        if self._program:
            self._program.stop()
            self._program = None
            _nft("add table ip lab-storage\ndelete table ip lab-storage")

    def client(self) -> BlobServiceClient:
        """A client of the service, by its address, so that it needs no resolver; this machine's proxy settings do not count."""
        url = f"https://{STORAGE}/{ACCOUNT}"
        account = {"account_name": ACCOUNT, "account_key": self._key}
        return BlobServiceClient(url, credential=account, connection_verify=str(self._authority.path), use_env_settings=False)

    def url(self, container: str, name: str) -> str:
        """The address of a blob, as a VM knows it."""
        return f"https://{STORAGE_HOST}/{container}/{name}"

    def signed_url(self, container: str, name: str) -> str:
        """The same with a signature (SAS) that allows reading and writing."""
        may = BlobSasPermissions(read=True, write=True, create=True, add=True)
        until = datetime.now(timezone.utc) + timedelta(days=30)
        signature = generate_blob_sas(ACCOUNT, container, name, account_key=self._key, permission=may, expiry=until)
        return f"{self.url(container, name)}?{signature}"

    def get(self, host: str, path: str) -> tuple[int, bytes]:
        """Status and content of a blob, fetched under the name ``host`` wherever that leads otherwise. Raises OSError."""
        context = ssl.create_default_context(cafile=str(self._authority.path))
        connection = http.client.HTTPSConnection(host, timeout=10, context=context)
        connection.sock = context.wrap_socket(socket.create_connection((STORAGE, 443), 10), server_hostname=host)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()


def _nft(rules: str) -> None:
    done = subprocess.run([program("nft", "nftables"), "-f", "-"], input=rules, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FabricError(f"nft refuses the lab's rules: {done.stderr.strip()}")
