"""Rolling aggregates per entity over rows strictly before the row's own time.

Rows at the same time are not before each other. A window of time takes rows at t with now - window <= t < now; a
window of rows takes the last rows of the entity that have a value. The fitted state keeps history, so that later
rows continue from it, and earlier rows of a new table count as history too. A row that is in the history already
(same entity, time and value) is not counted twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Noun
from modelwright.core.ports import GraphBuilder
from modelwright.features.graphs import unsupported
from modelwright.features.values import moments, numbers, stored, text
from modelwright.spec.model import WindowSpec

if TYPE_CHECKING:
    import polars as pl

#: one window looks at no more than this many latest rows (counts are exact all the same)
MAX_ROWS = 10_000
#: history kept whole up to this many rows; beyond it, what later rows still need
KEPT_ROWS = 100_000
_UNIT_US = {"s": 1e6, "m": 60e6, "h": 3_600e6, "d": 86_400e6, "w": 604_800e6}


class _Span(NamedTuple):
    rows: int | None
    us: float | None


def span(window: str) -> _Span:
    """`10rows` or `7d` as a number of rows or microseconds."""
    match = re.fullmatch(r"(\d+)(rows|s|m|h|d|w)", window)
    if match is None:
        raise ModelError(f"'{window}' is no window.", code="model.state", hint="write 7d, 12h or 10rows")
    size, unit = int(match[1]), match[2]
    return _Span(size, None) if unit == "rows" else _Span(None, size * _UNIT_US[unit])


class _State(Noun, frozen=True, kw_only=True):
    window: WindowSpec
    time: str
    types: dict[str, ColumnType]
    entities: tuple[str, ...] = ()
    #: history rows, sorted by entity and time: position in `entities`, time, value
    entity: tuple[int, ...] = ()
    at: tuple[float, ...] = ()
    value: tuple[float, ...] = ()


class _Rows(NamedTuple):
    """Rows of one table. entity: texts with "" for missing; time and value: NaN for missing."""

    entity: pl.Series
    at: NDArray[np.float64]
    value: NDArray[np.float64]


class FittedWindow:
    kind = "window"

    def __init__(self, state: _State) -> None:
        self._state = state
        window = state.window
        self.columns = tuple(dict.fromkeys((window.column, window.entity, state.time)))
        self.makes = {window.name: ColumnType.NUMBER}
        self._span = span(window.window)

    @classmethod
    def fit(cls, window: WindowSpec, time: str, types: Mapping[str, ColumnType], frame: pl.DataFrame) -> FittedWindow:
        """Remember the training rows' history."""
        import polars as pl

        kinds = {name: types[name] for name in (window.column, window.entity, time)}
        state = _State(window=window, time=time, types=kinds)
        rows = cls(state)._read(frame)
        known = _known(rows)
        entities = sorted(set(rows.entity.filter(pl.Series(known)).to_list()))
        code = _codes(rows.entity, entities)[known]
        at, value = rows.at[known], rows.value[known]
        order = np.lexsort((np.arange(len(at)), at, code))
        code, at, value = code[order], at[order], value[order]
        keep = _still_needed(code, at, span(window.window))
        return cls(
            msgspec.structs.replace(
                state,
                entities=tuple(entities),
                entity=tuple(code[keep].tolist()),
                at=tuple(at[keep].tolist()),
                value=tuple(value[keep].tolist()),
            )
        )

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> FittedWindow:
        saved = msgspec.convert(dict(state), _State)
        same = len(saved.entity) == len(saved.at) == len(saved.value)
        if not same or not all(0 <= at < len(saved.entities) for at in saved.entity):
            raise ModelError("The history of a window is damaged.", code="model.state")
        if not {saved.window.column, saved.window.entity, saved.time} <= set(saved.types):
            raise ModelError("The columns of a window are damaged.", code="model.state")
        return cls(saved)

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]:
        import polars as pl

        rows = self._read(frame)
        values = self._compute(rows)
        return [pl.Series(self._state.window.name, values, nan_to_null=True)]

    def state(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self._state))

    def row(self) -> None:
        return None

    def graph(self, builder: GraphBuilder) -> str:
        name = self._state.window.name
        raise unsupported(f"The window '{name}' needs earlier rows and", f"features.windows.{name}")

    def describe(self) -> str:
        window = self._state.window
        return (
            f"window {window.name}: {window.aggregate} of {window.column} per {window.entity} over the "
            f"{window.window} before the row's own {self._state.time}"
        )

    def _read(self, frame: pl.DataFrame) -> _Rows:
        import polars as pl

        window, kinds = self._state.window, self._state.types
        columns = {name: stored(frame[name], kinds[name]) for name in self.columns}
        entity = columns[window.entity]
        if entity.dtype != pl.String:
            entity = pl.Series([text(value) for value in entity.to_list()], dtype=pl.String)
        at = columns[self._state.time]
        times = moments(at) if kinds[self._state.time] is ColumnType.DATETIME else _plain(at)
        value = columns[window.column]
        if kinds[window.column] in (ColumnType.NUMBER, ColumnType.BOOLEAN):
            values = _plain(value)
        else:
            values = np.where(value.is_null().to_numpy(), np.nan, 1.0)  # only counted
        return _Rows(entity.fill_null(""), times, values)

    def _compute(self, rows: _Rows) -> NDArray[np.float64]:
        asked = np.flatnonzero(~np.isnan(rows.at) & (rows.entity != "").to_numpy())
        result = np.full(len(rows.at), np.nan)
        if not len(asked):
            return result
        entities = [*self._state.entities]
        entities += sorted(set(rows.entity.gather(asked).to_list()) - set(entities))
        code = _codes(rows.entity, entities)
        history = self._history(rows, code)
        low, high, whole = _ranges(history, code[asked], rows.at[asked], self._span)
        result[asked] = _aggregate(self._state.window.aggregate, history.value, low, high, whole)
        return result

    def _history(self, rows: _Rows, code: NDArray[np.int64]) -> _History:
        """Kept history and the table's own rows together, sorted by entity and time."""
        known = np.flatnonzero(_known(rows))
        seen: dict[tuple[int, float, float], int] = {}
        for key in zip(self._state.entity, self._state.at, self._state.value, strict=True):
            seen[key] = seen.get(key, 0) + 1
        if seen:
            fresh = []
            for row in known.tolist():
                key = (int(code[row]), float(rows.at[row]), float(rows.value[row]))
                if seen.get(key, 0) > 0:
                    seen[key] -= 1
                else:
                    fresh.append(row)
            known = np.array(fresh, dtype=np.int64)
        entity = np.concatenate([np.array(self._state.entity, dtype=np.int64), code[known]])
        at = np.concatenate([np.array(self._state.at, dtype=np.float64), rows.at[known]])
        value = np.concatenate([np.array(self._state.value, dtype=np.float64), rows.value[known]])
        order = np.lexsort((np.arange(len(at)), at, entity))
        return _History(entity[order], at[order], value[order])


