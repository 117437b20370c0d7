"""The stand-in's answers have the shape of recorded answers of real Windows, element by element."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.winrm import wsman
from lab.winrm.login import Account
from lab.winrm.server import Behaviour, Service
from lab.winrm.shells import Answer

RECORDED = Path(__file__).parent / "recorded"
OPTIONAL = {
    "ActivityId",
    "CompressionMode",
    "ProcessId",
    "Encoding",
    "DataLocale",
    "Locale",
    "BufferMode",
    "State",
    "ProfileLoaded",
    "MaxIdleTimeOut",
}
"""Elements that the newer of the two recorded servers sends and the older one does not."""


def shape(text: str) -> set[str]:
    """Paths of elements, with the names of their attributes; how often each comes is the conversation's own."""

    def walk(element: ET.Element, path: str) -> Iterator[str]:
        name = element.tag.rpartition("}")[2]
        attributes = sorted(key.rpartition("}")[2] for key in element.attrib)
        here = f"{path}/{name}{attributes}"
        if name not in OPTIONAL:
            yield here
            for child in element:
                yield from walk(child, here)

    return set(walk(ET.fromstring(text), ""))


def ids(text: str) -> list[str]:
    """Ids of shells and commands that an answer gives."""
    return re.findall(r"<rsp:(?:ShellId|CommandId)>([^<]+)<", text)


def service() -> Service:
    def run(_: str, __: dict[str, str]) -> Answer:
        return Answer(["out"], [("", "err")], 1)

    return Service(run, run, (Account(),), (), Behaviour(), encrypted=False)


@pytest.mark.parametrize("name", ["cmd_shell", "powershell"])
def test_the_same_requests_get_answers_of_the_same_shape(name: str) -> None:
    server = service()
    ours: dict[str, str] = {}  # ids that the recorded server chose, and those that ours chose instead
    for message in json.loads((RECORDED / f"{name}.json").read_text()):
        if name == "powershell" and "CommandId" in message["request"]:
            continue  # this client of 2018 wrote a pipeline's id in another byte order than PSRP's document says
        text = message["request"]
        for theirs, chosen in ours.items():
            text = text.replace(theirs, chosen)
        request = wsman.read(text.encode())
        answer = wsman.response(request, server.answer(request)).decode()
        wanted, found = shape(message["response"]), shape(answer)
        assert found == wanted, (request.action, found ^ wanted)
        ours.update(zip(ids(message["response"]), ids(answer), strict=True))
    assert not server.shells
