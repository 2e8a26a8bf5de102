"""Root of the mean squared error of log(1 + value): relative misses; values below 0 count as 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Summed, mean_of, values


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    error = (np.log1p(np.maximum(y, 0.0)) - np.log1p(np.maximum(values(predictions), 0.0))) ** 2
    return np.column_stack([np.ones(y.size), error])


def _root(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(mean_of()(sums)))


PLUGIN: Metric = Summed(
    rows=_rows, formula=_root, aliases=("root_mean_squared_log_error", "neg_root_mean_squared_log_error")
)
