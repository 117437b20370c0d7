"""WS-Management messages: reading a request, writing a response or a fault (MS-WSMV)."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
POWERSHELL = "http://schemas.microsoft.com/powershell/"
_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "x": _TRANSFER,
    "rsp": SHELL,
    "pwsh": "http://schemas.microsoft.com/powershell",
}
_ACTIONS = {
    **{f"{_TRANSFER}/{name}": name for name in ("Create", "Delete")},
    **{f"{SHELL}/{name}": name for name in ("Command", "Receive", "Send", "Signal")},
}

# Numbers of WSManFault, as Windows sends them.
ACCESS_DENIED = 5
TIMED_OUT = 2150858793
SHELL_NOT_FOUND = 2150858843
QUOTA = 2150859173
UNSUPPORTED = 2150858817


@dataclass(frozen=True)
class Request:
    """One message of a client."""

    action: str
    message_id: str
    uri: str
    shell_id: str
    body: ET.Element
    options: dict[str, str] = field(default_factory=dict)


class Fault(Exception):
    """A fault that the client gets instead of an answer."""

    def __init__(self, code: int, subcode: str, text: str, *, sender: bool = False) -> None:
        super().__init__(text)
        self.code, self.subcode, self.text, self.sender = code, subcode, text, sender


def read(data: bytes) -> Request:
    """Take a message apart. Raises ET.ParseError, Fault for an action that is not known."""
    root = ET.fromstring(data)
    header, body = root.find("s:Header", NAMES), root.find("s:Body", NAMES)
    if header is None or body is None:
        raise ET.ParseError("no envelope")
    selectors = {found.get("Name"): found.text or "" for found in header.findall("w:SelectorSet/w:Selector", NAMES)}
    action = header.findtext("a:Action", "", NAMES)
    return Request(
        _ACTIONS.get(action, action),
        header.findtext("a:MessageID", "", NAMES),
        header.findtext("w:ResourceURI", "", NAMES),
        selectors.get("ShellId", ""),
        body,
        {found.get("Name", ""): found.text or "" for found in header.findall("w:OptionSet/w:Option", NAMES)},
    )


def response(request: Request, body: str) -> bytes:
    """The answer to a request."""
    uri = next((uri for uri, name in _ACTIONS.items() if name == request.action), request.action)
    return _envelope(f"{uri}Response", request.message_id, body)


def fault(request: Request, found: Fault) -> bytes:
    """The fault for a request."""
    text = escape(found.text)
    body = (
        f"<s:Fault><s:Code><s:Value>s:{'Sender' if found.sender else 'Receiver'}</s:Value>"
        f"<s:Subcode><s:Value>w:{found.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{found.code}" Machine="stand-in">'
        f"<f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )
    return _envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", request.message_id, body)


def created(request: Request, shell_id: str) -> str:
    """The body of a shell's creation, element by element as a recorded one."""
    return (
        "<x:ResourceCreated><a:Address>http://127.0.0.1/wsman</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{escape(request.uri)}</w:ResourceURI>"
        f'<w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>'
        f"<rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId><rsp:ResourceUri>{escape(request.uri)}</rsp:ResourceUri>"
        "<rsp:Owner>stand-in</rsp:Owner><rsp:ClientIP>127.0.0.1</rsp:ClientIP><rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut>"
        "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams>"
        "<rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime><rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>"
    )


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    names = " ".join(f'xmlns:{prefix}="{NAMES[prefix]}"' for prefix in ("s", "a", "x", "w", "rsp", "p"))
    return (
        f'<s:Envelope xml:lang="en-US" {names}><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{NAMES['a']}/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
