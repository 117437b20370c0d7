"""The wire server (168.63.129.16, port 80), after the requests of the real agent."""

from __future__ import annotations

from collections.abc import Callable

from lab.fabric import documents
from lab.fabric.certificates import Certificates
from lab.fabric.server import Answer, Request
from lab.fabric.storage import Storage


def wire_server(storage: Storage, certificates: Certificates) -> Callable[[Request], Answer]:
    """The service's answers."""
    configurations: dict[str, Callable[[Request], str]] = {
        "hostingenvironmentconfig": lambda request: documents.hosting_environment(request.vm),
        "fullconfig": lambda request: documents.hosting_environment(request.vm),
        "sharedconfig": lambda request: documents.shared_config(request.vm),
        "extensionsconfig": lambda request: documents.extensions_config(request.vm, storage, certificates),
        "certificates": certificates.answer,
    }

    def answer(request: Request) -> Answer:
        subject = request.query.get("comp", "").lower()
        if request.method == "POST":
            taken = subject in {"health", "roleproperties", "telemetrydata"} or request.path.lower().startswith("/healthservice")
            return Answer(200 if taken else 404)
        if subject == "versions":
            return Answer(body=documents.versions())
        if subject == "goalstate":
            return Answer(body=documents.goal_state(request.vm))
        if subject == "config" and (configuration := configurations.get(request.query.get("type", "").lower())):
            return Answer(body=configuration(request))
        return Answer(404)

    return answer
