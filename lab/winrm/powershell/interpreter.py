"""Running a syntax tree. A node that the collector does not use is a NotImplementedError: better than a guess."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tree_sitter import Node

from lab.winrm.powershell import operators
from lab.winrm.powershell.tree import core, operands, parse, parts, text
from lab.winrm.powershell.values import (
    Char,
    DotNet,
    Failure,
    Hash,
    Object,
    Span,
    Time,
    TypeName,
    collapse,
    convert,
    enumerate_,
    number,
    string,
    truth,
)


class _Return(Exception):
    """return, with what was given so far."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Break(Exception):
    """break."""


@dataclass(frozen=True)
class Block:
    """A script block or a function: its parameters and its statements."""

    body: Node | None
    parameters: tuple[tuple[str, str, Node | None], ...] = ()


@dataclass(frozen=True)
class Call:
    """A command with its arguments, as it is given to what the machine provides."""

    name: str
    positional: list[Any]
    named: Hash
    input: list[Any]


_CONSTANTS = {"true": True, "false": False, "null": None}


class Machine(Protocol):
    """What a script can reach."""

    full_language: bool
    environment: Hash

    def command(self, call: Call, interpreter: Interpreter) -> list[Any]:
        """Run a command that is neither a function nor part of the language. Raises Failure."""

    def static(self, type_: str, member: str, arguments: list[Any] | None) -> Any:
        """A static method (with arguments) or property of a .NET type."""


