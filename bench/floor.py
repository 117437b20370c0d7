"""``python -m bench.floor KEY SECONDS FORKS ADDRESS...``: the least that reading VMs over SSH can cost with the same client.

Connect with a key, run one ``sleep`` of the time for which the collector looks at the CPU, close.
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import paramiko


def _one(address: str, key: str, seconds: str) -> int:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(address, username="root", key_filename=key, allow_agent=False, look_for_keys=False, banner_timeout=60, auth_timeout=60)
    transport = client.get_transport()
    assert transport is not None
    assert isinstance(transport.sock, socket.socket)
    transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    channel = transport.open_session()
    channel.exec_command(f"sleep {seconds}")
    status = channel.recv_exit_status()
    client.close()
    return status


def main(key: str, seconds: str, forks: int, addresses: list[str]) -> None:
    """All addresses, that many at a time."""
    with ThreadPoolExecutor(forks) as pool:
        if any(pool.map(lambda address: _one(address, key, seconds), addresses)):
            raise SystemExit("bench: the floor could not read all VMs")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
