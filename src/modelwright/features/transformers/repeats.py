"""How many training rows held the very same number; a number seen once or never is 1, missing has its own count.

Says which numbers are defaults, caps or prices that come back, and which are measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, GraphBuilder, Params, Transformer
from modelwright.features import values as cells
from modelwright.features.decoded import Cells
from modelwright.features.graphs import concat, number_column, scalar
from modelwright.features.transformers import _shared

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

_ONCE = 1.0


class RepeatsParams(Params, frozen=True, kw_only=True):
    #: only the most frequent numbers are kept
    max_values: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    scale: bool = False


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    values: tuple[float, ...]  # rising
    rows: tuple[int, ...]
    missing: int = 0


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]
    finish: _shared.Finish


def _learn(name: str, values: NDArray[np.float64], params: RepeatsParams) -> _Column:
    unknown = np.isnan(values)
    distinct, rows = np.unique(values[~unknown] + 0.0, return_counts=True)  # -0.0 + 0.0 is 0.0
    kept = np.sort(np.argsort(-rows, kind="stable")[: params.max_values])
    kept = kept[rows[kept] > 1]
    return _Column(
        name=name,
        values=tuple(distinct[kept].tolist()),
        rows=tuple(rows[kept].tolist()),
        missing=int(unknown.sum()),
    )


class _Fitted:
    reads = frozenset((ColumnType.NUMBER,))

    def __init__(self, state: _State) -> None:
        self._state = state
        self.names = tuple(f"{column.name}: rows with this number" for column in state.columns)
        self.sources = tuple(column.name for column in state.columns)
        self._values = [np.array(column.values, dtype=np.float64) for column in state.columns]
        self._rows = [np.array([*column.rows, _ONCE], dtype=np.float64) for column in state.columns]

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        return self.read(Cells.of(frame))

    def read(self, table: Cells, /) -> NDArray[np.float64]:
        found = table.numbers(self.sources)
        for position, column in enumerate(self._state.columns):
            known, values = self._values[position], found[:, position]
            at = np.searchsorted(known, values)
            same = np.zeros(values.size, dtype=bool)
            inside = at < known.size
            same[inside] = known[at[inside]] == values[inside]
            counted = self._rows[position][np.where(same, at, known.size)]
            found[:, position] = np.where(np.isnan(values), float(column.missing), counted)
        return self._state.finish.apply(found)

    def state(self) -> dict[str, Any]:
        return _shared.as_state(self._state)

    def row(self) -> Callable[[Sequence[Any]], list[float]]:
        parts = []
        for position, column in enumerate(self._state.columns):
            finish = self._state.finish.cell(position)
            table = {value: finish(float(rows)) for value, rows in zip(column.values, column.rows, strict=True)}
            parts.append((table.get, finish(_ONCE), finish(float(column.missing))))
        number = cells.number

        def apply(values: Sequence[Any]) -> list[float]:
            out = []
            for (get, once, missing), value in zip(parts, values, strict=True):
                known = number(value)
                out.append(get(known, once) if known == known else missing)
            return out

        return apply

    def graph(self, builder: GraphBuilder) -> str:
        parts = []
        for column in self._state.columns:
            x = builder.op("Add", number_column(builder, column.name), scalar(builder, 0.0))  # -0.0 becomes 0.0
            rows = builder.op(
                "LabelEncoder",
                x,
                domain="ai.onnx.ml",
                keys_tensor=np.array(column.values or (math.inf,), dtype=np.float64),
                values_tensor=np.array(column.rows or (_ONCE,), dtype=np.float64),
                default_tensor=np.array([_ONCE]),
            )
            unknown = builder.op("IsNaN", x)
            parts.append(builder.op("Where", unknown, scalar(builder, float(column.missing)), rows))
        return self._state.finish.graph(builder, concat(builder, parts))


class _Repeats:
    Params = RepeatsParams
    accepts = frozenset({ColumnType.NUMBER})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: RepeatsParams, context: FitContext
    ) -> FittedTransformer:
        found = cells.numbers(frame, tuple(frame.columns))
        columns = tuple(_learn(name, found[:, at], params) for at, name in enumerate(frame.columns))
        plain = _Fitted(_State(columns=columns, finish=_shared.Finish()))
        if not params.scale:
            return plain
        return _Fitted(_State(columns=columns, finish=_shared.finish(plain.apply(frame), impute=False, scale=True)))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        learned = _shared.saved(_State, state)
        learned.finish.check(len(learned.columns))
        for column in learned.columns:
            rising = all(low < high for low, high in zip(column.values, column.values[1:], strict=False))
            _shared.require(len(column.values) == len(column.rows), "numbers and counts differ in number")
            _shared.require(rising and all(map(math.isfinite, column.values)), "numbers that do not rise")
        return _Fitted(learned)


PLUGIN: Transformer = _Repeats()
