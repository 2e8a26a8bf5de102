"""Would a constant or a rule of one column do? Say so before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import Column, ColumnType, Role, Task
from modelwright.core.tables import Dataset
from modelwright.data.target import labels

_BINS = 32
_MOST_ROWS = 50_000
#: one class this common: the constant answer errs in fewer rows than most labels do
_CONSTANT_SHARE = 0.99
#: a rule of one column that leaves less than this share of the target unexplained
_LEFT = 0.02
_FEW_ROWS = 50
#: squares of larger values leave float64
_TOO_LARGE = 1e150


def alternative(dataset: Dataset, target: str, task: Task, classes: Mapping[str, int]) -> str:
    """One sentence when a constant or a one-column rule is about as good as a model can be, else empty."""
    rows = dataset.n_rows - dataset.frame[target].null_count()
    if rows < _FEW_ROWS:
        return f"{rows} rows are too few for a model that can be checked: a constant or a rule of thumb is as honest"
    if classes:
        most = max(classes, key=lambda name: classes[name])
        share = classes[most] / sum(classes.values())
        if share > _CONSTANT_SHARE:
            return f"always answering '{most}' is right in {share:.2%} of rows: a model is worth it only for the rest"
    found = _one_column(dataset, target, task)
    if found is None:
        return ""
    name, left = found
    measure = "of rows wrong" if task.is_classification else "of the variance unexplained"
    return (
        f"a rule on '{name}' alone leaves {left:.1%} {measure}: if '{name}' is known when the answer is needed, "
        "that rule will do; if it is not, it is a leak"
    )


def _one_column(dataset: Dataset, target: str, task: Task) -> tuple[str, float] | None:
    """The column whose bins predict held-out rows almost perfectly, with what they leave unexplained."""
    frame = dataset.frame.filter(pl.col(target).is_not_null())
    if frame.height > _MOST_ROWS:
        frame = frame.sample(_MOST_ROWS, seed=0)
    held = np.random.default_rng(0).random(frame.height) < 1 / 3  # not every third row: tables can be periodic
    y = _codes(frame[target], task)
    if y.size == 0 or float(np.abs(y).max()) > _TOO_LARGE:
        return None
    base = _left(np.zeros(frame.height, dtype=np.int64), y, held, task)
    best: tuple[str, float] | None = None
    for column in dataset.schema.columns:
        if column.role is not Role.FEATURE or column.type is ColumnType.TEXT:
            continue
        left = _left(_binned(frame[column.name], column), y, held, task)
        if left < _LEFT and left < 0.2 * base and (best is None or left < best[1]):
            best = (column.name, left)
    return best


def _codes(values: pl.Series, task: Task) -> NDArray[np.float64]:
    if task is Task.REGRESSION:
        return values.cast(pl.Float64).to_numpy().astype(np.float64)
    return labels(values).rank("dense").to_numpy().astype(np.float64) - 1


def _binned(values: pl.Series, column: Column) -> NDArray[np.int64]:
    """Small bin numbers; 0 is missing. Numbers by rank, so that bins hold about the same number of rows."""
    if column.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN):
        counts = values.value_counts(sort=True)
        kept = counts[column.name].head(500).drop_nulls()
        codes = values.cast(pl.String).replace_strict(
            kept.cast(pl.String), list(range(1, kept.len() + 1)), default=0, return_dtype=pl.Int64
        )
        return codes.fill_null(0).to_numpy()
    known = values.cast(pl.Float64) if column.type is ColumnType.NUMBER else values.cast(pl.Int64).cast(pl.Float64)
    ranks = known.rank("dense").fill_null(0).cast(pl.Float64)
    most = float(ranks.max() or 1.0)  # type: ignore[arg-type]
    if most <= 200:
        return ranks.cast(pl.Int64).to_numpy()
    average = known.rank("average").fill_null(0).cast(pl.Float64).to_numpy()
    return np.ceil(average / max(1.0, float(average.max())) * _BINS * 4).astype(np.int64)


def _left(bins: NDArray[np.int64], y: NDArray[np.float64], held: NDArray[np.bool_], task: Task) -> float:
    """What the bins, learned on two thirds, leave unexplained on the other third: share of errors or variance."""
    size = int(bins.max()) + 1
    if task.is_classification:
        classes = int(y.max()) + 1
        counts = np.zeros((size, classes))
        np.add.at(counts, (bins[~held], y[~held].astype(np.int64)), 1.0)
        fallback = int(counts.sum(axis=0).argmax())
        answer = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), fallback)
        return float(np.mean(answer[bins[held]] != y[held]))
    count = np.bincount(bins[~held], minlength=size)
    total = np.bincount(bins[~held], weights=y[~held], minlength=size)
    mean = np.where(count > 0, total / np.maximum(count, 1), y[~held].mean())
    spread = float(np.var(y[held]))
    return float(np.mean((mean[bins[held]] - y[held]) ** 2) / spread) if spread > 0 else 0.0
