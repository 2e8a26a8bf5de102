"""The metric group by group: who is served worse than the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.report import SliceResult
from modelwright.core.tables import Dataset, Predictions
from modelwright.evaluation import catalog
from modelwright.evaluation.scores import estimate_one, task_of

#: smaller groups have intervals too wide to say anything
MIN_ROWS = 30
#: rows of the rarest class below which a group says nothing of how that class is served
MIN_CLASS_ROWS = 10
_MAX_GROUPS = 8
_MAX_COLUMNS = 12
_MAX_CATEGORIES = 30

#: metrics whose value hangs on the group's own make-up, and what is compared across groups instead. A group with few
#: positives has a low F1, one with little spread a low R2, and a mean over classes counts those it has no rows of.
_COMPARABLE: dict[Task, dict[str, str]] = {
    Task.REGRESSION: {"r2": "rmse"},
    Task.BINARY: dict.fromkeys(
        ("f1", "f1_macro", "f1_weighted", "precision", "average_precision", "mcc", "accuracy"), "balanced_accuracy"
    ),
    Task.MULTICLASS: dict.fromkeys(
        ("f1", "f1_macro", "f1_weighted", "precision", "recall", "balanced_accuracy", "roc_auc", "mcc"), "accuracy"
    ),
}


def slices(
    dataset: Dataset,
    y: NDArray[Any],
    predictions: Predictions,
    metric: str,
    columns: Sequence[str],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[SliceResult, ...]:
    """One result per group of each column, worst first; without `columns` the feature columns that have few groups.

    Categories: the 8 most frequent values; numbers and dates: quarters; missing values are a group. Left out are
    groups below 30 rows, groups of one class or, of two, with fewer than 10 rows of either, where there is too little
    to go by, and groups of the very rows of an earlier one. Metrics that hang on a group's make-up give way to one
    that can be compared across groups.
    """
    if predictions.n_rows == 0:
        return ()
    task = task_of(predictions)
    primary, _ = catalog.resolve(metric, task)
    name, judge = catalog.resolve(_COMPARABLE.get(task, {}).get(primary, primary), task)
    whole = judge.score(y, predictions)
    sign = 1.0 if judge.greater_is_better else -1.0
    found, seen = [], set()
    for column in columns or _automatic(dataset):
        if column not in dataset.frame.columns:
            continue
        for condition, rows in groups(dataset, column):
            if rows.size < MIN_ROWS or rows.size == predictions.n_rows or _is_flat(y[rows], predictions):
                continue
            if rows.tobytes() in seen:
                continue
            seen.add(rows.tobytes())
            one = child_seed(seed, "slice", condition)
            value = estimate_one(y[rows], predictions.rows(rows), judge, level=level, seed=one)
            found.append(
                SliceResult(
                    condition=condition,
                    n=int(rows.size),
                    share=rows.size / predictions.n_rows,
                    estimate=value,
                    difference=sign * (value.value - whole),
                    metric=name,
                    whole=whole,
                )
            )
    return tuple(sorted(found, key=lambda one: (one.difference, one.condition)))


def groups(dataset: Dataset, column: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The groups of one column as (condition, row positions)."""
    series = dataset.frame[column]
    kind = dataset.schema[column].type if column in dataset.schema.names else ColumnType.CATEGORY
    missing = series.is_null()
    if missing.any():
        yield f"{column} is missing", _positions(missing)
    if series.dtype.is_numeric() and series.n_unique() > _MAX_GROUPS:
        yield from _quarters(column, series.cast(pl.Float64))
    elif kind is ColumnType.DATETIME and series.dtype.is_temporal():
        numbers = series.to_physical().cast(pl.Float64)
        for number, (_, rows) in enumerate(_quarters(column, numbers), start=1):
            yield f"{column}: quarter {number} in time", rows
    else:
        top = series.drop_nulls().value_counts(sort=True).head(_MAX_GROUPS)
        for value in top[column].to_list():
            yield f"{column} = {value}", _positions(series == value)


def _quarters(column: str, series: pl.Series) -> Iterator[tuple[str, NDArray[np.int64]]]:
    known = series.drop_nulls().to_numpy()
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if known.size else np.zeros(0)
    bounds = [-np.inf, *edges.tolist(), np.inf]
    for low, high in pairwise(bounds):
        rows = _positions((series > low) & (series <= high))
        if rows.size == 0:
            continue
        if np.isinf(low):
            yield f"{column} <= {high:.6g}", rows
        elif np.isinf(high):
            yield f"{column} > {low:.6g}", rows
        else:
            yield f"{low:.6g} < {column} <= {high:.6g}", rows


def _positions(mask: pl.Series) -> NDArray[np.int64]:
    return np.flatnonzero(mask.fill_null(False).to_numpy())


def _automatic(dataset: Dataset) -> list[str]:
    """Feature columns with few groups first, then numbers; texts and long lists of categories have no slices."""
    scored = []
    for column in dataset.schema.features:
        if column.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN):
            distinct = dataset.frame[column.name].n_unique()
            if 2 <= distinct <= _MAX_CATEGORIES:
                scored.append((0, distinct, column.name))
        elif column.type is ColumnType.NUMBER:
            scored.append((1, 4, column.name))
    return [name for _, _, name in sorted(scored)[:_MAX_COLUMNS]]


def _is_flat(y: NDArray[Any], predictions: Predictions) -> bool:
    task = task_of(predictions)
    if task not in (Task.BINARY, Task.MULTICLASS):
        return False
    counts = np.unique(y, return_counts=True)[1]
    return counts.size < 2 or (task is Task.BINARY and int(counts.min()) < MIN_CLASS_ROWS)
