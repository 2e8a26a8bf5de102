"""Mean negative log-probability given to the true class: punishes confident mistakes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import CLASSES, Summed, mean_of, probabilities


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    p = probabilities(predictions)
    given = p[np.arange(y.size), np.asarray(y, dtype=np.int64)]
    # Clipped where float64 ends, as scikit-learn does.
    return np.column_stack([np.ones(y.size), -np.log(np.clip(given, np.finfo(np.float64).eps, 1.0))])


PLUGIN: Metric = Summed(
    rows=_rows, formula=mean_of(), tasks=CLASSES, needs="probabilities", aliases=("neg_log_loss", "cross_entropy")
)
