"""Comprehensions: lists, sets and dicts built by a loop inside an expression."""

from __future__ import annotations

import ast

from modelwright.checks.code.flow import reading
from modelwright.checks.code.flow.expressions import elements, evaluate, holding, in_loop
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value


def run(m: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    outer = m.scope
    m.scope = type(outer)(outer)
    found: list[Value] = []
    loops = m.loops
    first: Value | None = None
    try:
        many = [UNKNOWN]
        for number, part in enumerate(node.generators):
            over = evaluate(m, part.iter)
            first = over if number == 0 else first
            many = elements(m, over, part.iter) if number == 0 else many
            item = elements(m, over, part.iter)[0]
            m.bind(part.target, in_loop(item, node))
            for test in part.ifs:
                evaluate(m, test)
        if isinstance(node, ast.DictComp):
            m.loops = (*loops, node)
            key = evaluate(m, node.key).const
            value = evaluate(m, node.value)
            new = Value("dict", table={key if key is not UNSET else "any": value}, element=value, learned=value.learned)
            return _kept(m, node, new, value)
        m.loops = (*loops, node)
        for item in many[:4] if len(node.generators) == 1 else many[:1]:
            m.bind(node.generators[0].target, in_loop(item, node))
            found.append(evaluate(m, node.elt))
    finally:
        m.scope = outer
        m.loops = loops
    return _kept(m, node, _listed(first, found, node), found[0] if found else UNKNOWN)


def _kept(m: Machine, node: ast.AST, new: Value, value: Value) -> Value:
    """Figures collected by a comprehension are kept to be compared."""
    if "figure" in value.flags:
        new.flags |= {"figure"}
        new.preds = tuple(dict.fromkeys((*new.preds, *value.preds)))
        reading.read(m, value, "kept", node)
    return new


def _numbered(over: Value | None) -> Value | None:
    """What `enumerate(rows)` and `zip(rows, labels)` go along."""
    parts = over.element.items if over is not None and over.element is not None else None
    if over is None or over.rows or not parts:
        return over
    return next((part for part in parts if part.rows and part.kind in {"series", "array"} and not part.target), over)


def _listed(over: Value | None, found: list[Value], node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    """A list built from rows is those rows again: `[clean(t) for t in texts]`."""
    value = found[0] if found else UNKNOWN
    if over is not None and over.items is not None and len(over.items) <= 4 and not node.generators[0].ifs:
        return holding("list", found)
    over = _numbered(over)
    if over is not None and over.kind in {"frame", "series", "array", "tensor"} and over.rows:
        new = over.copy(const=UNSET, items=None, preds=value.preds)
        new.learned |= value.learned
        return new
    new = Value("list", element=value, learned=value.learned, loops=value.loops - {node}, preds=value.preds)
    if value.kind in {"series", "array", "frame", "unknown"} and value.preds:
        new.rows = value.rows
    if over is not None and over.flags & {"columns"}:
        new.flags = over.flags
        new.learned |= over.learned
    new.node = node
    return new
