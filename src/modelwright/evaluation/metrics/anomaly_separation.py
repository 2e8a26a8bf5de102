"""How far the strangest 5 % of rows stand from the rest, as a share of the distance possible (0 to 1).

There is no truth to compare with: this tells a score that sets some rows apart from one that is flat, not whether
those rows are the ones somebody looks for.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Task
from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Plain, Weights, values

_TOP = 0.05


def _separation(y: NDArray[Any], predictions: Predictions, weight: Weights) -> float:
    """Share of the variance of scores that lies between the top 5 % and the rest (Otsu (1979), at a fixed cut)."""
    score = values(predictions)
    w = np.ones(score.size) if weight is None else weight
    if score.size < 2 or w.sum() <= 0:
        return 0.0
    order = np.argsort(-score, kind="stable")
    top = np.zeros(score.size, dtype=bool)
    top[order[: max(1, round(_TOP * score.size))]] = True
    centre = np.average(score, weights=w)
    total = np.average((score - centre) ** 2, weights=w)
    if total <= 0 or w[top].sum() <= 0 or w[~top].sum() <= 0:
        return 0.0
    share = w[top].sum() / w.sum()
    gap = np.average(score[top], weights=w[top]) - np.average(score[~top], weights=w[~top])
    return float(share * (1 - share) * gap**2 / total)


PLUGIN: Metric = Plain(
    function=_separation,
    tasks=frozenset({Task.ANOMALY}),
    greater_is_better=True,
    needs="values",
    bounds=(0.0, 1.0),
)
