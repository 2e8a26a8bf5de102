"""Median absolute error, in units of the target: half of the misses are smaller; outliers do not move it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import REGRESSION, Plain, Weights, values


def _median(y: NDArray[Any], predictions: Predictions, weight: Weights) -> float:
    error = np.abs(y - values(predictions))
    if error.size == 0:
        return 0.0
    if weight is None:
        return float(np.median(error))
    order = np.argsort(error, kind="stable")
    reached = np.cumsum(weight[order])
    half = reached[-1] / 2
    at = int(np.searchsorted(reached, half))
    # Where the weights split evenly, the two middle errors are averaged, as in the plain median.
    after = at + 1 if reached[at] == half and at + 1 < error.size else at
    return float((error[order][at] + error[order][after]) / 2)


PLUGIN: Metric = Plain(
    function=_median,
    tasks=REGRESSION,
    greater_is_better=False,
    needs="values",
    aliases=("medae", "neg_median_absolute_error"),
)
