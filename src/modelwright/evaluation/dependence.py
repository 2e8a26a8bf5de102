"""Partial dependence of the answer on the columns that matter most, with the range over rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.judgement import Dependence
from modelwright.core.nouns import ColumnType, Signature
from modelwright.core.tables import Predictions

MAX_COLUMNS = 6
_ROWS = 200
_POINTS = 15


def dependence(
    predict: Callable[[pl.DataFrame], Predictions],
    frame: pl.DataFrame,
    signature: Signature,
    columns: Sequence[str],
    max_rows: int = _ROWS,
) -> tuple[Dependence, ...]:
    """The mean answer as one column is set to each of a grid of values, and its 10th and 90th percentile over rows,
    of which at most `max_rows` are asked, evenly spaced.

    Sources: Friedman (2001), Annals of Statistics 29; Goldstein et al. (2015), JCGS 24, for the spread over rows.
    Two classes: the positive one's probability; more: that of the class answered most often.
    """
    if frame.height == 0:
        return ()
    part = frame[np.unique(np.linspace(0, frame.height - 1, min(max_rows, frame.height)).astype(np.int64))]
    before = predict(part)
    position = _position(before)
    label = before.classes[position] if before.classes and before.probabilities is not None else ""
    types = {field.name: field.type for field in signature.inputs}
    found = []
    for name in [name for name in columns if name in types][:MAX_COLUMNS]:
        grid = _grid(frame[name], types[name])
        if len(grid) < 2:
            continue
        tables = [part.with_columns(pl.lit(value).cast(part.schema[name]).alias(name)) for value in grid]
        answers = _answers(predict(pl.concat(tables)), position).reshape(len(grid), part.height)
        low, high = np.quantile(answers, [0.1, 0.9], axis=1)
        found.append(
            Dependence(
                column=name,
                values=tuple(grid),
                mean=tuple(answers.mean(axis=1).tolist()),
                low=tuple(low.tolist()),
                high=tuple(high.tolist()),
                label=label,
            )
        )
    return tuple(found)


def _position(answers: Predictions) -> int:
    if answers.probabilities is None:
        return 0
    if answers.probabilities.shape[1] == 2:
        return 1
    return int(np.bincount(answers.probabilities.argmax(axis=1)).argmax())


def _answers(answers: Predictions, position: int) -> NDArray[np.float64]:
    if answers.probabilities is not None:
        return np.asarray(answers.probabilities[:, position])
    assert answers.values is not None
    return answers.values


def _grid(series: pl.Series, kind: ColumnType) -> list[Any]:
    known = series.drop_nulls()
    if known.len() == 0 or kind in (ColumnType.TEXT, ColumnType.DATETIME):
        return []
    if kind is ColumnType.NUMBER:
        found = np.unique(np.quantile(known.to_numpy(), np.linspace(0.02, 0.98, _POINTS), method="nearest"))
        return [value.item() for value in found]
    counted = known.value_counts(sort=True).sort(["count", series.name], descending=[True, False])
    top: list[Any] = counted[series.name].head(_POINTS).to_list()
    return top
