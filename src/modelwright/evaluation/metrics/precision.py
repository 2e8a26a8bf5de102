"""Share of answers of a class that are right: of the positive class, or the mean over classes."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, mean_over_present, ratio


def _precision(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2))
    return scores[..., 1] if counts.shape[-1] == 2 else mean_over_present(scores, counts)


PLUGIN: Metric = Counted(formula=_precision, aliases=("precision_score", "precision_macro"))
