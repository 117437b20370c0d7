"""A Windows machine that is only described: its registry, WMI, files, programs, network, rights and language."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.winrm.powershell.commands import plain
from lab.winrm.powershell.dotnet import Latin1, Process, ProcessStartInfo, Reply, SslStream, Task, TcpClient, Version, address
from lab.winrm.powershell.interpreter import Call, Interpreter
from lab.winrm.powershell.values import Failure, Hash, Object, Time, enumerate_, number, string
from lab.winrm.shells import Answer

_COMMANDS = "Microsoft.PowerShell.Commands"
_CIM = "Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand"
CIM_DENIED = {"ko-KR": "액세스가 거부되었습니다. ", "zh-CN": "拒绝访问。 ", "en-US": "Access denied "}
"""What Get-CimInstance says when it is denied: captured for ko and zh (windows.md, S13). Nothing may depend on it."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class File:
    """A file. ``version``: of a program."""

    content: bytes = b""
    mtime: int = 0
    version: str = ""


@dataclass
class Windows:
    """The description. Registry keys and paths know no case; ``denied`` are keys and paths that this account may not open.

    ``wmi``: namespace and class → rows, or what gives them; ``tools``: program and arguments → exit code (None: it hangs), output;
    ``events``: log → (id, times, data); ``ports``: host and port → what answers there.
    """

    registry: dict[str, dict[str, Any]] = field(default_factory=dict)
    wmi: dict[tuple[str, str], Rows | Callable[[], Rows]] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    acls: dict[str, str] = field(default_factory=dict)
    tools: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    processes: list[str] = field(default_factory=list)
    events: dict[str, list[tuple[int, int, list[str]]]] = field(default_factory=dict)
    ports: dict[tuple[str, int], Reply] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    may_use_wmi: bool = True
    full_language: bool = True
    culture: str = "en-US"
    powershell: str = "5.1.20348.2849"
    clock: float = 0
    environment: Hash = field(default_factory=Hash)

    def run(self, script: str, parameters: dict[str, str], stdin: list[str] | None = None) -> Answer:
        """Run a script (or, with parameters, a script file's text) as a PowerShell session would. ``stdin``: lines of $input."""
        interpreter = Interpreter(self)
        mode = "FullLanguage" if self.full_language else "ConstrainedLanguage"
        interpreter.scopes[0].update(
            input=stdin or [],
            PSVersionTable=Hash(PSVersion=Version(self.powershell)),
            ExecutionContext=Object(Hash(SessionState=Object(Hash(LanguageMode=mode)))),
        )
        arguments = " ".join(f"-{name} '{value}'" for name, value in parameters.items())
        source = f"& {{\n{script}\n}} {arguments}" if parameters else script
        try:
            return Answer([string(value) for value in interpreter.run(source)])
        except Failure as failure:
            return Answer(errors=[(failure.id, failure.message)], code=1)

    # What the interpreter asks for

    def command(self, call: Call, interpreter: Interpreter) -> list[Any]:
        """A cmdlet. Raises Failure."""
        if (found := plain(call, interpreter)) is not None:
            return found
        handler = getattr(self, "_" + call.name.lower().replace("-", "_"), None)
        if handler is None:
            raise Failure("CommandNotFoundException", "ObjectNotFound", call.name)
        return enumerate_(handler(call, interpreter))

    def static(self, type_: str, member: str, arguments: list[Any] | None) -> Any:
        """A static member of a .NET type."""
        if (type_, member) == ("Diagnostics.Process", "Start"):
            return self._start((arguments or [None])[0])
        if (type_, member) == ("Text.Encoding", "GetEncoding"):
            return Latin1()
        if (type_, member) == ("Net.Dns", "GetHostAddressesAsync"):
            found = self.names.get(string((arguments or [""])[0]))
            return Task([address(found)]) if found else Task(socket=11001)
        raise NotImplementedError(f"[{type_}]::{member}")

    def _start(self, start: ProcessStartInfo) -> Process:
        key = f"{start.file_name.rpartition(chr(92))[2]} {start.arguments}"
        code, output = self.tools.get(key, (1, ""))
        return Process(output, code)

    def _new_object(self, call: Call, interpreter: Interpreter) -> Any:
        name, arguments = string(call.positional[0]), enumerate_(call.positional[1]) if len(call.positional) > 1 else []
        if name == "byte[]":
            return [bytearray(number(arguments[0]))]
        if not self.full_language:
            raise Failure(
                f"CannotCreateTypeConstrainedLanguage,{_COMMANDS}.NewObjectCommand", "PermissionDenied", "the type is not allowed"
            )
        if name == "Diagnostics.ProcessStartInfo":
            return ProcessStartInfo()
        if name == "Net.Sockets.TcpClient":
            return TcpClient(lambda host, port: self.ports.get((host, port)))
        if name == "Net.Security.SslStream":
            stream, _, judge = arguments
            return SslStream(stream, lambda errors: interpreter.call(judge, [None, None, None, errors], Hash()))
        raise NotImplementedError(name)

    # Registry and files

    def _check(self, path: str, command: str) -> None:
        if any(path.lower().startswith(prefix.lower()) for prefix in self.denied):
            raise Failure(f"System.Security.SecurityException,{_COMMANDS}.{command}", "PermissionDenied", "denied")

    def _key(self, path: str, command: str) -> dict[str, Any]:
        key = path.removeprefix("Registry::")
        self._check(key, command)
        found = next((values for known, values in self.registry.items() if known.lower() == key.lower()), None)
        if found is None and not self._sub_keys(key):
            raise Failure(f"PathNotFound,{_COMMANDS}.{command}", "ObjectNotFound", "no such key")
        return found or {}

    def _sub_keys(self, key: str) -> list[str]:
        start = f"{key.lower()}\\"
        found = (known[len(start) :].partition("\\")[0] for known in self.registry if known.lower().startswith(start))
        return list(dict.fromkeys(found))

    def _get_itemproperty(self, call: Call, _: Interpreter) -> Object:
        values = self._key(call.named["LiteralPath"], "GetItemPropertyCommand")
        properties = Hash(values)
        properties["PSPath"] = call.named["LiteralPath"]
        properties["PSObject"] = Object(Hash(Properties=[Object(Hash(Name=name)) for name in [*values, "PSPath"]]))
        return Object(properties)

    def _test_path(self, call: Call, _: Interpreter) -> bool:
        path = string(call.named["LiteralPath"])
        try:
            if path.startswith("Registry::"):
                self._key(path, "TestPathCommand")
            else:
                self._file(path, "TestPathCommand")
        except Failure as failure:
            if failure.category == "PermissionDenied":
                raise
            return False
        return True

    def _children(self, parent: str) -> dict[str, File | None]:
        """Names in a directory; None is a directory."""
        start = f"{parent.lower()}\\"
        found: dict[str, File | None] = {}
        for path, file in self.files.items():
            if path.lower().startswith(start):
                name, _, rest = path[len(start) :].partition("\\")
                found[name] = None if rest else file
        return found

    def _file(self, path: str, command: str) -> File | None:
        self._check(path, command)
        found = next((file for known, file in self.files.items() if known.lower() == path.lower()), None)
        if found is None and not self._children(path):
            raise Failure(f"PathNotFound,{_COMMANDS}.{command}", "ObjectNotFound", "no such file")
        return found

    def _get_item(self, call: Call, _: Interpreter) -> Object:
        path = string(call.named["LiteralPath"])
        return _item(path, self._file(path, "GetItemCommand"))

    def _get_childitem(self, call: Call, _: Interpreter) -> list[Object]:
        if patterns := call.named["Path"]:
            wanted = ["[^\\\\]*".join(map(re.escape, pattern.split("*"))) for pattern in enumerate_(patterns)]
            found = {path: file for path, file in self.files.items() if any(re.fullmatch(word, path, re.IGNORECASE) for word in wanted)}
            return [_item(path, file) for path, file in found.items()]
        path = string(call.named["LiteralPath"])
        if path.startswith("Registry::"):
            key = path.removeprefix("Registry::")
            self._key(path, "GetChildItemCommand")
            return [Object(Hash(PSChildName=name)) for name in self._sub_keys(key)]
        self._file(path, "GetChildItemCommand")
        return [_item(f"{path}\\{name}", file) for name, file in self._children(path).items()]

    def _get_content(self, call: Call, _: Interpreter) -> list[Any]:
        file = self._file(string(call.named["LiteralPath"]), "GetContentCommand")
        content = file.content if file else b""
        if count := call.named["TotalCount"]:
            return list(content[: number(count)])
        lines = content.decode("utf-8", "replace").splitlines()
        return lines[-number(call.named["Tail"]) :] if call.named["Tail"] else lines

    def _get_acl(self, call: Call, _: Interpreter) -> Object:
        path = string(call.named["LiteralPath"])
        self._check(path, "GetAclCommand")
        if path not in self.acls:
            raise Failure(f"GetAcl_PathNotFound_Exception,{_COMMANDS}.GetAclCommand", "ObjectNotFound", "no such path")
        return Object(Hash(Sddl=self.acls[path]))

    # WMI, events, the rest

    def _get_ciminstance(self, call: Call, _: Interpreter) -> list[Object]:
        namespace, query = string(call.named["Namespace"]), string(call.named["Query"])
        if not self.may_use_wmi:
            raise Failure(f"HRESULT 0x80041003,{_CIM}", "PermissionDenied", CIM_DENIED.get(self.culture, CIM_DENIED["en-US"]))
        if not any(known == namespace for known, _ in self.wmi):
            raise Failure(f"HRESULT 0x8004100e,{_CIM}", "MetadataError", "no such namespace")
        match = re.search(r"FROM (\w+)", query)
        rows = self.wmi.get((namespace, match[1])) if match else None
        if rows is None:
            raise Failure(f"HRESULT 0x80041010,{_CIM}", "MetadataError", "no such class")
        return [Object(Hash(row)) for row in (rows() if callable(rows) else rows)]

    def _invoke_cimmethod(self, call: Call, _: Interpreter) -> Object:
        if not self.may_use_wmi:
            raise Failure(
                "HRESULT 0x80041003,Microsoft.Management.Infrastructure.CimCmdlets.InvokeCimMethodCommand", "PermissionDenied", ""
            )
        volume = call.named["InputObject"]
        return Object(Hash(LockStatus=volume.properties["LockStatus"], ReturnValue=0) if volume else Hash(ReturnValue=0))

    def _get_winevent(self, call: Call, _: Interpreter) -> list[Object]:
        wanted = call.named["FilterHashtable"]
        events = [event for event in self.events.get(wanted["LogName"], []) if event[0] == number(wanted["Id"])]
        if not events:
            raise Failure(f"NoMatchingEventsFound,{_COMMANDS}.GetWinEventCommand", "ObjectNotFound", "none")
        return [Object(Hash(TimeCreated=Time(when), Properties=[Object(Hash(Value=value)) for value in data])) for _, when, data in events]

    def _get_process(self, _: Call, __: Interpreter) -> list[Object]:
        return [Object(Hash(Name=name, Id=1000 + place)) for place, name in enumerate(self.processes)]

    def _get_uiculture(self, _: Call, __: Interpreter) -> Object:
        return Object(Hash(Name=self.culture))

    def _get_date(self, _: Call, __: Interpreter) -> Time:
        return Time(self.clock)

    def _start_sleep(self, call: Call, _: Interpreter) -> None:
        self.clock += number(call.named["Seconds"])


def _item(path: str, file: File | None) -> Object:
    name = path.rpartition("\\")[2]
    version = Object(Hash(FileVersion=file.version or None, ProductVersion=file.version or None)) if file else None
    return Object(
        Hash(
            Name=name,
            PSChildName=name,
            FullName=path,
            PSIsContainer=file is None,
            Length=len(file.content) if file else None,
            LastWriteTimeUtc=Time(file.mtime) if file else None,
            VersionInfo=version,
        )
    )
