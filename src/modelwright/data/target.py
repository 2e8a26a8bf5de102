"""Turn the target column into numbers: class positions or float64 values."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.errors import DataError
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset


def encode(dataset: Dataset, problem: Problem) -> tuple[Dataset, NDArray[Any] | None, tuple[str, ...]]:
    """The rows whose target is known, y of the same length, and the class labels in the order of positions.

    y: int64 positions for classification (binary: the positive class is position 1), float64 for regression,
    None without a target. Rows without a target are left out and counted in a note.
    """
    if problem.target is None or not problem.task.has_target:
        return dataset, None, ()
    column = dataset.frame[problem.target]
    known = column.is_not_null()
    if not known.all():
        dataset = _without_missing(dataset, known, problem.target)
        column = dataset.frame[problem.target]
    if problem.task is Task.REGRESSION:
        return dataset, _values(column), ()
    classes = class_order(problem)
    text = labels(column)
    positions = text.replace_strict(list(classes), list(range(len(classes))), default=None, return_dtype=pl.Int64)
    if positions.null_count():
        strange = text.filter(positions.is_null())[0]
        raise DataError(
            f"The target '{problem.target}' holds the class '{strange}', which was not there when it was analysed.",
            code="data.unknown_class",
            hint="analyse the data again, or repair the value",
            subject=f"column:{problem.target}",
        )
    return dataset, positions.to_numpy().astype(np.int64), classes


def class_order(problem: Problem) -> tuple[str, ...]:
    """Labels by position: numbers in numeric order, texts by alphabet, the positive class of two last."""
    names = sorted(problem.classes, key=_natural)
    if problem.task is Task.BINARY and problem.positive in names:
        names.remove(problem.positive)
        names.append(problem.positive)
    return tuple(names)


def labels(column: pl.Series) -> pl.Series:
    """Class labels as text: true/false for booleans, `3` for 3.0."""
    from modelwright.data.conform import store

    return store(column, ColumnType.CATEGORY)[0]


def _values(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).to_numpy().astype(np.float64)


def _without_missing(dataset: Dataset, known: pl.Series, target: str) -> Dataset:
    missing = int((~known).sum())
    note = f"{missing:,} of {dataset.n_rows:,} rows have no '{target}' and were left out"
    return Dataset(
        frame=dataset.frame.filter(known),
        schema=dataset.schema,
        digest=dataset.digest,
        source=dataset.source,
        coercions=dataset.coercions,
        quarantined=dataset.quarantined,
        notes=(*dataset.notes, note),
    )


def _natural(label: str) -> tuple[int, float, str]:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)
