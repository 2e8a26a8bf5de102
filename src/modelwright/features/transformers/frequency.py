"""How many training rows had the same category; unseen is 0, missing counts as a category.

Only the most frequent `max_categories` are kept by name; the rest count as seen once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, Params, Transformer
from modelwright.features.transformers import _shared

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


class FrequencyParams(Params, frozen=True, kw_only=True):
    max_categories: Annotated[int, Meta(ge=1, le=1_000_000)] = 50_000
    scale: bool = False


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    rows: dict[str, int]
    center: float = 0.0
    scale: float = 1.0


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]
    scaled: bool = False


def _learn(series: pl.Series, params: FrequencyParams) -> _Column:
    counts = _shared.counts(series)
    kept = {key: rows for key, rows in list(counts.items())[: params.max_categories] if rows > 1 or len(counts) <= 1000}
    if not params.scale:
        return _Column(name=series.name, rows=kept)
    seen = np.array(list(counts.values()), dtype=np.float64)
    center, spread = _shared.scaled(seen[:, None], seen)
    return _Column(name=series.name, rows=kept, center=float(center[0]), scale=float(spread[0]))


def _table(column: _Column, scaled: bool) -> _shared.Table:
    _shared.require(column.scale > 0, "a scale that is not positive")
    keys = {key: at for at, key in enumerate(column.rows)}
    rows = np.array([*column.rows.values(), 0], dtype=np.float64)[:, None]
    if scaled:
        rows = np.clip((rows - column.center) / column.scale, -_shared.CLIP, _shared.CLIP)
    return _shared.Table(column=column.name, keys=keys, rows=rows, names=(f"{column.name}: rows in training",))


class _Frequency:
    Params = FrequencyParams
    accepts = frozenset({ColumnType.CATEGORY})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: FrequencyParams, context: FitContext
    ) -> FittedTransformer:
        return self._made(_State(columns=tuple(_learn(series, params) for series in frame), scaled=params.scale))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        return self._made(_shared.saved(_State, state))

    def _made(self, state: _State) -> FittedTransformer:
        return _shared.Tabled(state, [_table(column, state.scaled) for column in state.columns])


PLUGIN: Transformer = _Frequency()
