"""One 0/1 column per category; rare ones share `other`, and missing has its own column when seen in training.

An unseen category counts as `other` where that column exists, and is all zeros where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FitContext, FittedTransformer, Params, Transformer
from modelwright.features.transformers import _shared
from modelwright.features.values import SEPARATOR

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


class OneHotParams(Params, frozen=True, kw_only=True):
    max_categories: Annotated[int, Meta(ge=1, le=1_000)] = 30
    min_rows: Annotated[int, Meta(ge=1)] = 1


class _Column(_shared.Saved, frozen=True, kw_only=True):
    name: str
    keys: tuple[str, ...]
    other: bool = False
    missing: bool = False


class _State(_shared.Saved, frozen=True, kw_only=True):
    columns: tuple[_Column, ...]


def _learn(series: pl.Series, params: OneHotParams) -> _Column:
    counts = _shared.counts(series)
    missing = counts.pop("", 0) > 0
    kept = [key for key, rows in counts.items() if rows >= params.min_rows][: params.max_categories]
    return _Column(name=series.name, keys=tuple(sorted(kept)), other=len(kept) < len(counts), missing=missing)


def _table(column: _Column) -> _shared.Table:
    names = [f"{column.name}={key.replace(SEPARATOR, ' & ')}" for key in column.keys]
    names += [f"{column.name} is other"] * column.other + [f"{column.name} is missing"] * column.missing
    keys = {key: at for at, key in enumerate((*column.keys, ""))}
    _shared.require(len(keys) == len(column.keys) + 1, "a category twice")
    rows = np.zeros((len(keys) + 1, len(names)))
    width = len(column.keys)
    rows[np.arange(width), np.arange(width)] = 1.0
    if column.other:
        rows[-1, width] = 1.0
    if column.missing:
        rows[width, -1] = 1.0
    return _shared.Table(column=column.name, keys=keys, rows=rows, names=tuple(names))


class _OneHot:
    Params = OneHotParams
    accepts = frozenset({ColumnType.CATEGORY})

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: OneHotParams, context: FitContext
    ) -> FittedTransformer:
        return self._made(_State(columns=tuple(_learn(series, params) for series in frame)))

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer:
        return self._made(_shared.saved(_State, state))

    def _made(self, state: _State) -> FittedTransformer:
        return _shared.Tabled(state, [_table(column) for column in state.columns])


PLUGIN: Transformer = _OneHot()
