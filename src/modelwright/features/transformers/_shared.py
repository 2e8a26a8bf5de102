"""What the transformers share: checked states, and the finish (fill, scale, clip) that some families need."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import getitem
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.features.decoded import Cells
from modelwright.features.graphs import concat, gather
from modelwright.features.values import words

if TYPE_CHECKING:
    import polars as pl

#: scaled values end here: no single value of a new row may outweigh everything else
CLIP = 10.0

S = TypeVar("S", bound="Saved")


class Saved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transformer's state: JSON by construction."""


def saved(kind: type[S], state: Mapping[str, Any]) -> S:
    """Rebuild a state from JSON values. Raises ModelError `model.state` when it is not one."""
    try:
        return msgspec.convert(dict(state), kind)
    except msgspec.ValidationError as error:
        raise ModelError(f"The state of a feature step is damaged: {error}.", code="model.state") from error


def require(condition: bool, what: str) -> None:
    """Structure check of a restored state."""
    if not condition:
        raise ModelError(f"The state of a feature step is damaged: {what}.", code="model.state")


def as_state(state: Saved) -> dict[str, Any]:
    """The JSON values of a state."""
    return dict(msgspec.to_builtins(state))


class Finish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Per output column: fill missing values, then (x - center) / scale, then clip; empty tuples do nothing."""

    fill: tuple[float, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def check(self, width: int) -> None:
        require(all(len(part) in (0, width) for part in (self.fill, self.center, self.scale)), "a wrong width")
        require(len(self.center) == len(self.scale), "a wrong width")
        require(all(value > 0 for value in self.scale), "a scale that is not positive")

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Works in place on `values` (n, k), and returns it."""
        if self.fill:
            np.copyto(values, np.array(self.fill), where=np.isnan(values))
        if self.scale:
            with np.errstate(over="ignore"):  # past the largest float is infinite, and infinite is clipped
                values -= np.array(self.center)
                values /= np.array(self.scale)
            np.clip(values, -CLIP, CLIP, out=values)
        return values

    def cell(self, position: int) -> Callable[[float], float]:
        """The same for one value of one output column."""
        fill = self.fill[position] if self.fill else math.nan
        if not self.scale:
            return lambda value: value if value == value else fill
        center, scale = self.center[position], self.scale[position]

        def finished(value: float) -> float:
            result = ((value if value == value else fill) - center) / scale
            return CLIP if result > CLIP else -CLIP if result < -CLIP else result

        return finished

    def graph(self, builder: GraphBuilder, x: str) -> str:
        if self.fill:
            row = builder.constant(np.array([self.fill], dtype=np.float64))
            x = builder.op("Where", builder.op("IsNaN", x), row, x)
        if self.scale:
            x = builder.op("Sub", x, builder.constant(np.array([self.center], dtype=np.float64)))
            x = builder.op("Div", x, builder.constant(np.array([self.scale], dtype=np.float64)))
            low, high = builder.constant(np.array([[-CLIP]])), builder.constant(np.array([[CLIP]]))
            x = builder.op("Where", builder.op("Less", x, low), low, x)  # comparisons keep NaN, Min and Max may not
            x = builder.op("Where", builder.op("Greater", x, high), high, x)
        return x


