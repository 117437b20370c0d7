"""Something that answers at the addresses of Azure's fabric, in the VMs' namespace: 404 to every request."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ENDPOINTS = (("168.63.129.16", 80), ("168.63.129.16", 32526), ("169.254.169.254", 80))


class _NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with contextlib.suppress(OSError):  # the client has gone away
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def start() -> None:
    """Listen until this process ends."""
    for address in dict(_ENDPOINTS):
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    for endpoint in _ENDPOINTS:
        threading.Thread(target=ThreadingHTTPServer(endpoint, _NotFound).serve_forever, daemon=True).start()
