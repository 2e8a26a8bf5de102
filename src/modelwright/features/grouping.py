"""Columns made of groups: a number cut into bins, and what is known of a number within each category.

All of it is learned from training rows and looks at no target. On every road the answer is a look-up and at most one
float64 subtraction, so that the roads agree bit for bit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Noun
from modelwright.core.ports import GraphBuilder
from modelwright.features.graphs import finite, gather, number_column, scalar
from modelwright.features.values import number, numbers, positions, words

if TYPE_CHECKING:
    import polars as pl

Statistic = Literal["mean", "std", "min", "max", "median"]

#: a number with at most so many different values keeps each of them as a bin
_FEW_VALUES = 32
#: groups kept by name, the most frequent first; the rest get the answer for unseen ones
_MOST_GROUPS = 20_000
_MOST_BINS = 256


class Bins(Noun, frozen=True, kw_only=True):
    """State of a BinMaker. edges: rising; a value belongs to the last edge it reaches."""

    column: str
    type: ColumnType  # number or boolean
    edges: tuple[float, ...]


class BinMaker:
    """A number (or boolean) as a category: `0` below the first edge, `1` from it on, and so forth; missing stays."""

    kind = "bins"

    def __init__(self, state: Bins) -> None:
        rising = all(low < high for low, high in zip(state.edges, state.edges[1:], strict=False))
        rising = rising and len(state.edges) < _MOST_BINS and state.type in (ColumnType.NUMBER, ColumnType.BOOLEAN)
        if not rising or not all(map(math.isfinite, state.edges)):
            raise ModelError(f"The bins of '{state.column}' are damaged.", code="model.state")
        self._state = state
        self.columns = (state.column,)
        self._name = f"{state.column} in bins"
        self.makes = {self._name: ColumnType.CATEGORY}
        self._labels = [str(at) for at in range(len(state.edges) + 1)]

    @classmethod
    def fit(cls, frame: pl.DataFrame, column: str, kind: ColumnType, most: int) -> BinMaker | None:
        """Equally filled bins, `most` of them at most; None for a column of one value."""
        known = numbers(frame, (column,))[:, 0]
        known = known[~np.isnan(known)]
        distinct = np.unique(known)
        if distinct.size <= _FEW_VALUES:
            edges = distinct[1:]
        else:
            cuts = np.linspace(0.0, 1.0, most + 1)[1:-1]
            edges = np.unique(np.quantile(known, cuts, method="higher"))
            edges = edges[edges > distinct[0]]
        if not edges.size:
            return None
        return cls(Bins(column=column, type=kind, edges=tuple(edges.tolist())))

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]:
        import polars as pl

        values = numbers(frame, self.columns)[:, 0]
        at = np.searchsorted(np.array(self._state.edges), values, side="right")
        at[np.isnan(values)] = len(self._labels)
        labels = pl.Series(self._name, [*self._labels, None], dtype=pl.String)
        return [labels.gather(at)]

    def state(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self._state))

    def row(self) -> Callable[[Sequence[Any]], Any]:
        edges, labels, read = list(self._state.edges), self._labels, number

        def place(values: Sequence[Any]) -> str | None:
            value = read(values[0])
            return labels[bisect_right(edges, value)] if value == value else None

        return place

    def graph(self, builder: GraphBuilder) -> str:
        x = number_column(builder, self._state.column, self._state.type)
        reached = builder.op("GreaterOrEqual", x, builder.constant(np.array([self._state.edges])))
        axis = builder.constant(np.array([1], dtype=np.int64))
        count = builder.op("ReduceSum", builder.op("Cast", reached, to=11), axis, keepdims=1)
        count = builder.op("Where", builder.op("IsNaN", x), scalar(builder, float(len(self._labels))), count)
        labels = builder.constant(np.array([*self._labels, ""], dtype=object))
        return builder.op("Gather", labels, builder.op("Cast", count, to=7), axis=0)

    def describe(self) -> str:
        return f"cut {self._state.column} into {len(self._labels)} bins"


class Group(Noun, frozen=True, kw_only=True):
    """State of a GroupMaker. other: the answer for unseen groups, that of all training rows."""

    group: str
    column: str
    statistic: Statistic
    apart: bool = False  # the row's own number minus the statistic
    keys: tuple[str, ...]
    values: tuple[float, ...]
    other: float


class GroupMaker:
    """A statistic of a number within the row's category, or how far the row's own number is from it."""

    kind = "group"

    def __init__(self, state: Group) -> None:
        whole = len(state.keys) == len(state.values) == len(set(state.keys))
        if not whole or not all(map(math.isfinite, (*state.values, state.other))):
            raise ModelError(f"The groups of '{state.group}' are damaged.", code="model.state")
        self._state = state
        self.columns = (state.group, state.column) if state.apart else (state.group,)
        self._name = name_of(state.group, state.column, state.statistic, apart=state.apart)
        self.makes = {self._name: ColumnType.NUMBER}
        self._keys = {key: at for at, key in enumerate(state.keys)}
        self._table = np.array([*state.values, state.other], dtype=np.float64)

    @classmethod
    def fit(
        cls, frame: pl.DataFrame, group: str, column: str, statistic: Statistic, *, apart: bool = False
    ) -> GroupMaker | None:
        """None where the number is missing in every row."""
        values = numbers(frame, (column,))[:, 0]
        known = ~np.isnan(values)
        if not known.any():
            return None
        keys = _most_frequent(frame[group])
        at = positions(frame[group], {key: place for place, key in enumerate(keys)}, len(keys))
        found = known & (at < len(keys))
        seen, measured = _by_group(at[found], values[found], statistic)
        _, whole = _by_group(np.zeros(int(known.sum()), dtype=np.int64), values[known], statistic)
        return cls(
            Group(
                group=group,
                column=column,
                statistic=statistic,
                apart=apart,
                keys=tuple(keys[place] for place in seen.tolist()),
                values=tuple(measured.tolist()),
                other=float(whole[0]),
            )
        )

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]:
        import polars as pl

        found = self._table[positions(frame[self._state.group], self._keys, len(self._keys))]
        if self._state.apart:
            with np.errstate(all="ignore"):
                found = numbers(frame, (self._state.column,))[:, 0] - found
            found[~np.isfinite(found)] = math.nan
        return [pl.Series(self._name, found, dtype=pl.Float64)]

    def state(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self._state))

    def row(self) -> Callable[[Sequence[Any]], Any]:
        other, read, nan = self._state.other, number, math.nan
        table: dict[str | None, float] = dict(zip(self._state.keys, self._state.values, strict=True))
        table[None] = table.get("", other)
        get = table.get
        if not self._state.apart:
            return lambda values: get(values[0], other)

        def apart(values: Sequence[Any]) -> float:
            result = read(values[1]) - get(values[0], other)
            return result if result - result == 0.0 else nan

        return apart

    def graph(self, builder: GraphBuilder) -> str:
        column = builder.column(self._state.group, ColumnType.CATEGORY)
        found = gather(builder, column, self._state.keys, self._table[:, None])
        if not self._state.apart:
            return found
        return finite(builder, builder.op("Sub", number_column(builder, self._state.column), found))

    def describe(self) -> str:
        return self._name


def name_of(group: str, column: str, statistic: str, *, apart: bool) -> str:
    """What a column made by GroupMaker is called."""
    return f"{column} minus its {statistic} by {group}" if apart else f"{statistic} {column} by {group}"


def restore(kind: str, state: Mapping[str, Any]) -> BinMaker | GroupMaker | None:
    """Rebuild from JSON values; None for other kinds. Raises ModelError `model.state`, msgspec.ValidationError."""
    if kind == "bins":
        return BinMaker(msgspec.convert(dict(state), Bins))
    return GroupMaker(msgspec.convert(dict(state), Group)) if kind == "group" else None


def _most_frequent(series: pl.Series) -> list[str]:
    """Texts, missing as the empty one, most frequent first, ties in alphabetical order."""
    rows = words(series).rename("key").value_counts(name="rows").sort(["rows", "key"], descending=[True, False])
    found: list[str] = rows["key"].head(_MOST_GROUPS).to_list()
    return found


def _by_group(
    at: NDArray[np.int64], values: NDArray[np.float64], statistic: Statistic
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The groups that occur, rising, and the statistic of each; the standard deviation is that of the population."""
    order = np.lexsort((values, at))
    at, values = at[order], values[order]
    starts = np.flatnonzero(np.r_[True, at[1:] != at[:-1]])
    rows = np.diff(np.r_[starts, at.size])
    if statistic == "min":
        return at[starts], values[starts]
    if statistic == "max":
        return at[starts], values[starts + rows - 1]
    if statistic == "median":
        return at[starts], values[starts + (rows - 1) // 2] / 2 + values[starts + rows // 2] / 2
    unit = float(np.abs(values).max()) or 1.0  # sums and squares of huge values would overflow
    scaled = values / unit
    mean = np.add.reduceat(scaled, starts) / rows
    if statistic == "mean":
        return at[starts], mean * unit
    squares = np.add.reduceat((scaled - np.repeat(mean, rows)) ** 2, starts)
    return at[starts], np.sqrt(squares / rows) * unit