def finish(values: NDArray[np.float64], *, impute: bool, scale: bool) -> Finish:
    """Learn medians, means and standard deviations of columns (n, k) that may hold NaN."""
    fill = _medians(values) if impute else np.empty(0)
    if not scale:
        return Finish(fill=tuple(fill.tolist()))
    filled = np.where(np.isnan(values), fill, values) if impute else values
    center, spread = _moments(filled)
    return Finish(fill=tuple(fill.tolist()), center=tuple(center.tolist()), scale=tuple(spread.tolist()))


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.zeros(values.shape[1])
    for position in range(values.shape[1]):
        known = values[:, position]
        known = known[~np.isnan(known)]
        if known.size:
            low, high = np.partition(known, ((known.size - 1) // 2, known.size // 2))[
                [(known.size - 1) // 2, known.size // 2]
            ]
            result[position] = low / 2 + high / 2  # the sum of two huge values would overflow
    return result


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation per column, NaN ignored; a constant column has spread 1."""
    width = values.shape[1]
    center, spread = np.zeros(width), np.ones(width)
    for position in range(width):
        known = values[:, position]
        known = known[~np.isnan(known)]
        if not known.size:
            continue
        unit = float(np.abs(known).max()) or 1.0  # squares of huge values would overflow
        center[position] = float((known / unit).mean()) * unit
        deviation = float((known / unit).std()) * unit
        if deviation > 1e-12 * unit and math.isfinite(deviation):
            spread[position] = deviation
    return center, spread


def unpack(closures: Sequence[Callable[[Any], Sequence[float]]]) -> Callable[[Sequence[Any]], list[float]]:
    """Chain closures of one value each into one over a sequence of values."""
    if len(closures) == 1:
        only = closures[0]
        return lambda values: list(only(values[0]))

    def apply(values: Sequence[Any]) -> list[float]:
        out: list[float] = []
        for closure, value in zip(closures, values, strict=True):
            out.extend(closure(value))
        return out

    return apply


class Table(NamedTuple):
    """One category column as rows of numbers: `rows[keys[text]]`, and the last row for every other text.
    Missing is the empty text."""

    column: str
    keys: dict[str, int]
    rows: NDArray[np.float64]  # (len(keys) + 1, k)
    names: tuple[str, ...]


class Tabled:
    """A fitted transformer that looks each category up in a table."""

    reads = frozenset((ColumnType.CATEGORY, ColumnType.TEXT))

    def __init__(self, state: Saved, tables: Sequence[Table]) -> None:
        self._state = state
        self._tables = tuple(tables)
        self.names = tuple(name for table in tables for name in table.names)
        self.sources = tuple(table.column for table in tables for _ in table.names)

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        return self.read(Cells.of(frame))

    def read(self, cells: Cells, /) -> NDArray[np.float64]:
        out = np.empty((cells.height, len(self.names)), dtype=np.float64)
        start = 0
        for table in self._tables:
            end = start + len(table.names)
            out[:, start:end] = table.rows[cells.positions(table.column, table.keys, len(table.keys))]
            start = end
        return out

    def state(self) -> dict[str, Any]:
        return as_state(self._state)

    def row(self) -> Callable[[Sequence[Any]], list[float]]:
        lookups = [_lookup(table) for table in self._tables]
        if all(len(table.names) == 1 for table in self._tables):
            single = [(find, other[0]) for find, other in lookups]
            cells = [({key: row[0] for key, row in find.items()}.get, other) for find, other in single]
            return lambda values: [get(value, other) for (get, other), value in zip(cells, values, strict=True)]
        rows = [(find.get, other) for find, other in lookups]

        def apply(values: Sequence[Any]) -> list[float]:
            out: list[float] = []
            extend = out.extend
            for (get, other), value in zip(rows, values, strict=True):
                extend(get(value, other))
            return out

        return apply

    def packed(self) -> Callable[[Sequence[Any]], bytes]:
        """`row` as bytes of float64: each category's numbers are kept as they go into the matrix."""
        tables = []
        for table in self._tables:
            find, other = _lookup(table)
            pack = Struct(f"{len(table.names)}d").pack
            tables.append(_Cells({key: pack(*row) for key, row in find.items()}, pack(*other)))
        if len(tables) == 1:
            only = tables[0]
            return lambda values: only[values[0]]
        join = b"".join
        return lambda values: join(map(getitem, tables, values))

    def graph(self, builder: GraphBuilder) -> str:
        columns = [builder.column(table.column, ColumnType.CATEGORY) for table in self._tables]
        parts = zip(self._tables, columns, strict=True)
        return concat(builder, [gather(builder, column, list(table.keys), table.rows) for table, column in parts])


class _Cells(dict[str | None, bytes]):
    """Bytes by text, and the bytes of every other text."""

    __slots__ = ("_other",)

    def __init__(self, known: Mapping[str | None, bytes], other: bytes) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, _text: str | None) -> bytes:
        return self._other


def _lookup(table: Table) -> tuple[dict[str | None, list[float]], list[float]]:
    """Row by text, with None for missing as well, and the row of every other text."""
    rows = table.rows.tolist()
    known: dict[str | None, list[float]] = {key: rows[at] for key, at in table.keys.items()}
    known[None] = known.get("", rows[-1])
    return known, rows[-1]


def counts(series: pl.Series) -> dict[str, int]:
    """How often each text occurs, most frequent first, ties in alphabetical order; missing under the empty text."""
    table = words(series).rename("key").value_counts(name="rows").sort(["rows", "key"], descending=[True, False])
    return dict(zip(table["key"].to_list(), table["rows"].to_list(), strict=True))


def scaled(rows: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Center and spread of table rows (m, k) that stand for `weight` (m,) training rows each."""
    total = max(float(weight.sum()), 1.0)
    center = (rows * weight[:, None]).sum(axis=0) / total
    spread = np.sqrt(((rows - center) ** 2 * weight[:, None]).sum(axis=0) / total)
    return center, np.where(spread > 1e-12, spread, 1.0)
