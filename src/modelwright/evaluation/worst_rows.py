"""The rows with the largest loss, with the values that matter and none that name a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.judgement import WorstRow
from modelwright.core.nouns import ColumnType, Role
from modelwright.core.tables import Dataset, Predictions

_MOST = 10
_VALUES = 6
_LONGEST = 60


def losses(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    """(n,): log loss in nats for probabilities, 0 or 1 for bare classes, the absolute error for values."""
    if predictions.probabilities is not None:
        truth = predictions.probabilities[np.arange(y.size), np.asarray(y, dtype=np.int64)]
        return np.asarray(-np.log(np.clip(truth, 1e-12, 1.0)))
    if predictions.labels is not None:
        return np.asarray(predictions.labels != y, dtype=np.float64)
    assert predictions.values is not None
    return np.asarray(np.abs(predictions.values - y), dtype=np.float64)


def worst_rows(
    dataset: Dataset, y: NDArray[Any], predictions: Predictions, important: Sequence[str], private: Sequence[str] = ()
) -> tuple[WorstRow, ...]:
    """At most ten, worst first. Values: of the six most important feature columns that are not `private`; free text
    and columns that name rows are never shown."""
    loss = losses(y, predictions)
    shown = [name for name in important if name not in set(private) and _is_harmless(dataset, name)][:_VALUES]
    found = []
    for row in np.argsort(-loss, kind="stable")[:_MOST]:
        at = int(row)
        truth, answer = _said(y, predictions, at)
        values = {name: _plain(dataset.frame[name][at]) for name in shown}
        found.append(WorstRow(row=at, truth=truth, predicted=answer, loss=float(loss[at]), values=values))
    return tuple(found)


def _is_harmless(dataset: Dataset, name: str) -> bool:
    if name not in dataset.schema.names or name not in dataset.frame.columns:
        return False
    column = dataset.schema[name]
    if column.role is not Role.FEATURE or column.type is ColumnType.TEXT:
        return False
    if column.type is ColumnType.CATEGORY:  # a value of nearly every row's own may name somebody
        series = dataset.frame[name].drop_nulls()
        return series.len() < 20 or series.n_unique() <= 0.5 * series.len()
    return True


def _said(y: NDArray[Any], predictions: Predictions, at: int) -> tuple[str, str]:
    if predictions.labels is not None and predictions.classes:
        classes = predictions.classes
        answer = classes[int(predictions.labels[at])]
        if predictions.probabilities is not None:
            answer = f"{answer} ({float(predictions.probabilities[at, predictions.labels[at]]):.2f})"
        return classes[int(y[at])], answer
    assert predictions.values is not None
    return f"{float(y[at]):.6g}", f"{float(predictions.values[at]):.6g}"


def _plain(value: Any) -> Any:
    """JSON values only, long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if value is None or isinstance(value, bool | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
