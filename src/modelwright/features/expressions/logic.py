"""Comparisons, three-valued logic, and choices between values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.features.expressions.function import (
    NAN,
    Function,
    any_missing,
    as_number,
    is_missing,
    nan_where,
)
from modelwright.features.graphs import scalar


def _comparison(name: str, column: Any, row: Callable[[Any, Any], bool], kind: str, negate: bool = False) -> Function:
    def over_columns(a: Any, b: Any) -> Any:
        import polars as pl

        if isinstance(a, pl.Series):
            return (a == b if name == "==" else a != b).cast(pl.Float64).to_numpy()
        return np.where(np.isnan(a) | np.isnan(b), NAN, column(a, b).astype(np.float64))

    def over_row(a: Any, b: Any) -> float:
        if a is None or b is None or a != a or b != b:
            return NAN
        return 1.0 if row(a, b) else 0.0

    def graph(builder: GraphBuilder, a: str, b: str, *, text: bool = False) -> str:
        flag = builder.op(kind, a, b)
        result = as_number(builder, builder.op("Not", flag) if negate else flag)
        if text:
            blank = builder.constant(np.array([[""]], dtype=object))
            lost = builder.op("Or", builder.op("Equal", a, blank), builder.op("Equal", b, blank))
            return nan_where(builder, lost, result)
        return nan_where(builder, any_missing(a, b, builder=builder), result)

    takes = "same" if name in ("==", "!=") else "ordered"
    return Function(name, (takes,), ColumnType.BOOLEAN, over_columns, over_row, graph, 2, 2)


COMPARISONS = [
    _comparison("==", np.equal, lambda a, b: a == b, "Equal"),
    _comparison("!=", np.not_equal, lambda a, b: a != b, "Equal", negate=True),
    _comparison("<", np.less, lambda a, b: a < b, "Less"),
    _comparison("<=", np.less_equal, lambda a, b: a <= b, "LessOrEqual"),
    _comparison(">", np.greater, lambda a, b: a > b, "Greater"),
    _comparison(">=", np.greater_equal, lambda a, b: a >= b, "GreaterOrEqual"),
]


def _decided(value: float) -> tuple[Callable[..., Any], Callable[..., float], Callable[..., str]]:
    """Kleene's three-valued and (value 0) and or (value 1): one decided side is enough."""
    other = 1.0 - value

    def column(a: Any, b: Any) -> Any:
        undecided = np.isnan(a) | np.isnan(b)
        return np.where((a == value) | (b == value), value, np.where(undecided, NAN, other))

    def row(a: float, b: float) -> float:
        return value if value in (a, b) else NAN if a != a or b != b else other

    def graph(builder: GraphBuilder, a: str, b: str) -> str:
        limit = scalar(builder, value)
        hit = builder.op("Or", builder.op("Equal", a, limit), builder.op("Equal", b, limit))
        rest = nan_where(builder, any_missing(a, b, builder=builder), scalar(builder, other))
        return builder.op("Where", hit, limit, rest)

    return column, row, graph


LOGIC = [
    Function("and", ("boolean", "boolean"), ColumnType.BOOLEAN, *_decided(0.0), 2, 2),
    Function("or", ("boolean", "boolean"), ColumnType.BOOLEAN, *_decided(1.0), 2, 2),
    Function(
        "not",
        ("boolean",),
        ColumnType.BOOLEAN,
        lambda a: 1.0 - a,
        lambda a: 1.0 - a,
        lambda b, a: b.op("Sub", scalar(b, 1.0), a),
    ),
]


def _if_columns(condition: Any, yes: Any, no: Any) -> Any:
    import polars as pl

    if not isinstance(yes, pl.Series):
        return np.where(np.isnan(condition), NAN, np.where(condition == 1.0, yes, no))
    mask = np.broadcast_to(condition, (yes.len(),))
    chosen = yes.zip_with(pl.Series(mask == 1.0), no)
    lost = np.isnan(mask)
    return chosen.set(pl.Series(lost), None) if lost.any() else chosen


def _if_row(condition: float, yes: Any, no: Any) -> Any:
    if condition != condition:
        return None if yes is None or isinstance(yes, str) or isinstance(no, str) else NAN
    return yes if condition == 1.0 else no


def _if_graph(builder: GraphBuilder, condition: str, yes: str, no: str, *, text: bool = False) -> str:
    chosen = builder.op("Where", builder.op("Equal", condition, scalar(builder, 1.0)), yes, no)
    blank = builder.constant(np.array([[""]], dtype=object)) if text else scalar(builder, NAN)
    return builder.op("Where", builder.op("IsNaN", condition), blank, chosen)


def _coalesce_columns(*values: Any) -> Any:
    import polars as pl

    result = values[0]
    for value in values[1:]:
        if isinstance(result, pl.Series):
            result = result.zip_with(result.is_not_null(), value)
        else:
            result = np.where(np.isnan(result), value, result)
    return result


def _coalesce_row(*values: Any) -> Any:
    return next((value for value in values if value is not None and value == value), values[-1])


def _coalesce_graph(builder: GraphBuilder, *refs: str, text: bool = False) -> str:
    result = refs[0]
    for ref in refs[1:]:
        result = builder.op("Where", is_missing(builder, result, text), ref, result)
    return result


def _missing_columns(x: Any) -> Any:
    import polars as pl

    return x.is_null().cast(pl.Float64).to_numpy() if isinstance(x, pl.Series) else np.isnan(x).astype(np.float64)


CHOICES = [
    Function("if", ("boolean", "same"), None, _if_columns, _if_row, _if_graph, 3, 3),
    Function("coalesce", ("same",), None, _coalesce_columns, _coalesce_row, _coalesce_graph, 2, 10),
    Function(
        "is_missing",
        ("any",),
        ColumnType.BOOLEAN,
        _missing_columns,
        lambda x: 1.0 if x is None or x != x else 0.0,
        lambda b, x, text=False: as_number(b, is_missing(b, x, text)),
    ),
]
