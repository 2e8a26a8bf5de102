"""Harmonic mean of precision and recall: of the positive class, or the mean over classes when there are several."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, mean_over_present, per_class_f1


def _f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = per_class_f1(counts)
    return scores[..., 1] if counts.shape[-1] == 2 else mean_over_present(scores, counts)


PLUGIN: Metric = Counted(formula=_f1, aliases=("f1_score",))
