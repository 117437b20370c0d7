"""Short ways to make targets and to look at what went wrong."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from backup_preflight.errors import ConnectionProblem
from backup_preflight.targets import LiveTarget, Options, expand
from selftests.sshd import Sshd

STANDIN = Path(__file__).with_name("standin.sh").read_text()
ENGINES = ("paramiko", "ssh")


def target(entry: str, options: Options | None = None, collector: str = STANDIN) -> LiveTarget:
    """The one target that this entry of --hosts gives."""
    (found,), _ = expand(replace(options or Options(), hosts=entry))
    assert isinstance(found, LiveTarget)
    return replace(found, collector=collector)


def of(server: Sshd, **changes: object) -> Options:
    """Options for a client of this server."""
    return replace(Options(ssh_config=str(server.config), connect_timeout=5.0), **changes)  # type: ignore[arg-type]


def facts(found: LiveTarget) -> dict[str, str]:
    """What the stand-in says."""
    return dict(line.split("=", 1) for line in found.read().section("run").text.splitlines())


def problem(found: LiveTarget) -> ConnectionProblem:
    """Why the target cannot be read."""
    with pytest.raises(ConnectionProblem) as caught:
        found.read()
    assert caught.value.remedy
    assert "\n" not in caught.value.detail
    return caught.value


def everything_shown(error: BaseException) -> str:
    """All that pytest could print of an error, with the variables of every frame (-l) but the tests' own."""
    full = traceback.TracebackException.from_exception(error, capture_locals=True)
    full.stack[:] = [frame for frame in full.stack if "selftests" not in frame.filename]
    return "".join(full.format()) + str(error) + repr(error) + repr(vars(error))


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """A port that takes connections and says this, then closes; None: says nothing and keeps them open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if answer is None:
            yield server.getsockname()[1]
            return
        stop = threading.Event()

        def serve() -> None:
            with ExitStack() as stack:
                while not stop.is_set():
                    connection, _ = server.accept()
                    stack.enter_context(connection)
                    with suppress(OSError):  # the client may have gone
                        connection.sendall(answer)
                        connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()
