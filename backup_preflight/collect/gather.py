"""Reading all VMs side by side, each once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from backup_preflight import recording
from backup_preflight.errors import ConnectionProblem, Problem
from backup_preflight.files import remove_leftovers
from backup_preflight.recording import NotARecording, Recording
from backup_preflight.targets import Target

Outcome = Recording | ConnectionProblem


class Gathering:
    """The VMs of a run, being read. Checks of VMs that are done can run meanwhile."""

    def __init__(self, targets: Iterable[Target], forks: int, record: Path | None) -> None:
        self._targets = {target.id: target for target in targets}
        self._pool = ThreadPoolExecutor(max_workers=forks, thread_name_prefix="read")
        self._futures: dict[str, Future[Outcome]] = {}
        self._record = record
        if record:
            remove_leftovers(record)

    def start(self, ids: Iterable[str]) -> None:
        """Begin to read these VMs."""
        for id_ in ids:
            if id_ not in self._futures:
                self._futures[id_] = self._pool.submit(self._read, self._targets[id_])

    def outcome(self, id_: str) -> Outcome:
        """The recording of a VM, or why there is none; waits for it."""
        self.start([id_])
        return self._futures[id_].result()

    def close(self) -> None:
        """Begin no further VM; those under way end at their own deadline."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, target: Target) -> Outcome:
        try:
            found = target.read()
            if self._record:
                recording.save(found, self._record, target.id)
        except ConnectionProblem as problem:
            return problem
        except NotARecording as error:
            return ConnectionProblem(Problem.DAMAGED, str(error), "record the VM again")
        except OSError as error:
            detail = f"its recording could not be written: {error.strerror}"
            return ConnectionProblem(Problem.NOT_RECORDED, detail, "give --record a directory with room that you may write to")
        return found
