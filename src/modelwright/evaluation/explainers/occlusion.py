"""Each column's effect on one row's answer: its change when that value is made typical.

Works for every model, because it only asks for predictions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType
from modelwright.core.tables import Predictions
from modelwright.evaluation.explain import Explainer, ModelLike

if TYPE_CHECKING:
    import polars as pl


class _Occlusion:
    """Effects need not add up to the answer: columns that work together each get the whole effect."""

    exact = False

    def explain(self, model: ModelLike, frame: pl.DataFrame, row: int) -> dict[str, Any]:
        import polars as pl

        one = frame.slice(row, 1)
        fields = list(model.signature.inputs)
        variants = [one]
        for field in fields:
            typical = pl.lit(_typical(field)).cast(one.schema[field.name])
            variants.append(one.with_columns(typical.alias(field.name)))
        answers = _answers(model.predict(pl.concat(variants)))
        effects = answers[0] - answers[1:]
        return {
            "method": "effect against a typical value",
            "exact": False,
            "space": "probability" if model.signature.task.is_classification else "answer",
            "base": float(answers[0]),
            "contributions": {field.name: float(effect) for field, effect in zip(fields, effects, strict=True)},
        }


def _typical(field: Any) -> Any:
    """The middle of the range seen in training, or the most frequent category, or missing."""
    if field.type is ColumnType.NUMBER and field.low is not None and field.high is not None:
        middle = (field.low + field.high) / 2
        return middle if middle != int(middle) else int(middle)
    if field.type is ColumnType.CATEGORY and field.categories:
        return field.categories[0]
    return None


def _answers(predictions: Predictions) -> NDArray[np.float64]:
    """One number per variant: the positive class's probability, the answered class's, or the value."""
    if predictions.probabilities is not None:
        p = predictions.probabilities
        return np.asarray(p[:, 1] if p.shape[1] == 2 else p[:, int(p[0].argmax())])
    if predictions.values is not None:
        return predictions.values
    assert predictions.labels is not None
    return np.asarray(predictions.labels == predictions.labels[0], dtype=np.float64)


PLUGIN: Explainer = _Occlusion()
