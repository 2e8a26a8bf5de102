"""Pass numbers through; fill, mark, scale and clip them for families that need it.

Missing values stay NaN unless `impute` asks for the training median, which adds one `... is missing` column for
each column that had missing values in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
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


class NumericParams(Params, frozen=True, kw_only=True):
    impute: bool = False
    scale: bool = False
    indicate: bool = True


def _clean(values: Sequence[Any]) -> list[float]:
    number, nan = cells.number, math.nan
    return [(value if value - value == 0.0 else nan) if type(value) is float else number(value) for value in values]


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    flagged: tuple[int, ...] = ()  # positions in `columns`
    finish: _shared.Finish


class _Fitted:
    reads = frozenset((ColumnType.NUMBER,))

    def __init__(self, state: _State) -> None:
        self._state = state
        self.names = (*state.columns, *(f"{state.columns[at]} is missing" for at in state.flagged))
        self.sources = (*state.columns, *(state.columns[at] for at in state.flagged))

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        return self.read(Cells.of(frame))

    def read(self, table: Cells, /) -> NDArray[np.float64]:
        values = table.numbers(self._state.columns)
        flags = np.isnan(values[:, list(self._state.flagged)]).astype(np.float64)
        values = self._state.finish.apply(values)
        return np.hstack([values, flags]) if self._state.flagged else values

    def state(self) -> dict[str, Any]:
        return _shared.as_state(self._state)

    def row(self) -> Callable[[Sequence[Any]], list[float]]:
        flagged, clean = self._state.flagged, _clean
        finish = self._state.finish
        if not finish.fill and not finish.scale and not flagged:
            return clean
        finishers = [finish.cell(position) for position in range(len(self._state.columns))]

        def apply(values: Sequence[Any]) -> list[float]:
            known = clean(values)
            out = [finisher(value) for finisher, value in zip(finishers, known, strict=True)]
            out.extend([1.0 if known[at] != known[at] else 0.0 for at in flagged])
            return out

        return apply

    def packed(self) -> Callable[[Sequence[Any]], bytes]:
        """`row` as bytes of float64."""
        apply, pack, finish = self.row(), Struct(f"{len(self.names)}d").pack, self._state.finish
        if finish.fill or finish.scale or self._state.flagged:
            return lambda values: pack(*apply(values))

        def packed(values: Sequence[Any]) -> bytes:
            try:
                total = sum(values)
            except TypeError:  # something is missing, or no number
                return pack(*apply(values))
            return pack(*values) if total - total == 0.0 else pack(*apply(values))

        return packed

    def graph(self, builder: GraphBuilder) -> str:
        columns = [number_column(builder, name) for name in self._state.columns]
        parts = [self._state.finish.graph(builder, concat(builder, columns))]
        if self._state.flagged:
            raw = concat(builder, [columns[at] for at in self._state.flagged])
            parts.append(builder.op("Cast", builder.op("IsNaN", raw), to=11))
        return concat(builder, parts)


class _Numeric:
    Params = NumericParams
    accepts = frozenset({ColumnType.NUMBER})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: NumericParams, context: FitContext
    ) -> FittedTransformer:
        columns = tuple(frame.columns)
        values = cells.numbers(frame, columns)
        flagged: tuple[int, ...] = ()
        if params.impute and params.indicate:
            flagged = tuple(int(at) for at in np.flatnonzero(np.isnan(values).any(axis=0)))
        learned = _shared.finish(values, impute=params.impute, scale=params.scale)
        return _Fitted(_State(columns=columns, flagged=flagged, finish=learned))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        learned = _shared.saved(_State, state)
        learned.finish.check(len(learned.columns))
        _shared.require(all(0 <= at < len(learned.columns) for at in learned.flagged), "a flag without its column")
        return _Fitted(learned)


PLUGIN: Transformer = _Numeric()
