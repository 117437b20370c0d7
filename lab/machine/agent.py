"""Running commands in the virtual machine by its guest agent: past its network, and without SSH's cost under emulation."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from lab.machine.channel import Channel
from lab.shell import LabError


class GuestAgent:
    """qemu-guest-agent, on the other end of a channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def run(self, command: str, seconds: float, *, user: str = "root", stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """A command line, as a login of ``user`` would run it.

        Raises LabError when it takes longer than ``seconds``; what it started may then go on.
        """
        end = time.monotonic() + seconds
        given: dict[str, Any] = {"input_data": base64.b64encode(stdin).decode()} if stdin else {}
        path, arguments = ("/bin/sh", ["-c", command]) if user == "root" else ("/bin/su", ["-", user, "-c", command])
        started = self._channel.ask("guest-exec", path=path, arg=arguments, env=_ENVIRONMENT, capture_output=True, **given)
        while not (status := self._channel.ask("guest-exec-status", pid=started["pid"]))["exited"]:
            if time.monotonic() >= end:
                raise LabError(f"`{command}` took longer than {seconds:.0f} s")
            time.sleep(0.05)
        code = status["exitcode"] if "exitcode" in status else -status["signal"]
        return subprocess.CompletedProcess(command, code, _text(status, "out-data"), _text(status, "err-data"))

    def put(self, files: Mapping[str, tuple[bytes, int, int]], seconds: float) -> None:
        """Write files: path → content, mode and owner."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, (content, mode, owner) in files.items():
                directory, file = tarfile.TarInfo(str(PurePosixPath(path).parent)), tarfile.TarInfo(path)
                directory.type, directory.mode = tarfile.DIRTYPE, 0o700
                file.size, file.mode = len(content), mode
                for member in (directory, file):
                    member.uid = member.gid = owner
                    member.mtime = int(time.time())
                archive.addfile(directory)
                archive.addfile(file, io.BytesIO(content))
        # A directory that is there already stays as it is.
        done = self.run("tar --extract --absolute-names --preserve-permissions --no-overwrite-dir", seconds, stdin=packed.getvalue())
        if done.returncode:
            raise LabError(f"writing files into the virtual machine: {done.stderr.strip()}")


_ENVIRONMENT = ["HOME=/root", "TERM=dumb", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def _text(status: Mapping[str, str], key: str) -> str:
    return base64.b64decode(status.get(key, "")).decode(errors="replace")
