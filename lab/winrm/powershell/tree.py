"""PowerShell source as a syntax tree (tree-sitter), without the nodes that only wrap another one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

import tree_sitter
import tree_sitter_powershell

_CHAIN = frozenset(
    f"{name}_expression"
    for kind in ("", "_argument")
    for name in (
        f"{word}{kind}" for word in ("logical", "bitwise", "comparison", "additive", "multiplicative", "format", "range", "array_literal")
    )
) | {"pipeline", "pipeline_chain", "unary_expression", "argument_expression", "array_literal_expression"}

_NODES = 100_000
"""More than the collector has; scripts that come once do not pile up."""


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))


@lru_cache(8)  # one script is run on many machines
def parse(source: str) -> tree_sitter.Node:
    """The tree of a script, whatever errors it has."""
    return _parser().parse(source.encode()).root_node


@lru_cache(_NODES)
def core(node: tree_sitter.Node) -> tree_sitter.Node:
    """The first node below that means something."""
    while node.type in _CHAIN and node.child_count == 1:
        node = node.children[0]
    return node


@lru_cache(_NODES)
def parts(node: tree_sitter.Node) -> tuple[tree_sitter.Node, ...]:
    """Named children that mean something, comments left out."""
    return tuple(core(child) for child in node.named_children if child.type != "comment")


@lru_cache(_NODES)
def operands(node: tree_sitter.Node) -> tuple[tree_sitter.Node, ...]:
    """Of a chain of operators: first operand, operator, second operand, …"""
    return tuple(core(child) for child in node.children)


@lru_cache(_NODES)
def text(node: tree_sitter.Node) -> str:
    """The source of a node."""
    return (node.text or b"").decode()


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """A node and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)
