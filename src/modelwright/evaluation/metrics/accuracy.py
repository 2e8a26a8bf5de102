"""Share of rows whose class is right."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, ratio


def _accuracy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


PLUGIN: Metric = Counted(formula=_accuracy, aliases=("accuracy_score",), is_share=True)
