"""A parsed expression, run over a table, over one row, or written as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.features import calendar
from modelwright.features.expressions.nodes import TEXTS, Call, Literal, Node, Read
from modelwright.features.expressions.parser import Parser
from modelwright.features.graphs import number_column
from modelwright.features.values import boolean, microseconds, moment, moments, number, numbers, stored, text

if TYPE_CHECKING:
    import polars as pl


def parse(source: str, known_columns: Mapping[str, ColumnType]) -> Expression:
    """Check a text against the columns it may name.

    Raises SpecError with a code `expression.*`, `column` (1-based) pointing into the text, and a fix.
    """
    return Expression(source, Parser(source, known_columns).parse())


class Expression:
    """Missing values travel through: any arithmetic or comparison with a missing value is missing."""

    def __init__(self, source: str, node: Node) -> None:
        self.source = source
        self._node = node
        self.type = node.type
        self.columns = tuple(dict.fromkeys(read.name for read in _reads(node)))

    def apply(self, frame: pl.DataFrame) -> pl.Series:
        """One value per row, in the storage of `type`. Raises nothing: what cannot be computed is null."""
        import polars as pl

        with np.errstate(all="ignore"):
            result = _over_columns(self._node, frame)
        if isinstance(result, pl.Series):
            return result
        values = np.array(np.broadcast_to(result, (frame.height,)), dtype=np.float64)
        series = pl.Series(values, nan_to_null=True)
        if self.type is ColumnType.BOOLEAN:
            return series.cast(pl.Boolean)
        if self.type is ColumnType.DATETIME:
            return series.cast(pl.Int64).cast(pl.Datetime("us"))
        return series

    def row(self) -> Callable[[Sequence[Any]], Any]:
        """A closure from the values of `columns`, in order, to float, bool, str, datetime or (missing) NaN or None."""
        compute = _over_row(self._node, {name: at for at, name in enumerate(self.columns)})
        if self.type is ColumnType.BOOLEAN:
            return lambda values: None if (found := compute(values)) != found else found == 1.0
        if self.type is ColumnType.DATETIME:
            return lambda values: None if (found := compute(values)) != found else calendar.from_microseconds(found)
        return compute

    def graph(self, builder: GraphBuilder) -> str:
        """An (n, 1) tensor. Raises ModelError `graph.unsupported` naming the function."""
        return _over_graph(self._node, builder)


def _reads(node: Node) -> list[Read]:
    if isinstance(node, Read):
        return [node]
    return [read for argument in node.arguments for read in _reads(argument)] if isinstance(node, Call) else []


def _over_columns(node: Node, frame: pl.DataFrame) -> Any:
    import polars as pl

    if isinstance(node, Call):
        return node.function.column(*(_over_columns(argument, frame) for argument in node.arguments))
    if isinstance(node, Literal):
        if isinstance(node.value, str):
            return pl.repeat(node.value, frame.height, dtype=pl.String, eager=True)
        return np.float64(node.value)
    if node.type in TEXTS:
        return stored(frame[node.name], node.type)
    if node.type is ColumnType.DATETIME:
        return moments(stored(frame[node.name], node.type))
    return numbers(frame, (node.name,))[:, 0].copy()


def _over_row(node: Node, slots: Mapping[str, int]) -> Callable[[Sequence[Any]], Any]:
    if isinstance(node, Literal):
        constant = node.value
        return lambda _values: constant
    if isinstance(node, Read):
        return _reader(node, slots[node.name])
    run = node.function.row
    parts = [_over_row(argument, slots) for argument in node.arguments]
    if len(parts) == 1:
        (only,) = parts
        return lambda values: run(only(values))
    if len(parts) == 2:
        first, second = parts
        return lambda values: run(first(values), second(values))
    return lambda values: run(*[part(values) for part in parts])


def _reader(node: Read, at: int) -> Callable[[Sequence[Any]], Any]:
    if node.type in TEXTS:
        return lambda values: text(values[at])
    if node.type is ColumnType.DATETIME:
        return lambda values: microseconds(moment(values[at]))
    if node.type is ColumnType.BOOLEAN:
        return lambda values: number(boolean(values[at]))
    return lambda values: number(values[at])


def _over_graph(node: Node, builder: GraphBuilder) -> str:
    if isinstance(node, Literal):
        if isinstance(node.value, str):
            return builder.constant(np.array([[node.value]], dtype=object))
        return builder.constant(np.array([[node.value]], dtype=np.float64))
    if isinstance(node, Read):
        if node.type in TEXTS or node.type is ColumnType.DATETIME:
            return builder.column(node.name, node.type)
        return number_column(builder, node.name, node.type)
    refs = [_over_graph(argument, builder) for argument in node.arguments]
    options: dict[str, Any] = {}
    if node.arguments[-1].type in TEXTS and node.function.name in _TEXT_AWARE:
        options["text"] = True
    if node.function.name == "contains" and isinstance(node.arguments[1], Literal):
        options["literal"] = node.arguments[1].value
    return str(node.function.graph(builder, *refs, **options))


_TEXT_AWARE = frozenset(("==", "!=", "if", "coalesce", "is_missing", "contains"))
