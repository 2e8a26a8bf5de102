"""Dates as year, month, day, weekday, hour, minute, weekend, day of year, and days since the first training row.

Parts that are the same in every training row are left out. Weekday 0 is Monday.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, GraphBuilder, Params, Transformer
from modelwright.features import calendar
from modelwright.features import values as cells
from modelwright.features.decoded import Cells
from modelwright.features.graphs import concat, scalar
from modelwright.features.transformers import _shared

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


class DatePartsParams(Params, frozen=True, kw_only=True):
    impute: bool = False
    scale: bool = False
    parts: tuple[str, ...] = calendar.PARTS
    #: a clock that only runs forward teaches a model the training period; off for the column that splits time
    elapsed: bool = True


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    parts: tuple[str, ...]
    first_us: float | None = None  # None: no elapsed days


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]
    finish: _shared.Finish


def _names(column: _Column) -> list[str]:
    names = [f"{column.name}: {part}" for part in column.parts]
    return names if column.first_us is None else [*names, f"{column.name}: days since start"]


def _block(us: NDArray[np.float64], column: _Column) -> list[NDArray[np.float64]]:
    blocks = [calendar.parts_of(us, column.parts)] if column.parts else []
    if column.first_us is not None:
        blocks.append(((us - column.first_us) / calendar.US_PER_DAY)[:, None])
    return blocks


class _Fitted:
    def __init__(self, state: _State) -> None:
        self._state = state
        self.names = tuple(name for column in state.columns for name in _names(column))
        self.sources = tuple(column.name for column in state.columns for _ in _names(column))

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        return self.read(Cells.of(frame))

    def read(self, table: Cells, /) -> NDArray[np.float64]:
        blocks = [np.empty((table.height, 0))]
        for column in self._state.columns:
            blocks.extend(_block(cells.moments(table[column.name]), column))
        return self._state.finish.apply(np.hstack(blocks))

    def state(self) -> dict[str, Any]:
        return _shared.as_state(self._state)

    def row(self) -> Callable[[Sequence[Any]], list[float]]:
        readers = [_reader(column) for column in self._state.columns]
        finish = self._state.finish
        finishers = [finish.cell(at) for at in range(len(self.names))] if finish.fill or finish.scale else []

        def apply(values: Sequence[Any]) -> list[float]:
            out: list[float] = []
            for reader, value in zip(readers, values, strict=True):
                out.extend(reader(value))
            return [finisher(value) for finisher, value in zip(finishers, out, strict=True)] if finishers else out

        return apply

    def graph(self, builder: GraphBuilder) -> str:
        parts: list[str] = []
        for column in self._state.columns:
            us = builder.column(column.name, ColumnType.DATETIME)
            parts.extend(calendar.graph_parts(builder, us, column.parts))
            if column.first_us is not None:
                since = builder.op("Sub", us, scalar(builder, column.first_us))
                parts.append(builder.op("Div", since, scalar(builder, calendar.US_PER_DAY)))
        return self._state.finish.graph(builder, concat(builder, parts))


def _reader(column: _Column) -> Callable[[Any], list[float]]:
    getters = [calendar.part_of(part) for part in column.parts]
    first, blank = column.first_us, [math.nan] * len(_names(column))

    def read(value: Any) -> list[float]:
        at = cells.moment(value)
        if at is None:
            return blank
        out = [getter(at) for getter in getters]
        if first is not None:
            out.append((cells.microseconds(at) - first) / calendar.US_PER_DAY)
        return out

    return read


class _DateParts:
    Params = DatePartsParams
    accepts = frozenset({ColumnType.DATETIME})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: DatePartsParams, context: FitContext
    ) -> FittedTransformer:
        columns = tuple(self._column(name, cells.moments(frame[name]), params) for name in frame.columns)
        raw = [block for c in columns for block in _block(cells.moments(frame[c.name]), c)]
        values = np.hstack([np.empty((frame.height, 0)), *raw])
        return _Fitted(_State(columns=columns, finish=_shared.finish(values, impute=params.impute, scale=params.scale)))

    def _column(self, name: str, us: NDArray[np.float64], params: DatePartsParams) -> _Column:
        known = us[~np.isnan(us)]
        if not known.size:
            return _Column(name=name, parts=())
        found = calendar.parts_of(known, params.parts) if params.parts else np.empty((known.size, 0))
        varied = found.min(axis=0) < found.max(axis=0) if found.size else np.zeros(len(params.parts), dtype=bool)
        parts = tuple(part for part, varies in zip(params.parts, varied, strict=True) if varies)
        first = float(known.min()) if params.elapsed and known.min() < known.max() else None
        return _Column(name=name, parts=parts, first_us=first)

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        learned = _shared.saved(_State, state)
        _shared.require(all(set(c.parts) <= set(calendar.PARTS) for c in learned.columns), "an unknown date part")
        learned.finish.check(sum(len(_names(column)) for column in learned.columns))
        return _Fitted(learned)


PLUGIN: Transformer = _DateParts()
