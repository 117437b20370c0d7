"""The host plugin (168.63.129.16, port 32526): the agent's way to storage through the host."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import urlsplit

from lab.fabric.server import JSON, TEXT, Answer, Request
from lab.fabric.storage import Storage


def host_plugin(storage: Storage) -> Callable[[Request], Answer]:
    """The service's answers. ``/vmSettings`` is 404, as on hosts that do not offer it: the agent reads ExtensionsConfig then."""

    def answer(request: Request) -> Answer:
        path = request.path.lower()
        if path == "/versions":
            return Answer(body='["2015-09-01","2018-07-01","1.0.8.133"]', type=JSON)
        if path in {"/health", "/vmagentlog"}:
            return Answer()
        if path == "/status" and request.method == "PUT":
            return _status(request)
        if path == "/extensionartifact" and request.method == "GET":
            return _artifact(request, storage)
        return Answer(404)

    return answer


def _status(request: Request) -> Answer:
    """Keep the agent's status. The real host plugin writes it on to the blob that ``requestUri`` names."""
    try:
        status = json.loads(base64.b64decode(json.loads(request.body)["content"]))
    except (ValueError, KeyError, TypeError) as error:
        return Answer(400, f"no status: {error}\n", TEXT)
    request.vm.status = status
    request.vm.uploads += 1
    return Answer()


def _artifact(request: Request, storage: Storage) -> Answer:
    """Fetch a package, or a manifest, for the VM."""
    location = urlsplit(request.headers.get("x-ms-artifact-location", ""))
    if location.scheme != "https" or not location.hostname:
        return Answer(400, "x-ms-artifact-location is no https URL\n", TEXT)
    try:
        code, body = storage.get(location.hostname, location.path + (f"?{location.query}" if location.query else ""))
    except OSError as error:
        return Answer(502, f"{location.hostname}: {error}\n", TEXT)
    return Answer(code, body, "application/octet-stream")
