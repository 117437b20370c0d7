"""The few classes of .NET that the collector uses: programs, sockets, TLS. Nothing leaves this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.winrm.powershell.values import DotNet, Failure, Hash, Object, number, string


@dataclass
class Task(DotNet):
    """A task that has ended, or never does."""

    result: Any = None
    ends: bool = True
    socket: int = 0

    def wait(self, _: int) -> bool:
        """Whether it ends in that many milliseconds."""
        if self.socket:
            raise Failure("AggregateException", "NotSpecified", "a task has failed", self.socket)
        return self.ends


@dataclass
class ProcessStartInfo(DotNet):
    """What to start."""

    file_name: str = ""
    arguments: str = ""
    use_shell_execute: bool = True
    create_no_window: bool = False
    redirect_standard_output: bool = False


@dataclass
class Process(DotNet):
    """A program that has ended with this output, or hangs (``code`` None)."""

    output: str
    code: int | None
    killed: bool = False

    @property
    def standard_output(self) -> Process:
        """Its own reader."""
        return self

    def read_to_end_async(self) -> Task:
        """The output."""
        return Task(self.output, ends=self.code is not None)

    def wait_for_exit(self, _: int) -> bool:
        """Whether it ends in that many milliseconds."""
        return self.code is not None

    def kill(self) -> None:
        """End it."""
        self.killed = True

    @property
    def exit_code(self) -> int | None:
        """Its exit code."""
        return self.code


@dataclass(frozen=True)
class Certificate:
    """What a TLS server shows. ``errors``: SslPolicyErrors, 0 when Windows trusts it."""

    errors: int
    issuer: str


Reply = bytes | Certificate | int | None
"""What answers at a port: bytes, TLS, a socket's error, or nothing at all."""


@dataclass
class TcpClient(DotNet):
    """A connection to something that the machine's description says."""

    reply_of: Callable[[str, int], Reply]
    reply: Reply = None
    receive_timeout: int = 0
    send_timeout: int = 0
    closed: bool = False

    def begin_connect(self, address: str, port: int, *_: Any) -> TcpClient:
        """Begin."""
        self.reply = self.reply_of(string(address), number(port))
        return self

    @property
    def async_wait_handle(self) -> TcpClient:
        """Its own."""
        return self

    def wait_one(self, _: int) -> bool:
        """Whether something came in that many milliseconds."""
        return self.reply is not None

    def end_connect(self, _: Any) -> None:
        """Connected, or the error."""
        if isinstance(self.reply, int):
            raise Failure("SocketException", "NotSpecified", "the connection failed", self.reply)

    def get_stream(self) -> Stream:
        """The connection's bytes."""
        return Stream(self.reply)

    def close(self) -> None:
        """Close it."""
        self.closed = True


@dataclass
class Stream(DotNet):
    """Bytes of a connection. ``position``: how much was read."""

    reply: Reply
    position: int = 0

    def write(self, *_: Any) -> None:
        """A request, which nobody looks at."""

    def read(self, buffer: bytearray, offset: int, count: int) -> int:
        """Some of the answer, in pieces as a network gives them."""
        data = self.reply if isinstance(self.reply, bytes) else b""
        piece = data[self.position : self.position + min(count, 1000)]
        buffer[offset : offset + len(piece)] = piece
        self.position += len(piece)
        return len(piece)


@dataclass
class SslStream(DotNet):
    """TLS over a stream. ``judge``: the callback that is asked about the certificate."""

    stream: Stream
    judge: Callable[[int], Any]
    remote_certificate: Object = field(default_factory=Object)

    def authenticate_as_client(self, *_: Any) -> None:
        """The handshake."""
        reply = self.stream.reply
        if not isinstance(reply, Certificate):
            raise Failure("AuthenticationException", "NotSpecified", "no TLS")
        self.judge(reply.errors)
        self.remote_certificate = Object(Hash(Issuer=reply.issuer))


class Latin1(DotNet):
    """[Text.Encoding]::GetEncoding(28591)."""

    def get_bytes(self, text: str) -> bytes:
        """Text as bytes."""
        return text.encode("latin-1")

    def get_string(self, data: bytearray, start: int, count: int) -> str:
        """Bytes as text."""
        return bytes(data[start : start + count]).decode("latin-1")


@dataclass(frozen=True)
class Version(DotNet):
    """[version]."""

    text: str

    @property
    def major(self) -> int:
        """The first number."""
        return int(self.text.split(".")[0])

    def __str__(self) -> str:
        return self.text


def address(text: str) -> Object:
    """[Net.IPAddress]."""
    return Object(Hash(IPAddressToString=text))
