"""Mean over classes of the F1 of each, classes counting by their rows."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, per_class_f1, ratio


def _f1_weighted(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    size = counts.sum(axis=-1)
    return ratio((per_class_f1(counts) * size).sum(axis=-1), size.sum(axis=-1))


PLUGIN: Metric = Counted(formula=_f1_weighted, aliases=("weighted_f1",))
