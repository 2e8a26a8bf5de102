"""What each column is worth on a whole table: how far answers move when its values are shuffled (no truth needed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.digests import child_seed
from modelwright.evaluation.explain import Explainer, ModelLike

if TYPE_CHECKING:
    import polars as pl

_ROWS = 2000


class _Permutation:
    """Mean absolute change of the answer; `row` seeds the shuffle. For importance in units of a metric see
    `evaluation.importance`."""

    exact = False

    def explain(self, model: ModelLike, frame: pl.DataFrame, row: int) -> dict[str, Any]:
        part = frame.head(_ROWS)
        whole = model.predict(part)
        found = {}
        for field in model.signature.inputs:
            order = np.random.default_rng(child_seed(row, field.name)).permutation(part.height)
            moved = model.predict(part.with_columns(part[field.name][order].alias(field.name)))
            found[field.name] = float(np.abs(_numbers(moved) - _numbers(whole)).mean())
        return {
            "method": "mean change of the answer when the column is shuffled",
            "exact": False,
            "space": "probability" if model.signature.task.is_classification else "answer",
            "base": 0.0,
            "contributions": found,
        }


def _numbers(predictions: Any) -> Any:
    if predictions.probabilities is not None:
        return predictions.probabilities
    if predictions.values is not None:
        return predictions.values
    return predictions.labels.astype(np.float64)


PLUGIN: Explainer = _Permutation()
