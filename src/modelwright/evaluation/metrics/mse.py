"""Mean squared error, in squared units of the target."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Summed, mean_of, values


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    error = (y - values(predictions)) ** 2
    return np.column_stack([np.ones(y.size), error])


PLUGIN: Metric = Summed(rows=_rows, formula=mean_of(), aliases=("mean_squared_error", "neg_mean_squared_error"))
