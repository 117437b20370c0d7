"""Every program that the Linux collector can start, from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter
import tree_sitter_bash

_BUILT_IN = {
    *("break", "cd", "command", "continue", "echo", "exec", "exit", "export", "false", "kill", "printf", "read", "return", "set"),
    *("shift", "test", "trap", "umask", "unset", "wait"),
    *("compgen", "disable"),  # of bash, of zsh
}
_KEYWORDS = {"do", "done", "else", "fi", "if", "then", "while"}
_WRAPPERS = {"run": 1, "run_long": 1, "run_all": 1, "limit": 1, "limit_all": 1, "captured": 0, "yes_no": 0, "file": 3, "has": 0}
"""Functions that start the program that is this argument of theirs."""


def programs(script: str) -> set[str]:
    """Names of programs, as they stand in the script; what is in a variable comes by another place of it (``has``)."""
    root = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language())).parse(script.encode()).root_node
    functions = {_text(node.child_by_field_name("name")) for node in _walk(root) if node.type == "function_definition"}
    found = set()
    for node in _walk(root):
        if node.type == "command":
            words = [_text(child) for child in node.named_children if "redirect" not in child.type]
            found.add(words[0])
            if (place := _WRAPPERS.get(words[0])) is not None and len(words) > place + 1:
                found.add(words[place + 1])
        elif node.type == "for_statement":  # for python in python3 …; do if has "$python"
            found |= {_text(child) for child in node.named_children if "python" in _text(child) and child.type == "word"}
    return {name for name in found - functions - _BUILT_IN - _KEYWORDS if name.replace("-", "").isalnum()}


def _walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: tree_sitter.Node | None) -> str:
    return (node.text or b"").decode() if node else ""
