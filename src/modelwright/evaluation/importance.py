"""What each input column is worth: how much the metric falls when the column's values are shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.report import Importance
from modelwright.core.tables import Dataset, Predictions
from modelwright.evaluation import catalog
from modelwright.evaluation.scores import task_of

_REPEATS = 5


def permutation(
    predict: Callable[[pl.DataFrame], Predictions],
    dataset: Dataset,
    y: NDArray[Any],
    metric: str,
    *,
    seed: int,
    max_rows: int = 5000,
    repeats: int = _REPEATS,
    by_row: bool = False,
) -> tuple[Importance, ...]:
    """Permutation importance of raw input columns, most important first.

    Source: Breiman (2001), Machine Learning 45; Fisher, Rudin and Dominici (2019), JMLR 20. Derived and encoded
    columns move with their raw column. Columns that carry the same information share it and may all look weak.
    low and high: the range over the shuffles, widened to two standard errors; none after a single one. by_row: an
    answer depends on its own row alone, so that only rows to which the shuffle gives another value are asked again.
    """
    rows = _sample(dataset.n_rows, max_rows, seed)
    frame, truth = dataset.frame[rows], y[rows]
    columns = [column.name for column in dataset.schema.features]
    if frame.height < 2 or not columns:
        return ()
    whole = predict(frame)
    _, judge = catalog.resolve(metric, task_of(whole))
    sign = 1.0 if judge.greater_is_better else -1.0
    base = judge.score(truth, whole)
    found = []
    for column in columns:
        if frame[column].n_unique() < 2:
            found.append(Importance(column=column, value=0.0, low=0.0, high=0.0))
            continue
        seeds = [child_seed(seed, column, repeat) for repeat in range(repeats)]
        shuffles = [frame[column][np.random.default_rng(one).permutation(frame.height)] for one in seeds]
        answers = _together(predict, frame, whole, shuffles) if by_row else _apart(predict, frame, shuffles)
        falls = [sign * (base - judge.score(truth, one)) for one in answers]
        found.append(_summarise(column, np.array(falls)))
    return tuple(sorted(found, key=lambda one: (-one.value, one.column)))


def _apart(
    predict: Callable[[pl.DataFrame], Predictions], frame: pl.DataFrame, shuffles: Sequence[pl.Series]
) -> Iterator[Predictions]:
    for shuffled in shuffles:
        yield predict(frame.with_columns(shuffled))


def _together(
    predict: Callable[[pl.DataFrame], Predictions],
    frame: pl.DataFrame,
    whole: Predictions,
    shuffles: Sequence[pl.Series],
) -> Iterator[Predictions]:
    """All shuffles of a column in one call, without the rows that keep their value."""
    name = shuffles[0].name
    moved = [np.flatnonzero(frame[name].ne_missing(shuffled).to_numpy()) for shuffled in shuffles]
    values = pl.concat([shuffled[rows] for shuffled, rows in zip(shuffles, moved, strict=True)])
    fresh = predict(frame[np.concatenate(moved)].with_columns(values)) if values.len() else whole
    start = 0
    for rows in moved:
        yield _replaced(whole, rows, fresh.rows(np.arange(start, start + rows.size)))
        start += rows.size


def _replaced(whole: Predictions, rows: NDArray[np.int64], fresh: Predictions) -> Predictions:
    def put(old: NDArray[Any] | None, new: NDArray[Any] | None) -> NDArray[Any] | None:
        if old is None or new is None:
            return None
        both = old.copy()
        both[rows] = new
        return both

    return Predictions(
        classes=whole.classes,
        probabilities=put(whole.probabilities, fresh.probabilities),
        labels=put(whole.labels, fresh.labels),
        values=put(whole.values, fresh.values),
    )


def _sample(n: int, max_rows: int, seed: int) -> NDArray[np.int64]:
    if n <= max_rows:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, max_rows, replace=False))


def _summarise(column: str, falls: NDArray[np.float64]) -> Importance:
    value = float(falls.mean())
    if falls.size < 2:
        return Importance(column=column, value=value)
    half = 2 * float(falls.std(ddof=1)) / float(np.sqrt(falls.size))
    low, high = min(float(falls.min()), value - half), max(float(falls.max()), value + half)
    return Importance(column=column, value=value, low=low, high=high)