class _History(NamedTuple):
    entity: NDArray[np.int64]
    at: NDArray[np.float64]
    value: NDArray[np.float64]


def _plain(series: pl.Series) -> NDArray[np.float64]:
    return numbers(series.to_frame(), (series.name,))[:, 0].copy()


def _known(rows: _Rows) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = ~np.isnan(rows.at) & ~np.isnan(rows.value) & (rows.entity != "").to_numpy()
    return found


def _codes(entity: pl.Series, entities: list[str]) -> NDArray[np.int64]:
    import polars as pl

    if not entities:
        return np.full(entity.len(), -1, dtype=np.int64)
    found: NDArray[np.int64] = entity.replace_strict(
        entities, list(range(len(entities))), default=-1, return_dtype=pl.Int64
    ).to_numpy()
    return found


def _still_needed(code: NDArray[np.int64], at: NDArray[np.float64], wanted: _Span) -> NDArray[np.bool_]:
    """Which history rows to keep, of rows sorted by entity and time: all of a small history, so that rows in the
    midst of training time find theirs; of a large one only what rows after training can reach."""
    if len(code) <= KEPT_ROWS:
        return np.ones(len(code), dtype=bool)
    ends = np.searchsorted(code, code, side="right")
    from_end = ends - np.arange(len(code))
    reach = MAX_ROWS if wanted.rows is None else min(wanted.rows, MAX_ROWS)
    keep: NDArray[np.bool_] = from_end <= reach
    return keep if wanted.us is None else keep & (at >= at.max() - wanted.us)


def _ranges(
    history: _History, code: NDArray[np.int64], at: NDArray[np.float64], wanted: _Span
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions [low, high) in the history for each asked row, and the full count before MAX_ROWS cuts it."""
    times = np.unique(history.at)
    # rank of a time among the history's times: one integer then orders (entity, time), whatever their sizes
    width = len(times) + 1
    keys = history.entity * width + np.searchsorted(times, history.at)
    high = np.searchsorted(keys, code * width + np.searchsorted(times, at), side="left")
    first = np.searchsorted(keys, code * width, side="left")
    if wanted.us is None:
        low = np.maximum(first, high - int(wanted.rows or 1))
    else:
        low = np.searchsorted(keys, code * width + np.searchsorted(times, at - wanted.us), side="left")
    return np.maximum(low, high - MAX_ROWS), high, high - low


def _aggregate(
    kind: str, values: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64], whole: NDArray[np.int64]
) -> NDArray[np.float64]:
    if kind == "count":
        return whole.astype(np.float64)
    result = np.full(len(low), np.nan)
    some = np.flatnonzero(high > low)
    if not len(some):
        return result
    low, high = low[some], high[some]
    if kind == "last":
        result[some] = values[high - 1]
        return result
    if kind == "std":
        mean = _reduce(np.add, values, low, high) / (high - low)
        result[some] = _spread(values, low, high, mean)
        return result
    kernel = {"min": np.minimum, "max": np.maximum}.get(kind, np.add)
    found = _reduce(kernel, values, low, high)
    result[some] = found / (high - low) if kind == "mean" else found
    return np.where(np.isfinite(result), result, np.nan)


def _reduce(
    kernel: np.ufunc, values: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    """kernel over values[low:high] of each row, by nothing but those values: the answer never depends on others."""
    order = np.argsort(low, kind="stable")  # sorted, the gaps between ranges cost little
    bounds = np.stack([low[order], high[order]], axis=1).ravel()
    padded = np.append(values, 0.0)  # a range may end at the very end
    found = np.empty(len(low))
    with np.errstate(over="ignore", invalid="ignore"):
        found[order] = kernel.reduceat(padded, bounds)[::2]
    return found


def _spread(
    values: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sample standard deviation of each range, two passes; NaN for fewer than two values."""
    result = np.full(len(low), np.nan)
    size = high - low
    start = 0
    while start < len(low):  # in pieces, so that the unrolled ranges fit in memory
        end = start + max(1, int(np.searchsorted(np.cumsum(size[start:]), 5_000_000, side="right")))
        sizes = size[start:end]
        offsets = np.repeat(low[start:end] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        unrolled = values[np.arange(int(sizes.sum())) + offsets] - np.repeat(mean[start:end], sizes)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            squares = np.add.reduceat(unrolled**2, np.concatenate([[0], np.cumsum(sizes)[:-1]]))
            result[start:end] = np.sqrt(squares / np.where(sizes > 1, sizes - 1, np.nan))
        start = end
    return np.where(np.isfinite(result), result, np.nan)
