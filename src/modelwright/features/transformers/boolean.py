"""Booleans as 0 and 1; missing stays NaN, or becomes the more frequent value with a column that says so.

With `impute`, a column that had missing values in training gets one `... is missing` column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, GraphBuilder, Params, Transformer
from modelwright.features import values as cells
from modelwright.features.decoded import Cells
from modelwright.features.graphs import concat, number_column
from modelwright.features.transformers import _shared

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


class BooleanParams(Params, frozen=True, kw_only=True):
    impute: bool = False


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    fill: tuple[float, ...] = ()
    flagged: tuple[int, ...] = ()


class _Fitted:
    reads = frozenset((ColumnType.BOOLEAN,))

    def __init__(self, state: _State) -> None:
        self._state = state
        self.names = (*state.columns, *(f"{state.columns[at]} is missing" for at in state.flagged))
        self.sources = (*state.columns, *(state.columns[at] for at in state.flagged))

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        return self.read(Cells.of(frame))

    def read(self, table: Cells, /) -> NDArray[np.float64]:
        values = table.numbers(self._state.columns)
        missing = np.isnan(values)
        if self._state.fill:
            np.copyto(values, np.array(self._state.fill), where=missing)
        if not self._state.flagged:
            return values
        return np.hstack([values, missing[:, list(self._state.flagged)].astype(np.float64)])

    def state(self) -> dict[str, Any]:
        return _shared.as_state(self._state)

    def row(self) -> Callable[[Sequence[Any]], list[float]]:
        fill = self._state.fill or (math.nan,) * len(self._state.columns)
        flagged, boolean = self._state.flagged, cells.boolean

        def apply(values: Sequence[Any]) -> list[float]:
            known = [boolean(value) for value in values]
            out = [other if value is None else float(value) for value, other in zip(known, fill, strict=True)]
            out.extend([1.0 if known[at] is None else 0.0 for at in flagged])
            return out

        return apply

    def graph(self, builder: GraphBuilder) -> str:
        raw = concat(builder, [number_column(builder, name, ColumnType.BOOLEAN) for name in self._state.columns])
        missing = builder.op("IsNaN", raw)
        values = raw
        if self._state.fill:
            values = builder.op("Where", missing, builder.constant(np.array([self._state.fill])), raw)
        if not self._state.flagged:
            return values
        flags = builder.op("Cast", missing, to=11)
        at = builder.constant(np.array(self._state.flagged, dtype=np.int64))
        return concat(builder, [values, builder.op("Gather", flags, at, axis=1)])


class _Boolean:
    Params = BooleanParams
    accepts = frozenset({ColumnType.BOOLEAN})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: BooleanParams, context: FitContext
    ) -> FittedTransformer:
        columns = tuple(frame.columns)
        if not params.impute:
            return _Fitted(_State(columns=columns))
        values = cells.numbers(frame, columns)
        known = ~np.isnan(values)
        ones = np.where(known, values, 0.0).sum(axis=0)
        fill = (ones * 2 > known.sum(axis=0)).astype(np.float64)
        flagged = tuple(int(at) for at in np.flatnonzero(~known.all(axis=0)))
        return _Fitted(_State(columns=columns, fill=tuple(fill.tolist()), flagged=flagged))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        learned = _shared.saved(_State, state)
        _shared.require(len(learned.fill) in (0, len(learned.columns)), "a wrong width")
        _shared.require(all(0 <= at < len(learned.columns) for at in learned.flagged), "a flag without its column")
        return _Fitted(learned)


PLUGIN: Transformer = _Boolean()
