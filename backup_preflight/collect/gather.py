"""Reading all VMs side by side, each once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from backup_preflight import recording
from backup_preflight.errors import ConnectionProblem, Problem, bug
from backup_preflight.files import remove_leftovers
from backup_preflight.recording import NotARecording, Recording
from backup_preflight.targets import Target
from backup_preflight.targets.closing import close_all

Outcome = Recording | ConnectionProblem
_TICK = 0.5
"""Seconds between two calls of ``on_wait``."""


@dataclass(frozen=True)
class Progress:
    """How many VMs this run reads over a connection, how many of them are being read, have been, and could not be."""

    total: int = 0
    under_way: int = 0
    read: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        """VMs that nobody waits for any more."""
        return self.read + self.failed


class Gathering:
    """The VMs of a run, being read. Checks of VMs that are done can run meanwhile.

    The threads are daemons, so that none keeps the process alive when somebody has interrupted the run.
    """

    def __init__(self, targets: Iterable[Target], forks: int, record: Path | None) -> None:
        self._targets = {target.id: target for target in targets}
        self._forks = forks
        self._record = record
        self._futures: dict[str, Future[Outcome]] = {}
        self._waiting: deque[str] = deque()
        self._threads = 0
        self._lock = threading.Lock()
        self.progress = Progress()
        self.on_wait: Callable[[Progress], None] = lambda _: None
        """Called again and again while ``finished`` waits for a VM, in the thread that waits."""
        if record:
            remove_leftovers(record)

    def start(self, ids: Iterable[str]) -> None:
        """Begin to read these VMs, in this order. Recordings are read when they are asked for, which costs nothing."""
        with self._lock:
            for id_ in ids:
                if id_ in self._futures:
                    continue
                self._futures[id_] = Future()
                if self._targets[id_].scheme == "recorded":
                    continue
                self._waiting.append(id_)
                self.progress = replace(self.progress, total=self.progress.total + 1)
                if self._threads < self._forks:
                    self._threads += 1
                    threading.Thread(target=self._work, daemon=True, name="read").start()

    def finished(self, ids: Iterable[str]) -> Iterator[str]:
        """These VMs, each as soon as it is read."""
        done: SimpleQueue[str] = SimpleQueue()
        under_way = 0
        for id_ in ids:
            self.start([id_])
            if self._targets[id_].scheme == "recorded":
                yield id_
            else:
                under_way += 1
                self._futures[id_].add_done_callback(lambda _, id_=id_: done.put(id_))  # type: ignore[misc]
        for _ in range(under_way):
            while (next_one := _within_a_tick(done)) is None:
                self.on_wait(self.progress)
            yield next_one

    def outcome(self, id_: str) -> Outcome:
        """The recording of a VM, or why there is none; waits for it."""
        self.start([id_])
        future = self._futures[id_]
        if not future.done() and self._targets[id_].scheme == "recorded":
            future.set_result(self._read(self._targets[id_]))
        return future.result()

    def release(self, id_: str) -> None:
        """Forget the recording of a VM that is judged; should somebody ask again, it is read again."""
        self._futures.pop(id_, None)

    def close(self) -> None:
        """Begin no further VM, and end the connections of those under way."""
        with self._lock:
            self._waiting.clear()
        close_all()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                id_ = self._waiting.popleft()
                self.progress = replace(self.progress, under_way=self.progress.under_way + 1)
            outcome = self._read(self._targets[id_])
            with self._lock:
                self.progress = self._after(outcome)
            self._futures[id_].set_result(outcome)

    def _after(self, outcome: Outcome) -> Progress:
        was = self.progress
        if isinstance(outcome, ConnectionProblem):
            return replace(was, under_way=was.under_way - 1, failed=was.failed + 1)
        return replace(was, under_way=was.under_way - 1, read=was.read + 1)

    def _read(self, target: Target) -> Outcome:
        try:
            found = target.read()
        except ConnectionProblem as problem:
            return self._with_record(target, problem)
        except NotARecording as error:
            return ConnectionProblem(Problem.DAMAGED, str(error), "record the VM again")
        except Exception as error:  # noqa: BLE001  (whatever it is, every other VM still has its results)
            return bug(error)
        try:
            if self._record:
                recording.save(found, self._record, target.id)
        except OSError as error:
            detail = f"its recording could not be written: {error.strerror}"
            return ConnectionProblem(Problem.NOT_RECORDED, detail, "give --record a directory with room that you may write to")
        return found

    def _with_record(self, target: Target, problem: ConnectionProblem) -> ConnectionProblem:
        """That there is no recording is recorded too."""
        if self._record:
            try:
                recording.save_problem(problem, self._record, target.id)
            except OSError as error:
                detail = f"{problem.detail}; and this could not be recorded: {error.strerror}"
                return ConnectionProblem(problem.problem, detail, problem.remedy)
        return problem


def _within_a_tick(done: SimpleQueue[str]) -> str | None:
    try:
        return done.get(timeout=_TICK)
    except Empty:
        return None
