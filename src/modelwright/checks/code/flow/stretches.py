"""Stretches of rows or of positions: what a slice takes, and which division of rows it is a side of."""

from __future__ import annotations

import ast
from collections.abc import Hashable

from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.rows import Rows, cut
from modelwright.checks.code.flow.values import UNSET, Split, Value


def note_split(m: Machine, node: ast.AST, how: str, key: Hashable, base: Value, new: Value) -> None:
    if how == "filter":
        return
    where = ("split", node, m.stack, key)
    if where not in m._cache:
        split = Split(node, how, key, (base,), m.tick(), loops=m.loops, parts=(new,))
        split.shuffle = how in {"mask", "sample"}
        m._cache[where] = split
        m.splits.append(split)


Bound = tuple[ast.expr | None, Value | None]


def sliced(m: Machine, node: ast.AST, base: Value, low: Bound, high: Bound) -> Rows:
    rows = base.rows
    start, stop = _number(low[1]), _number(high[1])
    if (
        (start is not None and stop is not None)
        or (stop is None and high[0] is None and start is not None and start >= 0)
        or (start is None and low[0] is None and stop is not None and stop >= 0)
    ):
        first = start or 0
        last = stop if high[0] is not None and stop is not None else 10**12
        if first >= 0 and last >= 0:
            rows = cut(rows, "interval", (first, last), "slice")
            note_split(m, node, "slice", "interval", base, base)
            return rows
    dates = [bound[1].const for bound in (low, high) if bound[1] is not None and isinstance(bound[1].const, str)]
    if dates and len(dates) == sum(bound[0] is not None for bound in (low, high)):
        side = (dates[0] if low[0] is not None else "", dates[-1] if high[0] is not None else "~")
        note_split(m, node, "slice", "dates", base, base)
        return cut(rows, "dates", side, "slice")
    edges: list[tuple[Hashable, str]] = []
    if low[0] is not None and _number(low[1]) != 0:
        edges.append((_edge(m, low), "hi"))
        for edge in _before(m, edges[0][0]):
            key = ("at", edge)
            rows = cut(rows, key, "hi", "slice")
            note_split(m, node, "slice", key, base, base)
    if high[0] is not None:
        edges.append((_edge(m, high), "lo"))
        key = ("at", edges[-1][0])
        rows = cut(rows, key, "lo", "slice")
        note_split(m, node, "slice", key, base, base)
    _note_order(m, edges)
    return rows


def _number(value: Value | None) -> int | None:
    return (
        value.const
        if value is not None and isinstance(value.const, int) and not isinstance(value.const, bool)
        else None
    )


def _edge(m: Machine, bound: Bound) -> Hashable:
    """Where a slice begins or ends: by its number, or by how it is written once names are resolved."""
    node, value = bound
    if value is not None and value.const is not UNSET:
        return str(value.const)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Add) and isinstance(node.right, ast.Constant):
        node = node.left  # `[n - lookback:]` begins where `[:n]` ends, but for what is looked back at
    return ast.unparse(node) if node is not None else ""


def positions(m: Machine, base: Value, key: ast.Slice) -> Value:
    """A stretch of shuffled or counted positions: `order[:n]`, `order[n:]`."""
    low = None if key.lower is None else m.evaluate(key.lower)
    high = None if key.upper is None else m.evaluate(key.upper)
    if key.step is not None or base.node is None:
        return base
    picks = list(base.picks)
    home = ("positions", base.node, m.stack)
    ends = [(part, value, side) for part, value, side in ((key.lower, low, "hi"), (key.upper, high, "lo")) if part]
    edges = [(_edge(m, (part, value)), side) for part, value, side in ends if _number(value) != 0]
    for edge, side in edges:
        picks.extend(((*home, one), side) for one in (_before(m, edge) if side == "hi" else (edge,)))
    _note_order(m, edges)
    return base.copy(kind="index", picks=tuple(picks), const=UNSET)


def _note_order(m: Machine, edges: list[tuple[Hashable, str]]) -> None:
    """`rows[a:b]` tells that a comes before b."""
    if len(edges) == 2:
        m._cache.setdefault(("before", edges[1][0]), []).append(edges[0][0])


def _before(m: Machine, edge: Hashable) -> tuple[Hashable, ...]:
    """An edge, and the edges that are known to come before it: what begins after it begins after them."""
    return (edge, *dict.fromkeys(m._cache.get(("before", edge), ())))[:3]
