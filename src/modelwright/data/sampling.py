"""Draw a share of the rows with the seed, keeping small classes and the order of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.errors import DataError
from modelwright.core.nouns import ColumnType
from modelwright.core.tables import Dataset

#: a class is never thinned below this many rows (or to all it has)
_KEPT_PER_CLASS = 30
#: a target with more values than this is not treated as classes
_MOST_CLASSES = 200


def sample(dataset: Dataset, rate: float, seed: int) -> Dataset:
    """The sampled rows in their original order. Raises DataError `data.too_few_rows` when fewer than 10 remain."""
    if rate >= 1.0:
        return dataset
    rows = _drawn(dataset, rate, np.random.default_rng(child_seed(seed, "sample")))
    if rows.size < 10:
        raise DataError(
            f"sample_rate {rate:g} leaves {rows.size} of {dataset.n_rows:,} rows.",
            code="data.too_few_rows",
            hint=f"use at least {min(1.0, 10 / max(dataset.n_rows, 1)):.3g}",
            subject="data.sample_rate",
        )
    note = f"{rows.size:,} of {dataset.n_rows:,} rows were drawn (sample_rate {rate:g})"
    return replace(dataset, frame=dataset.frame[rows], notes=(*dataset.notes, note))


def _drawn(dataset: Dataset, rate: float, random: np.random.Generator) -> NDArray[np.int64]:
    strata = _strata(dataset)
    chosen = []
    for rows in strata:
        wanted = round(rate * rows.size)
        if len(strata) > 1:
            wanted = max(wanted, min(rows.size, _KEPT_PER_CLASS))
        chosen.append(random.permutation(rows)[:wanted])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _strata(dataset: Dataset) -> list[NDArray[np.int64]]:
    everything = [np.arange(dataset.n_rows, dtype=np.int64)]
    target = dataset.schema.target
    if target is None:
        return everything
    column = dataset.frame[target]
    few = column.n_unique() <= (20 if dataset.schema[target].type is ColumnType.NUMBER else _MOST_CLASSES)
    if not few:
        return everything
    codes = column.cast(pl.String).fill_null("").rank("dense").to_numpy()
    return [np.flatnonzero(codes == code).astype(np.int64) for code in np.unique(codes)]
