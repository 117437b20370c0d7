"""QEMU's two channels, its monitor (QMP) and the guest agent: JSON, one object a line."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from lab.shell import LabError

Json = Mapping[str, Any]


class Channel:
    """Our end of one channel. The guest agent's works whatever state the guest's network is in."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._lock = threading.Lock()
        self._rest = b""
        self._events: list[str] = []

    def ask(self, command: str, *, seconds: float = 30, **arguments: Any) -> Any:
        """What a command returns. Raises LabError with its message when it fails, or takes longer than ``seconds``."""
        request = {"execute": command, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        end = time.monotonic() + seconds
        with self._lock:
            self._send(request)
            while True:
                answer = self._next(command, end)
                if "error" in answer:
                    raise LabError(f"{command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]

    def synchronize(self, seconds: float) -> None:
        """Until the guest agent answers; answers to requests of before are passed over. Raises LabError."""
        end = time.monotonic() + seconds
        with self._lock:
            for number in itertools.count(1):
                self._send({"execute": "guest-sync", "arguments": {"id": number}})
                try:
                    while self._next("guest-sync", min(end, time.monotonic() + 1)).get("return") != number:
                        pass
                except LabError:
                    if time.monotonic() >= end:
                        raise
                else:
                    return

    def wait_for(self, event: str, seconds: float) -> None:
        """Until the monitor has told of an event. Raises LabError."""
        end = time.monotonic() + seconds
        with self._lock:
            while event not in self._events:
                self._next(event, end)
            self._events.remove(event)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _send(self, request: Json) -> None:
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def _next(self, wanted: str, end: float) -> Json:
        """The next object that is no event; an event is noted and answers as an empty one."""
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                block = self._socket.recv(1 << 16)
            except TimeoutError:
                raise LabError(f"{wanted}: no answer") from None
            if not block:
                raise LabError(f"{wanted}: QEMU has ended")
            self._rest += block
        line, self._rest = self._rest.split(b"\n", 1)
        found: Json = json.loads(line)
        if "event" in found:
            self._events.append(found["event"])
            return {}
        return found
