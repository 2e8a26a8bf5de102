"""Find the place in the file that a mistake found after loading is about."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modelwright.core.errors import SpecError
from modelwright.spec.source import Advice, Node, error_at, error_in

_NAMED = re.compile(r"^features\.(windows|crosses)\.(.+)$", re.DOTALL)


def placed(error: SpecError, nodes: Mapping[str, Node]) -> SpecError:
    """The same error at its place in the file; the error itself where it has one or none can be found.

    `subject` names the place: a dotted path, a window or cross by name, or a hook. A column of a one-line text (an
    expression) becomes a column of the file. A key that the file leaves out is shown by its section.
    """
    if error.file:
        return error
    node = _node(error.subject, nodes)
    if node is None:
        return error
    advice = Advice(hint=error.hint, fix=error.fix)
    if error.line == 1 and error.column is not None and node.kind == "scalar":
        found = _inside(node, error.column)
        if found is not None:
            return error_in(node.source, found, error.message, advice, code=error.code, subject=error.subject)
    return error_at(node, error.message, advice, code=error.code, subject=error.subject)


def _node(subject: str, nodes: Mapping[str, Node]) -> Node | None:
    if not subject:
        return None
    named = _NAMED.match(subject)
    if named:
        listed = re.compile(rf"^features\.{named[1]}\[\d+\](\.name)?$")
        for path, node in nodes.items():
            if listed.match(path) and named[2] in (node.value, " x ".join(str(item.value) for item in node.items)):
                return node
    if re.match(r"^[a-z_]+(\.|$)", subject):
        path = subject
        while path:
            if path in nodes:
                return nodes[path]
            path = path.rpartition(".")[0]
    return next((node for node in nodes.values() if node.kind == "scalar" and node.value == subject), None)


def _inside(node: Node, column: int) -> tuple[int, int] | None:
    """Where the 1-based column of a scalar's value stands in the file; None where it is written in another way
    (folded over lines, with doubled quotes)."""
    value = str(node.value).rstrip("\n")
    for number in range(node.line, node.end_line + 1):
        at = node.source.line(number).find(value, node.column - 1 if number == node.line else 0)
        if at >= 0:
            return number, at + column
    return None
