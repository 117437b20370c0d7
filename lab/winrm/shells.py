"""The two kinds of shell: cmd.exe's, and PowerShell's, which speaks PSRP (psrpcore's server side)."""

from __future__ import annotations

import base64
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psrpcore

from lab.winrm.wsman import NAMES, SHELL

_FRAGMENT = 32768


@dataclass(frozen=True)
class Answer:
    """What a program gives: the objects of its output, errors as (identifier, message), an exit code. ``stopped``: it was ended."""

    output: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    code: int = 0
    stopped: bool = False


Runner = Callable[[str, dict[str, str]], Answer]
"""Runs a script, or a command with its parameters."""


@dataclass
class Command:
    """A running command, which here is done at once. ``polls``: times that its client has asked."""

    stdout: bytes = b""
    stderr: bytes = b""
    code: int = 0
    polls: int = 0
    pipeline: psrpcore.ServerPipeline | None = None


class CommandShell:
    """A shell of cmd.exe: a command line goes in, bytes in its code page come out."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.commands: dict[str, Command] = {}

    def command(self, line: ET.Element) -> str:
        """Start a command line. The client may choose its id."""
        id_ = line.get("CommandId") or str(uuid.uuid4()).upper()
        words = [line.findtext("rsp:Command", "", NAMES), *(found.text or "" for found in line.findall("rsp:Arguments", NAMES))]
        answer = self._runner(" ".join(words), {})
        text = "".join(f"{part}\r\n" for part in answer.output)
        errors = "".join(f"{message}\r\n" for _, message in answer.errors)
        self.commands[id_] = Command(text.encode(), errors.encode(), answer.code)
        return id_

    def send(self, stream: ET.Element) -> None:
        """Standard input, which no command here reads."""

    def receive(self, command_id: str | None) -> str:
        """Everything there is, and the end."""
        found = self.commands[command_id or ""]
        streams = "".join(
            f'<rsp:Stream Name="{name}" CommandId="{command_id}">{base64.b64encode(data).decode()}</rsp:Stream>'
            for name, data in (("stdout", found.stdout), ("stderr", found.stderr))
            if data
        )
        ends = "".join(f'<rsp:Stream Name="{name}" CommandId="{command_id}" End="true"></rsp:Stream>' for name in ("stdout", "stderr"))
        return f"{streams}{ends}{_done(command_id or '', found.code)}"


class PowerShellShell:
    """A runspace pool. Fragments of PSRP messages go in and come out."""

    def __init__(self, runner: Runner, creation: str) -> None:
        self._runner = runner
        self.commands: dict[str, Command] = {}
        self.pipelines = 0
        self._pool = psrpcore.ServerRunspacePool()
        self._feed(base64.b64decode(creation))

    def command(self, line: ET.Element) -> str:
        """Create a pipeline; a long script comes in several parts (send)."""
        id_ = line.get("CommandId") or str(uuid.uuid4()).upper()
        # The pipeline has to exist before the message that creates it is read.
        self.commands[id_] = Command(pipeline=psrpcore.ServerPipeline(self._pool, uuid.UUID(id_)))
        self._start(self.commands[id_], self._feed(base64.b64decode(line.findtext("rsp:Arguments", "", NAMES))))
        return id_

    def send(self, stream: ET.Element) -> None:
        """A further part."""
        events = self._feed(base64.b64decode(stream.text or ""))
        if command := self.commands.get(stream.get("CommandId") or ""):
            self._start(command, events)

    def receive(self, command_id: str | None) -> str:
        """Of the pool, or of a pipeline: everything there is, and the end."""
        if command_id is None:
            return f'<rsp:Stream Name="stdout">{base64.b64encode(self._drain()).decode()}</rsp:Stream>'
        found = self.commands[command_id]
        data, found.stdout = found.stdout, b""
        stream = f'<rsp:Stream Name="stdout" CommandId="{command_id}">{base64.b64encode(data).decode()}</rsp:Stream>'
        return f'{stream}<rsp:CommandState CommandId="{command_id}" State="{SHELL}/CommandState/Done"/>'

    def _feed(self, data: bytes) -> list[psrpcore.PSRPEvent[Any, Any]]:
        self._pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, None))
        events = []
        while event := self._pool.next_event():
            events.append(event)
        return events

    def _drain(self) -> bytes:
        data = b""
        while payload := self._pool.data_to_send(_FRAGMENT):
            data += payload.data
        return data

    def _start(self, command: Command, events: list[psrpcore.PSRPEvent[Any, Any]]) -> None:
        for event in events:
            if isinstance(event, psrpcore.CreatePipelineEvent) and command.pipeline:
                self.pipelines += 1
                first = event.pipeline.commands[0]
                parameters = {str(name): str(value) for name, value in first.parameters}
                answer = self._runner(first.command_text, parameters)
                command.pipeline.start()
                for part in answer.output:
                    command.pipeline.write_output(part)
                for identifier, message in answer.errors:
                    exception = psrpcore.types.NETException(Message=message)
                    command.pipeline.write_error(exception, fully_qualified_error_id=identifier)
                if answer.stopped:
                    command.pipeline.stop()
                else:
                    command.pipeline.complete()
                command.stdout = self._drain()


def _done(command_id: str, code: int) -> str:
    state = f"{SHELL}/CommandState/Done"
    return f'<rsp:CommandState CommandId="{command_id}" State="{state}"><rsp:ExitCode>{code}</rsp:ExitCode></rsp:CommandState>'
