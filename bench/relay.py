"""``python -m bench.relay PID SECONDS``: joins this network namespace with that of a process, each packet that much later.

What ``tc netem delay`` does, on kernels without it: a TUN device at each end, and a queue for each direction.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from pathlib import Path

_TUNSETIFF, _TUN_WITHOUT_INFO = 0x400454CA, 0x1001


def _tun(name: str) -> int:
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_INFO))
    return handle


def main(pid: str, delay: float) -> None:
    """Runs until it is ended."""
    vms = _tun("vms")
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
    client = _tun("client")
    sys.stdout.write("\n")
    sys.stdout.flush()
    other = {vms: client, client: vms}
    poller = select.poll()
    for handle in other:
        poller.register(handle, select.POLLIN)
    waiting: deque[tuple[float, int, bytes]] = deque()  # the delay is constant, so the first in is the first out
    while True:
        due = waiting[0][0] - time.monotonic() if waiting else None
        for handle, _ in poller.poll(max(0.0, due) * 1000 if due is not None else None):
            try:
                while True:
                    packet = os.read(handle, 65536)
                    waiting.append((time.monotonic() + delay, other[handle], packet))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, handle, packet = waiting.popleft()
            with contextlib.suppress(OSError):  # that end is not up yet
                os.write(handle, packet)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
