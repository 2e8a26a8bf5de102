"""Measure models that have no target: how well apart clusters lie, how far strange rows stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Estimate, Task
from modelwright.core.tables import Predictions
from modelwright.evaluation.catalog import default_metrics
from modelwright.evaluation.scores import estimate

if TYPE_CHECKING:
    import polars as pl

#: the silhouette compares all pairs of rows
_MAX_ROWS = 2000


class ModelLike(Protocol):
    @property
    def signature(self) -> Any: ...
    @property
    def members(self) -> Any: ...
    def predict(self, frame: pl.DataFrame) -> Predictions: ...


def measure(model: ModelLike, frame: pl.DataFrame, *, seed: int, level: float = 0.95) -> dict[str, Estimate]:
    """Metric name -> estimate, on at most 2,000 rows drawn with the seed."""
    if frame.height > _MAX_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(frame.height, _MAX_ROWS, replace=False))
        frame = frame[rows]
    task = Task(model.signature.task)
    predictions = model.predict(frame)
    matrix: NDArray[np.float64] = np.zeros((frame.height, 0))
    if task is Task.CLUSTERING:
        matrix = model.members[0].features.transform(frame).values
    return estimate(matrix, predictions, default_metrics(task), level=level, seed=seed)
