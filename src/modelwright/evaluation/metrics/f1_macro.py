"""Mean over classes of the F1 of each, every class counting the same."""

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.evaluation.metrics._shared import Counted, mean_over_present, per_class_f1


def _f1_macro(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return mean_over_present(per_class_f1(counts), counts)


PLUGIN: Metric = Counted(formula=_f1_macro, aliases=("macro_f1",))
