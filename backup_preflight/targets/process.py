"""Run one local program with bounds: a deadline, a limit on its output, no program left behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.targets.closing import closable
from backup_preflight.targets.output import READ_SECONDS, Output

_CHUNK = 64 * 1024


def execute(argv: Sequence[str], stdin: bytes = b"", seconds: float = READ_SECONDS, environment: Mapping[str, str] | None = None) -> Output:
    """Run ``argv`` (no shell) in its own process group, which is killed after ``seconds``.

    ``environment`` is added to this process'. Raises ConnectionProblem when the program is missing or prints without end.
    """
    deadline = time.monotonic() + seconds
    try:
        process = subprocess.Popen(  # noqa: S603  (no shell; every caller builds the list from checked words)
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    except OSError as error:
        detail = f"the program {argv[0]} cannot be run: {error.strerror}"
        remedy = f"install {argv[0]} on this machine, or correct its permissions"
        raise ConnectionProblem(Problem.TRANSPORT, detail, remedy) from None

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    with process:
        try:
            with closable(end):
                output = _communicate(process, stdin, deadline)
        finally:
            end()
    if not output.late and process.returncode >= 0:
        output.status = process.returncode
    return output


def _communicate(process: subprocess.Popen[bytes], stdin: bytes, deadline: float) -> Output:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    output = Output()
    pending = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ, output.add_stdout)
        selector.register(process.stderr, selectors.EVENT_READ, output.add_stderr)
        while selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                output.late = True
                return output
            for key, _ in selector.select(remaining):
                if key.fileobj is process.stdin:
                    pending = _feed(key.fd, pending)
                    done = not pending
                else:
                    data = os.read(key.fd, _CHUNK)
                    key.data(data)
                    done = not data
                if done:
                    selector.unregister(key.fileobj)
                    with contextlib.suppress(BrokenPipeError):
                        key.fileobj.close()  # type: ignore[union-attr]
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        output.late = True
    return output


def _feed(handle: int, pending: memoryview) -> memoryview:
    """What is left to write; nothing when the program no longer reads."""
    try:
        return pending[os.write(handle, pending[:_CHUNK]) :]
    except BrokenPipeError:
        return pending[:0]
    except BlockingIOError:
        return pending
