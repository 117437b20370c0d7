"""A section of a Windows recording: a JSON value, which the collector broke into lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backup_preflight.facts.observation import NotObserved, is_number, json_value, number, unreadable
from backup_preflight.recording import Section, Status


@dataclass(frozen=True)
class Document:
    """A JSON object. ``what``: what it is, for messages."""

    content: Mapping[str, Any]
    what: str

    def text(self, name: str) -> str:
        """A value as text; empty when it is not there."""
        found = self.content.get(name)
        return "" if found is None else str(found)

    def number(self, name: str) -> int | None:
        """A whole number; None when it is not there. Raises NotObserved for anything else."""
        found = self.content.get(name)
        return None if found is None else number(str(found), f"{name} of {self.what}")

    def required(self, name: str) -> int:
        """A whole number. Raises NotObserved when it is not there."""
        found = self.number(name)
        if found is None:
            raise unreadable(f"{name} of {self.what}")
        return found

    def words(self, name: str) -> list[str]:
        """A list of texts; one text counts as a list, as PowerShell writes it."""
        found = self.content.get(name)
        return [str(word) for word in (found if isinstance(found, list) else [found]) if word is not None]

    def part(self, name: str) -> Document:
        """An object inside; empty when it is not there."""
        found = self.content.get(name)
        return Document(found if isinstance(found, dict) else {}, f"{name} of {self.what}")

    def items(self, name: str = "items") -> list[Document]:
        """A list of objects. Raises NotObserved when it is none."""
        found = self.content.get(name)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise unreadable(f"{name} of {self.what}")
        return [Document(item, self.what) for item in found]

    def parts(self) -> dict[str, Document]:
        """Every entry as an object."""
        return {name: self.part(name) for name in self.content}


def joined(section: Section) -> str:
    """The section's text without the breaks that the collector put in."""
    return section.text.replace("\r", "").replace("\n", "")


def document(section: Section, what: str) -> Document:
    """The section's object. Raises NotObserved, also when the thing is absent."""
    if section.status is not Status.OK:
        raise NotObserved(section.status, section.detail or what)
    try:
        found = json_value(joined(section))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise unreadable(what, joined(section))
    return Document(found, what)


def optional_document(section: Section, what: str) -> Document | None:
    """The section's object; None when the thing is absent. Raises NotObserved."""
    return None if section.status is Status.ABSENT else document(section, what)


def raw(section: Section) -> Section:
    """A section whose value is a text of bytes, as the Linux collector would have written it: the bytes themselves."""
    if section.status is not Status.OK:
        return section
    try:
        found = json_value(joined(section))
    except ValueError:
        found = None
    if not isinstance(found, str):
        return Section(Status.ERROR, detail="protocol")
    return Section(Status.OK, found.encode("latin-1", "replace"))


def version_of(text: str) -> tuple[int, ...]:
    """``2.7.41491.1010`` or ``2.7.41491.1010 (x)`` as a tuple; empty when it is no version."""
    parts = (text.split() or [""])[0].split(".")
    return tuple(map(int, parts)) if all(map(is_number, parts)) else ()
