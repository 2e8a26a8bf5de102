"""Matthews correlation of answers and truth: 1 perfect, 0 no better than chance, -1 always wrong."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, ratio


def _mcc(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gorodkin (2004), Computational Biology and Chemistry 28, for k classes."""
    truth, answers, n = counts.sum(axis=-1), counts.sum(axis=-2), counts.sum(axis=(-2, -1))
    right = np.trace(counts, axis1=-2, axis2=-1)
    top = right * n - (truth * answers).sum(axis=-1)
    bottom = (n**2 - (truth**2).sum(axis=-1)) * (n**2 - (answers**2).sum(axis=-1))
    return ratio(top, np.sqrt(np.maximum(bottom, 0.0)))


PLUGIN: Metric = Counted(formula=_mcc, aliases=("matthews_corrcoef",), bounds=(-1.0, 1.0))
