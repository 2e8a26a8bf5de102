"""Area under precision over recall; its floor is the share of positives, so it stays honest when they are rare."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Ranked, probabilities
from modelwright.stats.intervals import average_precision_influence


def _positives(y: NDArray[Any], p: NDArray[np.float64]) -> list[int]:
    """The classes that have an area: the positive one of two, else each that is present."""
    return [1] if p.shape[1] == 2 else [k for k in range(p.shape[1]) if (np.asarray(y) == k).any()]


def _influence(y: NDArray[Any], predictions: Predictions) -> tuple[float, NDArray[np.float64]]:
    p = probabilities(predictions)
    one = np.ones(p.shape[0])
    parts = [average_precision_influence(np.asarray(y) == k, p[:, k], one) for k in _positives(y, p)]
    if not parts:
        return 0.0, np.zeros(p.shape[0])
    return float(np.mean([value for value, _ in parts])), np.asarray(np.mean([psi for _, psi in parts], axis=0))


def _weighted(y: NDArray[Any], predictions: Predictions, weight: NDArray[np.float64]) -> float:
    p = probabilities(predictions)
    found = [average_precision_influence(np.asarray(y) == k, p[:, k], weight)[0] for k in _positives(y, p)]
    return float(np.mean(found)) if found else 0.0


PLUGIN: Metric = Ranked(
    influence=_influence,
    weighted_value=_weighted,
    aliases=("average_precision_score", "pr_auc", "auprc"),
)
