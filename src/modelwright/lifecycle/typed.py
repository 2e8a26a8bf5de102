"""Typed columns for a function of the user's own: numbers in a text file arrive as numbers, as from `read_csv`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import polars as pl

from modelwright.core.nouns import ColumnType, Signature
from modelwright.core.tables import RawTable
from modelwright.spec.model import Spec

#: a leading zero is part of a name (007), and more than 15 digits are a number that floats cannot hold
_WHOLE = r"^[+-]?(0|[1-9]\d*)$"
_DECIMAL = r"^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_WORDS = (ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.DATETIME, ColumnType.BOOLEAN)


def typed(raw: RawTable, texts: Collection[str] = ()) -> RawTable:
    """Text columns in which every value is a number become Int64 or Float64; `texts` and all others stay. A source
    that has types of its own (any column that is no text) means its texts as texts."""
    if any(dtype != pl.String for dtype in raw.frame.dtypes):
        return raw
    found = [series for series in raw.frame if series.dtype == pl.String and series.name not in texts]
    return replace(raw, frame=raw.frame.with_columns([_as_number(series) for series in found]))


def _as_number(series: pl.Series) -> pl.Series:
    known = series.drop_nulls()
    if known.is_empty() or not known.head(100).str.contains(_DECIMAL).all() or not known.str.contains(_DECIMAL).all():
        return series
    if known.str.contains(_WHOLE).all():
        whole = series.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == series.null_count() else series  # ids beyond 64 bits
    real = series.cast(pl.Float64, strict=False)
    return real if real.null_count() == series.null_count() and bool(real.drop_nulls().is_finite().all()) else series


def declared_texts(spec: Spec) -> frozenset[str]:
    """Columns that the pipeline file declares to be no numbers."""
    types: Mapping[str, ColumnType] = spec.data.types
    listed = (*(spec.features.categorical or ()), *(spec.features.text or ()), *(spec.features.dates or ()))
    return frozenset(name for name in listed if name not in types) | {
        name for name, kind in types.items() if kind in _WORDS
    }


def texts_of_training(frame: pl.DataFrame, signature: Signature) -> frozenset[str]:
    """Columns that were texts in training, as far as a model knows: named kinds that stand in this table as they did
    then, though as numbers they would be no kinds. A kind that a function made of a number has other names."""
    from modelwright.data.guesses import guess

    found = set()
    for field in signature.inputs:
        if field.name not in frame.columns or frame[field.name].dtype != pl.String:
            continue
        kinds = field.categories or ()
        if field.type is ColumnType.TEXT or (
            field.type is ColumnType.CATEGORY
            and bool(frame[field.name].drop_nulls().is_in(list(kinds)).any())
            and guess(_as_number(frame[field.name])).type is not ColumnType.CATEGORY
        ):
            found.add(field.name)
    return frozenset(found)
