"""Mean over classes of the share of their rows that were found (macro recall)."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, ratio


def _balanced(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    size = counts.sum(axis=-1)
    found = ratio(np.diagonal(counts, axis1=-2, axis2=-1), size)
    return ratio(found.sum(axis=-1), (size > 0).sum(axis=-1).astype(float))


PLUGIN: Metric = Counted(formula=_balanced, aliases=("balanced_accuracy_score", "recall_macro"))
