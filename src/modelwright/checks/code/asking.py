"""Short questions that rules ask of calls, and edits that they offer."""

from __future__ import annotations

import ast
from typing import Any

from modelwright.checks.code.facts import Facts
from modelwright.checks.code.nouns import Edit, Fix
from modelwright.checks.code.writing import code_of

_MISSING = object()


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((item.value for item in call.keywords if item.arg == name), None)


def argument(call: ast.Call, position: int | None, name: str) -> ast.expr | None:
    """The value of an argument given by place or by name."""
    found = keyword(call, name)
    if found is not None or position is None:
        return found
    if position < len(call.args) and not any(isinstance(item, ast.Starred) for item in call.args[: position + 1]):
        return call.args[position]
    return None


def has_open_arguments(call: ast.Call) -> bool:
    """`f(*a)` or `f(**k)`: an argument may be there without being seen."""
    return any(item.arg is None for item in call.keywords) or any(isinstance(item, ast.Starred) for item in call.args)


def constant(node: ast.AST | None, other: Any = None) -> Any:
    """The value of a literal, negative numbers too; `other` for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int | float) else other
    return other


def is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def is_false(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def tail(node: ast.AST | None) -> str:
    """The last word of what is called or read: `fit` of `a.b.fit(...)`."""
    kind = type(node)
    if kind is ast.Call:
        node = node.func  # type: ignore[union-attr]
        kind = type(node)
    if kind is ast.Attribute:
        return node.attr  # type: ignore[union-attr, no-any-return]
    return node.id if kind is ast.Name else ""  # type: ignore[union-attr]


def root(node: ast.AST | None) -> str:
    """The first name of a chain of attributes, calls and subscripts."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def written(node: ast.AST | None) -> str:
    """The code of an expression in one normal form; `` where it cannot be said."""
    if node is None:
        return ""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
        return f"{written(node.value)}.{node.attr}"
    try:
        return code_of(node)
    except (RecursionError, ValueError, AttributeError):
        return ""


def lines_of(facts: Facts) -> list[str]:
    """The lines of the joined text, split once."""
    found = facts.names.memo.get("lines")
    if not isinstance(found, list):
        found = facts.names.memo["lines"] = facts.source.text.split("\n")
    return found


def names_in(node: ast.AST | None) -> set[str]:
    return set() if node is None else {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def replace(facts: Facts, node: ast.expr, text: str) -> Edit:
    """An edit that puts `text` where the expression stands. Columns count characters, not bytes."""
    start = _spot(facts, node.lineno, node.col_offset)
    end = _spot(facts, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return Edit(line=start[0], column=start[1], end_line=end[0], end_column=end[1], text=text, cell=start[2])


def insert_before_end(facts: Facts, call: ast.Call, text: str) -> Edit | None:
    """An edit that adds an argument at the end of a call; None where its closing bracket is not where it should be."""
    lines = lines_of(facts)
    line = (call.end_lineno or 1) - 1
    if line >= len(lines):
        return None
    column = len(lines[line].encode()[: call.end_col_offset or 0].decode(errors="ignore")) - 1
    if lines[line][column : column + 1] != ")":
        return None
    before = lines[line][:column].rstrip()
    row = line
    while not before and row > 0:
        row -= 1
        before = lines[row].split("#")[0].rstrip()
    lead = "" if before.endswith(("(", ",")) else ", "
    lead = " " if before.endswith(",") and row == line else lead
    spot = _spot(facts, line + 1, (call.end_col_offset or 1) - 1)
    return Edit(line=spot[0], column=spot[1], end_line=spot[0], end_column=spot[1], text=lead + text, cell=spot[2])


def add_argument(facts: Facts, call: ast.Call, text: str, what: str, *, safe: bool = True) -> Fix | None:
    """A fix that gives a call one more argument."""
    if has_open_arguments(call):
        return None
    edit = insert_before_end(facts, call, text)
    return None if edit is None else Fix(edits=(edit,), safe=safe, text=what)


def _spot(facts: Facts, line: int, offset: int) -> tuple[int, int, int | None]:
    lines = lines_of(facts)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = len(text.encode()[:offset].decode(errors="ignore")) + 1
    cell = facts.source.cell_at(line)
    return line - (cell.first - 1 if cell else 0), column, None if cell is None else cell.number
