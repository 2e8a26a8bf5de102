"""Share of the target's variance that the model explains: 1 perfect, 0 as good as the mean, below 0 worse."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Summed, values


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    # Centred first: sums of squares of large targets would cancel.
    centred = y - (y.mean() if y.size else 0.0)
    return np.column_stack([np.ones(y.size), (y - values(predictions)) ** 2, centred, centred**2])


def _r2(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n, residual, first, second = np.moveaxis(sums, -1, 0)
    total = second - first**2 / np.maximum(n, 1e-300)
    constant = total <= 1e-12 * np.maximum(second, 1e-300)
    explained = 1.0 - residual / np.where(constant, 1.0, total)
    # A constant target: 1 when hit exactly, else 0, as scikit-learn answers.
    return np.asarray(np.where(constant, np.where(residual == 0, 1.0, 0.0), explained))


PLUGIN: Metric = Summed(
    rows=_rows, formula=_r2, aliases=("r2_score", "r_squared"), greater_is_better=True, bounds=(float("-inf"), 1.0)
)
