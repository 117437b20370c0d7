"""The gate for windows.ps1, because no PowerShell can be had here: it parses, and has nothing that an old or restricted one lacks.

``python -m selftests.powershell FILE…`` prints what is wrong, and fails.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tree_sitter import Node

from lab.winrm.powershell.tree import parse, text, walk

LINE = 140
COMMANDS = {
    *(
        "foreach-object",
        "get-acl",
        "get-childitem",
        "get-ciminstance",
        "get-content",
        "get-date",
        "get-filehash",
        "get-item",
        "get-itemproperty",
    ),
    *("get-process", "get-random", "get-uiculture", "get-winevent", "invoke-cimmethod", "new-object", "select-object", "set-strictmode"),
    *("sort-object", "start-sleep", "test-path", "where-object"),
}
"""All commands that may be called: each is in PowerShell 4.0, and only reads or computes."""

PROGRAMS = frozenset({"whoami.exe", "sc.exe", "vssadmin.exe"})
"""All programs that may be started, by Start-Tool."""

METHODS = {
    *("AddDays", "AddSeconds", "AuthenticateAsClient", "BeginConnect", "Close", "EndConnect", "GetBytes", "GetEncoding"),
    *("GetHostAddressesAsync", "GetStream", "GetString", "Read", "ReadToEndAsync", "Substring", "ToCharArray", "ToLower"),
    *("ToUniversalTime", "TrimEnd", "Wait", "WaitForExit", "WaitOne"),
    *("[Diagnostics.Process]::Start", "$Stream.Write", "$Tool.process.Kill"),
}
"""All methods that may be called; those that could change something with what they are called on: a program, a socket, that program."""

CIM_METHODS = frozenset({"GetLockStatus", "GetDWORDValue"})
"""All methods of WMI that may be called: both only read."""

FULL_LANGUAGE_ONLY = frozenset({"Diagnostics.ProcessStartInfo", "Net.Sockets.TcpClient", "Net.Security.SslStream", "byte[]"})
"""All types that may be made; where they may not, New-Object says so by an identifier, and the section is unsupported."""

CORE_TYPES = {
    *("array", "bool", "byte", "byte[]", "char", "datetime", "hashtable", "int", "int64", "scriptblock", "string", "string[]"),
    *("uint32", "version"),
}
"""Types that ConstrainedLanguage mode allows, and that are used."""

FULL_LANGUAGE_TYPES = frozenset({"Diagnostics.Process", "Net.Dns", "Net.Security.RemoteCertificateValidationCallback", "Text.Encoding"})
"""Types whose members only FullLanguage mode allows: used inside a probe, whose failure is its status."""

TOO_NEW = {
    r"::new\(": "::new() needs PowerShell 5",
    r"\?\?|\?\.|&&|\|\|": "this operator needs PowerShell 7",
    r"(?i)-Depth\b(?=.*Get-ChildItem)|Get-ChildItem.*-Depth\b": "-Depth of Get-ChildItem needs PowerShell 5",
    r"(?i)Get-ItemPropertyValue|New-Guid|Get-ComputerInfo|-AsHashtable|-Parallel\b|-EnumsAsStrings": "this needs a newer PowerShell",
    r"(?i)^\s*(class|enum|using)\s": "this keyword needs PowerShell 5",
    r"(?i)#requires": "it shall run unsigned, and by hand, in any version",
    r"(?i)Add-Type|Invoke-Expression|\biex\b|Out-File|Set-Content|Add-Content|>\s*\$?\w": "it shall only read",
    r"(?i)\bGet-WmiObject\b": "PowerShell 6 has no Get-WmiObject",
}


def problems(source: str) -> Iterator[str]:
    """What is wrong with a script, one line each."""
    if not source.isascii():
        yield "not ASCII: the code page on the way would matter"
    tree = parse(source)
    for node in walk(tree):
        if node.type == "ERROR" or (node.is_missing and node.type != ""):
            yield _at(node, f"syntax error near {text(node)[:40]!r}")
    for number, line in enumerate(source.splitlines(), 1):
        if len(line) > LINE:
            yield f"line {number}: longer than {LINE} characters"
        code = re.sub(r"'[^']*'|\"[^\"]*\"", "", line.partition("# ")[0])
        yield from (f"line {number}: {why}" for pattern, why in TOO_NEW.items() if re.search(pattern, code))
    functions = {text(node).lower() for node in walk(tree) if node.type == "function_name"}
    for node in walk(tree):
        yield from _words(node, functions)


def _words(node: Node, functions: set[str]) -> Iterator[str]:
    word = text(node)
    if node.type == "command_name" and word.lower() not in COMMANDS | functions and not re.fullmatch(r"\d+\.\.\d+", word):
        yield _at(node, f"the command {word} is not on the list")
    if node.type == "invokation_expression":
        name = next(text(child) for child in node.children if child.type == "member_name")
        if name not in METHODS and word.partition("(")[0] not in METHODS:
            yield _at(node, f"the method {word.partition('(')[0]} is not on the list")
    if node.type == "command" and (match := re.match(r"(?i)Invoke-CimMethod.*-MethodName (\w+)", word)) and match[1] not in CIM_METHODS:
        yield _at(node, f"the method {match[1]} of WMI is not on the list")
    if node.type == "type_literal" and word[1:-1] not in CORE_TYPES | FULL_LANGUAGE_TYPES:
        yield _at(node, f"the type {word} is not on the list")
    if node.type == "command" and (match := re.match(r"(?i)New-Object ([\w.\[\]]+)", word)) and match[1] not in FULL_LANGUAGE_ONLY:
        yield _at(node, f"the type {match[1]} is not on the list")
    if node.type == "command" and (match := re.match(r"(?i)Start-Tool '([^']*)'", word)) and match[1] not in PROGRAMS:
        yield _at(node, f"the program {match[1]} is not on the list")


def _at(node: Node, what: str) -> str:
    return f"line {node.start_point[0] + 1}: {what}"


if __name__ == "__main__":
    found = [f"{path}: {problem}" for path in sys.argv[1:] for problem in problems(Path(path).read_text(encoding="utf-8"))]
    print("\n".join(found) or f"{len(sys.argv) - 1} PowerShell script parses and keeps to the rules")
    sys.exit(bool(found))
