"""Categories as integer codes, most frequent first, for families that split on categories themselves.

Unseen, missing and categories beyond `max_categories` are NaN, or with `impute` one code of their own.
"""

from __future__ import annotations

import math
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


class CodesParams(Params, frozen=True, kw_only=True):
    #: one below the 255 bins that histogram boosters use, so that the code for the rest still fits
    max_categories: Annotated[int, Meta(ge=1, le=10_000)] = 254
    impute: bool = False


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    keys: tuple[str, ...]


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]
    impute: bool = False


def _learn(series: pl.Series, params: CodesParams) -> _Column:
    keys = [key for key in _shared.counts(series) if key]
    return _Column(name=series.name, keys=tuple(keys[: params.max_categories]))


def _table(column: _Column, impute: bool) -> _shared.Table:
    keys = {key: at for at, key in enumerate(column.keys)}
    _shared.require(len(keys) == len(column.keys), "a category twice")
    rows = np.arange(len(keys) + 1, dtype=np.float64)[:, None]
    if not impute:
        rows[-1] = math.nan
    return _shared.Table(column=column.name, keys=keys, rows=rows, names=(column.name,))


class _Fitted(_shared.Tabled):
    @property
    def categorical(self) -> tuple[int, ...]:
        """Every output column carries codes."""
        return tuple(range(len(self.names)))


class _Codes:
    Params = CodesParams
    accepts = frozenset({ColumnType.CATEGORY})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: CodesParams, context: FitContext
    ) -> FittedTransformer:
        return self._made(_State(columns=tuple(_learn(series, params) for series in frame), impute=params.impute))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        return self._made(_shared.saved(_State, state))

    def _made(self, state: _State) -> FittedTransformer:
        return _Fitted(state, [_table(column, state.impute) for column in state.columns])


PLUGIN: Transformer = _Codes()
