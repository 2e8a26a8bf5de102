"""Mean absolute error as a share of the true value (0.1 is 10 %); explodes where true values are near 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Summed, mean_of, values


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    error = np.abs(y - values(predictions)) / np.maximum(np.abs(y), np.finfo(np.float64).eps)
    return np.column_stack([np.ones(y.size), error])


PLUGIN: Metric = Summed(
    rows=_rows, formula=mean_of(), aliases=("mean_absolute_percentage_error", "neg_mean_absolute_percentage_error")
)
