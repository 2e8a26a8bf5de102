"""Polars: `pl.col(name)` stands for a column of the frame whose method it is handed to."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelwright.checks.code.flow import subscripts
from modelwright.checks.code.flow.machine import Machine, names_in
from modelwright.checks.code.flow.rows import cut
from modelwright.checks.code.flow.values import UNSET, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call

#: methods of a frame whose arguments are expressions about that frame
CONTEXTS = frozenset(["with_columns", "select", "filter", "group_by", "agg", "sort", "drop_nulls", "with_column"])


def frame_of(m: Machine, node: ast.Call) -> Value | None:
    """The frame that the expressions among a call's arguments speak of; None where they cannot."""
    func = node.func
    if not isinstance(func, ast.Attribute) or func.attr not in CONTEXTS or "polars" not in m.names.modules:
        return None
    base = m.evaluate(func.value)
    return base if base.rows and base.kind not in {"estimator", "module"} else None


def col(m: Machine, c: Call, name: str) -> Value:
    """`pl.col("a")`, `pl.all()`."""
    frame = m.frames[-1] if m.frames else None
    if frame is None:
        return Value("unknown")
    listed = names_in(c.args[0]) if c.args else None
    if listed and len(listed) == 1:
        return subscripts.column(frame, listed[0])
    return frame.copy(const=UNSET, items=None)


def with_columns(m: Machine, c: Call, base: Value, name: str) -> Value:
    new = base.copy(const=UNSET, cols=dict(base.cols or {}), colflags=dict(base.colflags or {}))
    if new.kind == "unknown":
        new.kind = "frame"
    given = [item for value in c.args for item in (value.items if value.items is not None else [value])]
    for value in given:
        subscripts._write(m, new, [value.column] if value.column else None, value, whole_column=True)
    for key, value in c.keywords.items():
        subscripts._write(m, new, [key], value, whole_column=True)
    return new


def alias(m: Machine, c: Call, base: Value, name: str) -> Value:
    given = c.get(0, "name")
    named = given.const if given is not None and isinstance(given.const, str) else ""
    return base.copy(column=named, const=UNSET) if named else base.copy(const=UNSET)


def select(m: Machine, c: Call, base: Value, name: str) -> Value:
    given = [item for value in c.args for item in (value.items if value.items is not None else [value])]
    listed = [str(value.const) if isinstance(value.const, str) else value.column for value in given]
    if c.keywords or not all(listed) or not listed:
        figures = [value for value in given if value.learned and not value.rows]
        return figures[0] if figures and len(figures) == len(given) else base.copy(const=UNSET, partial=True)
    new = subscripts.columns(base, listed)
    for value in given:
        if value.column and (value.learned - base.learned or value.flags - base.flags):
            subscripts._write(m, new, [value.column], value, whole_column=True)
    return new


def filtered(m: Machine, c: Call, base: Value, name: str) -> Value:
    """`frame.filter(mask)` of rows; pandas' `filter(like=...)` chooses columns."""
    mask = c.args[0] if c.args else None
    if mask is not None and mask.index is not None:
        return subscripts._by_value(m, c.node, base, mask, True)
    if mask is not None and mask.is_data and mask.kind != "unknown":
        return base.copy(const=UNSET, rows=cut(base.rows, ("rows", ast.dump(c.node)), "in", "filter"))
    if mask is not None and mask.kind == "function":  # `dataset.filter(lambda row: ...)`
        return base.copy(const=UNSET)
    return base.copy(const=UNSET, partial=True)
