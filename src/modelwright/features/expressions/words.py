"""Functions of texts and of dates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.features import calendar
from modelwright.features.expressions.function import (
    NAN,
    Function,
    as_number,
    is_missing,
    nan_where,
)
from modelwright.features.graphs import scalar, unsupported

if TYPE_CHECKING:
    import polars as pl


def _numbers(series: pl.Series) -> Any:
    import polars as pl

    return series.cast(pl.Float64).to_numpy()


def _mapped(series: pl.Series, convert: Callable[[str], str]) -> pl.Series:
    """Apply a function to the distinct texts, so that a column and a row use the very same one."""
    import polars as pl

    distinct = series.unique().drop_nulls()
    if not distinct.len():
        return pl.Series(series.name, [None] * series.len(), dtype=pl.String)
    results = pl.Series([convert(text) for text in distinct.to_list()], dtype=pl.String)
    return series.replace_strict(distinct, results, default=None, return_dtype=pl.String)


def _contains_graph(builder: GraphBuilder, x: str, part: str, *, literal: str = "", text: bool = False) -> str:
    pattern = "(?s).*" + "".join(f"\\x{{{ord(sign):x}}}" for sign in literal) + ".*"
    hit = as_number(builder, builder.op("RegexFullMatch", x, pattern=pattern))
    return nan_where(builder, is_missing(builder, x, True), hit)


def _no_graph(name: str) -> Callable[..., str]:
    def graph(*_refs: Any, **_options: Any) -> str:
        raise unsupported(f"The function {name}() of an expression", f"expression:{name}")

    return graph


TEXT = [
    Function(
        "length",
        ("text",),
        ColumnType.NUMBER,
        lambda x: _numbers(x.str.len_chars()),
        lambda x: NAN if x is None else float(len(x)),
        _no_graph("length"),
    ),
    Function(
        "lower",
        ("text",),
        None,
        lambda x: _mapped(x, str.lower),
        lambda x: None if x is None else x.lower(),
        _no_graph("lower"),
    ),
    Function(
        "contains",
        ("text", "literal"),
        ColumnType.BOOLEAN,
        lambda x, part: _numbers(x.str.contains(part[0] if part.len() else "", literal=True)),
        lambda x, part: NAN if x is None else 1.0 if part in x else 0.0,
        _contains_graph,
        2,
        2,
    ),
]


def _part(name: str) -> Function:
    part = calendar.part_of(name)

    def column(us: Any) -> Any:
        flat = np.atleast_1d(np.asarray(us, dtype=np.float64))
        return calendar.parts_of(flat, (name,))[:, 0]

    def row(us: float) -> float:
        at = None if us != us else calendar.from_microseconds(us)
        return NAN if at is None else part(at)

    takes = ("datetime",)
    return Function(name, takes, ColumnType.NUMBER, column, row, lambda b, us: calendar.graph_parts(b, us, (name,))[0])


def _between(name: str, unit: float) -> Function:
    return Function(
        name,
        ("datetime", "datetime"),
        ColumnType.NUMBER,
        lambda a, b: (b - a) / unit,
        lambda a, b: (b - a) / unit,
        lambda builder, a, b: builder.op("Div", builder.op("Sub", b, a), scalar(builder, unit)),
        2,
        2,
    )


DATES = [
    *(_part(name) for name in ("year", "month", "day", "weekday", "hour", "minute")),
    _between("days_between", 86_400e6),
    _between("hours_between", 3_600e6),
]