class Interpreter:
    """One session."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.functions: dict[str, Block] = {}
        self.scopes: list[Hash] = [Hash()]

    def run(self, source: str) -> list[Any]:
        """Everything that a script gives. Raises Failure."""
        tree = parse(source)
        if tree.has_error:
            raise Failure("ParserError", "ParserError", "the script has a syntax error")
        return self._statements(tree)

    # Statements. Results are lists: PowerShell gives whatever a statement leaves over.

    def _statements(self, node: Node | None) -> list[Any]:
        output: list[Any] = []
        for statement in parts(node) if node else []:
            try:
                output += self._statement(statement)
            except _Return as given:
                raise _Return([*output, *given.value]) from None
        return output

    def _statement(self, node: Node) -> list[Any]:
        handler: Callable[[Node], list[Any]] | None = getattr(self, f"_{node.type}", None)
        if handler and node.type.endswith(("_statement", "_list")):
            return handler(node)
        if node.type == "assignment_expression":
            self._assign(node)
            return []
        return enumerate_(self.value(node))

    def _statement_list(self, node: Node) -> list[Any]:
        return self._statements(node)

    def _empty_statement(self, _: Node) -> list[Any]:
        return []

    def _function_statement(self, node: Node) -> list[Any]:
        found = parts(node)
        declared = next((part for part in found if part.type == "function_parameter_declaration"), None)
        self.functions[text(found[0]).lower()] = Block(_body(found[-1]), _parameters(declared))
        return []

    def _if_statement(self, node: Node) -> list[Any]:
        found = parts(node)
        if truth(self.value(found[0])):
            return self._block(found[1])
        for part in found[2:]:
            clauses = parts(part) if part.type == "elseif_clauses" else []
            for condition, block in map(parts, clauses):
                if truth(self.value(condition)):
                    return self._block(block)
            if part.type == "else_clause":
                return self._block(parts(part)[0])
        return []

    def _block(self, node: Node) -> list[Any]:
        output: list[Any] = []
        for part in parts(node):
            output += self._statements(part) if part.type == "statement_list" else self._statement(part)
        return output

    def _foreach_statement(self, node: Node) -> list[Any]:
        variable, collection, block = parts(node)
        return self._loop(text(variable)[1:], enumerate_(self.value(collection)), block)

    def _loop(self, name: str, values: list[Any], block: Node) -> list[Any]:
        output: list[Any] = []
        for value in values:
            self.scopes[-1][name] = value
            try:
                output += self._block(block)
            except _Break:
                break
        return output

    def _for_statement(self, node: Node) -> list[Any]:
        start, condition, step, block = parts(node)
        self._assign(parts(start)[0])
        output: list[Any] = []
        while truth(self.value(parts(condition)[0])):
            output += self._block(block)
            self._assign(parts(step)[0])
        return output

    def _while_statement(self, node: Node) -> list[Any]:
        condition, block = parts(node)
        output: list[Any] = []
        while truth(self.value(parts(condition)[0])):
            try:
                output += self._block(block)
            except _Break:
                break
        return output

    def _switch_statement(self, node: Node) -> list[Any]:
        condition, body = parts(node)
        value = self.value(parts(condition)[0])
        for clause in parts(parts(body)[0]):
            found = parts(clause)
            wanted = text(found[0])
            if wanted.lower() == "default" or operators.equal(value, self.value(parts(found[0])[0])):
                return self._block(found[-1])
        return []

    def _try_statement(self, node: Node) -> list[Any]:
        found = parts(node)
        last = next((part for part in found if part.type == "finally_clause"), None)
        clauses = next((part for part in found if part.type == "catch_clauses"), None)
        try:
            return self._block(found[0])
        except Failure as failure:
            if clauses is None:
                raise
            return self._with_item(failure.record, lambda: self._block(parts(parts(clauses)[0])[-1]))
        finally:
            if last:
                self._block(parts(last)[0])

    def _flow_control_statement(self, node: Node) -> list[Any]:
        word, found = text(node).split()[0].lower(), parts(node)
        if word == "break":
            raise _Break
        if word == "return":
            raise _Return(self._statement(found[0]) if found else [])
        thrown = self.value(found[0]) if found else self.lookup("_")
        if isinstance(thrown, Object) and isinstance(thrown.properties["failure"], Failure):
            raise thrown.properties["failure"]
        raise Failure(string(thrown), "OperationStopped", string(thrown))

    # Variables and assignment

    def lookup(self, name: str) -> Any:
        """A variable, of the innermost scope that has it."""
        known = name.lower()
        if known.startswith("env:"):
            return self.machine.environment[name[4:]]
        if known in _CONSTANTS:
            return _CONSTANTS[known]
        for scope in reversed(self.scopes):
            if scope.has(name):
                return scope[name]
        return None

    def _assign(self, node: Node) -> None:
        left, operator, right = parts(node)
        target = parts(left)[0]
        if target.type == "assignment_expression":
            raise NotImplementedError(text(node))
        value = (
            collapse(self._statement(right)) if right.type.endswith("_statement") or right.type == "statement_list" else self.value(right)
        )
        if text(operator) == "+=":
            value = operators.add(self.value(target), value)
        self._store(target, value)

    def _store(self, target: Node, value: Any) -> None:
        if target.type == "variable":
            if (name := text(target).strip("${}")).lower() != "null":
                self.scopes[-1][name] = value
            return
        if target.type == "expression_with_unary_operator":
            raise NotImplementedError(text(target))
        holder = self.value(parts(target)[0])
        key = self.value(parts(target)[1]) if target.type == "element_access" else self._member(parts(target)[1])
        if isinstance(holder, Hash):
            holder[key] = value
        elif isinstance(holder, DotNet) and self.machine.full_language:
            setattr(holder, _snake(str(key)), value)
        elif isinstance(holder, DotNet):
            raise Failure("PropertySetterNotSupportedInConstrainedLanguage", "InvalidOperation")
        else:
            raise NotImplementedError(text(target))

    # Expressions

    def value(self, node: Node) -> Any:
        """What an expression gives."""
        node = core(node)
        handler = getattr(self, f"_value_{node.type}", None)
        if handler is None:
            if node.type.endswith("_statement") or node.type == "statement_list":
                return collapse(self._statement(node))
            raise NotImplementedError(f"{node.type}: {text(node)[:80]}")
        return handler(node)

    def _value_variable(self, node: Node) -> Any:
        return self.lookup(text(node).strip("${}"))

    def _value_integer_literal(self, node: Node) -> int:
        return int(text(node), 0)

    def _value_string_literal(self, node: Node) -> str:
        found = parts(node)[0]
        source = text(found)
        if found.type == "verbatim_string_characters":
            return source[1:-1].replace("''", "'")
        start = found.start_byte
        raw = found.text or b""
        output, position = "", 1
        for part in parts(found):
            output += _unescape(raw[position : part.start_byte - start].decode())
            output += string(self.value(part))
            position = part.end_byte - start
        return output + _unescape(raw[position:-1].decode())

    def _value_generic_token(self, node: Node) -> str:
        return text(node)

    def _value_sub_expression(self, node: Node) -> Any:
        return collapse([value for part in parts(node) for value in self._statement(part)])

    def _value_parenthesized_expression(self, node: Node) -> Any:
        return self.value(parts(node)[0])

    def _value_array_expression(self, node: Node) -> list[Any]:
        return [value for part in parts(node) for value in self._statement(part)]

    def _value_array_literal_expression(self, node: Node) -> list[Any]:
        return [self.value(part) for part in parts(node)]

    def _value_hash_literal_expression(self, node: Node) -> Hash:
        found = Hash()
        for body in parts(node):
            for entry in parts(body):
                key, value = parts(entry)
                name = parts(key)[0]
                found[text(name) if name.type == "simple_name" else self.value(name)] = collapse_keep(self, value)
        return found

    def _value_script_block_expression(self, node: Node) -> Block:
        found = parts(node)
        declared = next((part for part in [*found, *parts(found[-1])] if part.type == "param_block"), None)
        return Block(_body(found[-1]), _parameters(declared))

    def _value_type_literal(self, node: Node) -> TypeName:
        return TypeName(text(node)[1:-1])

    def _value_expression_with_unary_operator(self, node: Node) -> Any:
        inner = parts(node)
        if inner[0].type == "cast_expression":
            type_, operand = parts(inner[0])
            name = text(type_)[1:-1]
            if name.startswith("Net."):
                self._require_full_language("ConversionSupportedOnlyToCoreTypes")
            return convert(self.value(operand), name)
        operator = text(node)[: len(text(node)) - len(text(inner[-1]))].strip().lower()
        return operators.unary(operator, self.value(inner[-1]))

    def _binary(self, node: Node) -> Any:
        first, *others = operands(node)
        value = self.value(first)
        for operator, operand in zip(others[::2], others[1::2], strict=True):
            word = text(operator).lower()
            if word in {"-and", "-or"}:
                value = (truth(value) and truth(self.value(operand))) if word == "-and" else (truth(value) or truth(self.value(operand)))
            else:
                value = operators.binary(word, value, self.value(operand), self.scopes)
        return value

    _value_logical_expression = _value_comparison_expression = _value_additive_expression = _binary
    _value_multiplicative_expression = _value_format_expression = _value_range_expression = _value_bitwise_expression = _binary
    _value_logical_argument_expression = _value_comparison_argument_expression = _value_additive_argument_expression = _binary
    _value_multiplicative_argument_expression = _value_range_argument_expression = _binary

    def _value_element_access(self, node: Node) -> Any:
        holder, index = (self.value(part) for part in parts(node))
        if isinstance(holder, Hash):
            return holder[index]
        if isinstance(index, list):
            return [holder[number(place)] for place in index if number(place) < len(holder)]
        if holder is None:
            return None
        place = number(index)
        if isinstance(holder, str):
            return Char(holder[place])
        items = holder if isinstance(holder, (list, tuple, bytes)) else [holder]
        return items[place] if -len(items) <= place < len(items) else None

    def _member(self, node: Node) -> str:
        inner = parts(node)
        return string(self.value(inner[0])) if inner and inner[0].type != "simple_name" else text(node)

    def _value_member_access(self, node: Node) -> Any:
        first, member = parts(node)
        if first.type == "type_literal":
            return self.machine.static(text(first)[1:-1], text(member), None)
        return self.property(self.value(first), self._member(member))

    def property(self, holder: Any, name: str) -> Any:
        """A property; of a list, that of each element."""
        known = {"length": lambda found: len(found), "count": lambda found: len(found) if isinstance(found, (list, Hash)) else 1}
        if isinstance(holder, Hash):
            return list(holder) if name.lower() == "keys" else holder[name]
        if isinstance(holder, Object):
            return holder.properties[name]
        if isinstance(holder, (str, bytes, list)) and name.lower() in known:
            return known[name.lower()](holder)
        if isinstance(holder, list):
            return collapse([found for item in holder if (found := self.property(item, name)) is not None])
        if isinstance(holder, Span) and name == "TotalSeconds":
            return holder.seconds
        return getattr(holder, _snake(name), None)

    def _value_invokation_expression(self, node: Node) -> Any:
        first, member, *rest = parts(node)
        arguments = [self.value(argument) for part in rest for lists in parts(part) for argument in parts(lists)]
        if first.type == "type_literal":
            self._require_full_language("MethodInvocationNotSupportedInConstrainedLanguage")
            return self.machine.static(text(first)[1:-1], text(member), arguments)
        holder = self.value(first)
        if isinstance(holder, (str, Time)):
            return operators.method(holder, text(member), arguments)
        self._require_full_language("MethodInvocationNotSupportedInConstrainedLanguage")
        if not isinstance(holder, DotNet):
            raise Failure("InvokeMethodOnNull" if holder is None else "MethodNotFound", "InvalidOperation", text(node))
        return getattr(holder, _snake(text(member)))(*arguments)

    def _require_full_language(self, id_: str) -> None:
        if not self.machine.full_language:
            raise Failure(id_, "InvalidOperation", "not in ConstrainedLanguage mode")

    # Commands

    def _value_pipeline_chain(self, node: Node) -> Any:
        values: list[Any] = []
        for place, part in enumerate(parts(node)):
            values = self._command(part, values) if part.type == "command" else enumerate_(self.value(part)) if not place else values
        return collapse(values)

    def _value_command(self, node: Node) -> Any:
        return collapse(self._command(node, []))

    def _command(self, node: Node, given: list[Any]) -> list[Any]:
        found = parts(node)
        words = [part for element in found if element.type == "command_elements" for part in parts(element)]
        positional, named = self._arguments(words)
        if found[0].type == "command_invokation_operator":
            target = self.value(parts(found[1])[0] if found[1].type == "command_name_expr" else found[1])
            if isinstance(target, Block):
                return self.call(target, positional, named)
            return self.machine.command(Call(string(target), positional, named, given), self)
        name = text(found[0])
        if span := re.fullmatch(r"(\d+)\.\.(\d+)", name):  # the grammar takes a range at the start of a statement for a command
            return list(range(int(span[1]), int(span[2]) + 1))
        if function := self.functions.get(name.lower()):
            return self.call(function, positional, named)
        return self.machine.command(Call(name, positional, named, given), self)

    def _value_path_command_name(self, node: Node) -> Any:
        return self.value(parts(node)[0])

    def _arguments(self, words: list[Node]) -> tuple[list[Any], Hash]:
        positional: list[Any] = []
        named = Hash()
        waiting = ""
        for word in words:
            if word.type == "command_argument_sep":
                continue
            if word.type == "command_parameter":
                if waiting:
                    named[waiting] = True
                waiting = text(word)[1:]
                continue
            if word.type == "argument_list":  # New-Object Type(a, b)
                value: Any = [self.value(argument) for lists in parts(word) for argument in parts(lists)]
            else:
                value = self.value(word)
            if waiting:
                named[waiting], waiting = value, ""
            else:
                positional.append(value)
        if waiting:
            named[waiting] = True
        return positional, named

    def call(self, block: Block, positional: list[Any], named: Hash, **variables: Any) -> list[Any]:
        """Run a function or a script block in a scope of its own."""
        scope = Hash(args=list(positional), **variables)
        rest = list(positional)
        for name, type_, default in block.parameters:
            if name.lower() in {key.lower() for key in named}:
                value = named[name]
            elif rest:
                value = rest.pop(0)
            else:
                value = self.value(default) if default else None
            scope[name] = convert(value, type_) if type_ and not (value is None and type_ not in {"string", "int"}) else value
        self.scopes.append(scope)
        try:
            return self._statements(block.body)
        except _Return as given:
            return list(given.value)
        finally:
            self.scopes.pop()

    def each(self, block: Block, value: Any) -> list[Any]:
        """Run a script block with $_, as ForEach-Object does: in the scope around it."""
        return self._with_item(value, lambda: self._statements(block.body))

    def _with_item(self, value: Any, run: Callable[[], list[Any]]) -> list[Any]:
        scope = self.scopes[-1]
        before = scope["_"]
        scope["_"] = value
        try:
            return run()
        finally:
            scope["_"] = before


def collapse_keep(interpreter: Interpreter, node: Node) -> Any:
    """The value of a hash entry: a list stays one, whatever its length."""
    inner = parts(node)[0] if node.type == "statement_list" else node
    return interpreter.value(inner)


def _body(node: Node) -> Node | None:
    inner = parts(node) if node.type == "script_block" else []
    body = next((part for part in inner if part.type == "script_block_body"), None)
    return parts(body)[0] if body and parts(body) else None


def _parameters(node: Node | None) -> tuple[tuple[str, str, Node | None], ...]:
    found = []
    for declared in (part for lists in parts(node) for part in parts(lists)) if node else ():
        type_, name, default = "", "", None
        for part in parts(declared):
            if part.type == "attribute_list":
                type_ = text(part).strip("[]") + ("[]" if text(part).endswith("[]]") else "")
            elif part.type == "variable":
                name = text(part)[1:]
            else:
                default = parts(part)[0]
        found.append((name, type_, default))
    return tuple(found)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _unescape(source: str) -> str:
    return re.sub(r"`(.)", lambda match: {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}.get(match[1], match[1]), source).replace('""', '"')
