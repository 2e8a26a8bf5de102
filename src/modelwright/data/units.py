"""Which rows must stay together: exact duplicates, and rows of one group."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import Role
from modelwright.core.tables import Dataset

Rows = NDArray[np.int64]


def duplicate_units(dataset: Dataset) -> Rows:
    """A number per row, equal for rows that agree in every feature. Shape (n_rows,), 0..k-1."""
    hashes = row_hashes(dataset)
    return np.arange(dataset.n_rows, dtype=np.int64) if hashes is None else dense(hashes)


def row_hashes(dataset: Dataset) -> pl.Series | None:
    """Equal for rows that agree in every feature; None without features."""
    names = [column.name for column in dataset.schema.columns if column.role in (Role.FEATURE, Role.TIME)]
    if not names:
        return None
    # floats are hashed by bits: make -0.0 equal to 0.0 first
    frame = dataset.frame.select(
        pl.col(name) + 0.0 if dataset.frame[name].dtype.is_float() else pl.col(name) for name in names
    )
    return frame.hash_rows(seed=0)


def group_units(dataset: Dataset, group: str) -> Rows:
    """A number per row, equal within a group; a row without a group is a group of its own."""
    values = dataset.frame[group]
    codes = dense(values)
    missing = values.is_null().to_numpy()
    codes[missing] = codes.max(initial=0) + 1 + np.arange(int(missing.sum()))
    return dense(pl.Series(codes))


def dense(values: pl.Series) -> Rows:
    """Equal values get equal numbers 0..k-1, in order of first appearance (so file order names them)."""
    # Not by rank: sorting a million texts costs ten times as much.
    first = pl.DataFrame({"value": values}).with_row_index("row").select(pl.col("row").min().over("value"))
    rows = first.to_series().to_numpy()
    is_first = np.zeros(values.len(), dtype=bool)
    is_first[rows] = True
    return np.asarray((np.cumsum(is_first) - 1)[rows], dtype=np.int64)


def first_rows(units: Rows) -> Rows:
    """The first row of each unit, by unit number."""
    _, first = np.unique(units, return_index=True)
    return first.astype(np.int64)
