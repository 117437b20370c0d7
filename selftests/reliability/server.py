"""Ports that misbehave: one asyncio server for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]


async def silent(reader: Reader, _: Writer) -> None:
    """Takes the connection and never says a word."""
    while await reader.read(65536):
        pass


async def trickle(_: Reader, writer: Writer) -> None:
    """A banner of one byte a second, which never ends."""
    for byte in b"SSH-2.0-" + b"x" * 100_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def flood(_: Reader, writer: Writer, begin: bytes = b"", block: bytes = b"x" * 65536) -> None:
    """Says ``begin``, then ``block`` without end."""
    writer.write(begin)
    while True:
        writer.write(block)
        await writer.drain()


async def say(reader: Reader, writer: Writer, text: bytes = b"") -> None:
    """Says this and closes, once the other side has nothing more to say."""
    writer.write(text)
    writer.write_eof()
    await reader.read()


async def http(reader: Reader, writer: Writer, answer: bytes) -> None:
    """The same answer to every request, without end."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        await reader.readexactly(length)
        writer.write(answer)
        await writer.drain()


async def relay(reader: Reader, writer: Writer, to: tuple[str, int], *, after: int, then: str) -> None:
    """Passes on to another server; after so many bytes of its answer: ``cut``, ``stall`` or ``corrupt``."""
    there_reader, there_writer = await asyncio.open_connection(*to)
    upward = asyncio.ensure_future(_copy(reader, there_writer))
    upward.add_done_callback(lambda _: there_writer.transport.abort())  # who has asked is gone
    try:
        left = after
        while data := await there_reader.read(65536):
            if len(data) > left and then == "corrupt":
                data = data[:left] + bytes([data[left] ^ 0xFF]) + data[left + 1 :]
                then = ""
            if len(data) > left and then:
                writer.write(data[:left])
                await writer.drain()
                if then == "stall":
                    await upward
                return
            writer.write(data)
            await writer.drain()
            left = max(0, left - len(data)) if then else left
    finally:
        upward.cancel()
        there_writer.close()


async def count(reader: Reader, writer: Writer, to: tuple[str, int], counted: list[int]) -> None:
    """Passes on to another server, and counts the bytes of its answer."""
    there_reader, there_writer = await asyncio.open_connection(*to)
    upward = asyncio.ensure_future(_copy(reader, there_writer))
    await _copy(there_reader, writer, counted)
    upward.cancel()
    there_writer.close()


async def _copy(reader: Reader, writer: Writer, counted: list[int] | None = None) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            if counted is not None:
                counted.append(len(data))
            writer.write(data)
            await writer.drain()


async def _guarded(handler: Handler, reader: Reader, writer: Writer) -> None:
    try:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await handler(reader, writer)
    finally:
        writer.close()


class Server:
    """Misbehaving ports on loopback, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._listening: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="misbehaving")
        self._thread.start()

    def listen(self, address: tuple[str, int], handler: Handler) -> None:
        """Answer there in this way."""
        start = asyncio.start_server(partial(_guarded, handler), *address)
        self._listening.append(asyncio.run_coroutine_threadsafe(start, self._loop).result())

    def close(self) -> None:
        """End all connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for each in self._listening:
            each.close()
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def name_server(address: str) -> Iterator[None]:
    """A name server that knows no name, and does not answer at all for names below ``silent``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 53))

        def serve() -> None:
            while query := _received(sock):
                if b"\x06silent" not in query[0]:
                    sock.sendto(query[0][:2] + b"\x81\x83" + query[0][4:], query[1])

        thread = threading.Thread(target=serve, daemon=True, name="name server")
        thread.start()
        yield
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (address, 53))
        thread.join()


def _received(sock: socket.socket) -> tuple[bytes, tuple[str, int]] | None:
    data, sender = sock.recvfrom(512)
    return (data, sender) if data else None
