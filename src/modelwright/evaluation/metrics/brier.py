"""Mean squared error of probabilities; binary: of the positive class (0 to 1), several classes: summed (0 to 2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import CLASSES, Summed, mean_of, probabilities


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    """Brier (1950), Monthly Weather Review 78."""
    p = probabilities(predictions)
    if p.shape[1] == 2:
        error = (p[:, 1] - (np.asarray(y) == 1)) ** 2
    else:
        truth = np.asarray(y, dtype=np.int64)[:, None] == np.arange(p.shape[1])
        error = ((p - truth) ** 2).sum(axis=1)
    return np.column_stack([np.ones(y.size), error])


PLUGIN: Metric = Summed(
    rows=_rows,
    formula=mean_of(),
    tasks=CLASSES,
    needs="probabilities",
    aliases=("brier_score", "brier_score_loss", "neg_brier_score"),
    bounds=(0.0, 2.0),
)
