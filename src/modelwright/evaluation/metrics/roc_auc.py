"""Probability that a row of the class scores above a row of another; several classes: mean of one against the rest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import Ranked, probabilities
from modelwright.stats.intervals import auc_influence


def _positives(y: NDArray[Any], p: NDArray[np.float64]) -> list[int]:
    """The classes whose AUC exists: the positive one of two, else each that is present and not alone."""
    if p.shape[1] == 2:
        return [1]
    counts = np.bincount(np.asarray(y, dtype=np.int64), minlength=p.shape[1])
    return [int(k) for k in np.flatnonzero((counts > 0) & (counts < y.size))]


def _influence(y: NDArray[Any], predictions: Predictions) -> tuple[float, NDArray[np.float64]]:
    p = probabilities(predictions)
    parts = [auc_influence(np.asarray(y) == k, p[:, k]) for k in _positives(y, p)]
    if not parts:
        return 0.5, np.zeros(y.size)
    return float(np.mean([value for value, _ in parts])), np.mean([psi for _, psi in parts], axis=0)


def _weighted(y: NDArray[Any], predictions: Predictions, weight: NDArray[np.float64]) -> float:
    p = probabilities(predictions)
    found = [_weighted_auc(np.asarray(y) == k, p[:, k], weight) for k in _positives(y, p)]
    return float(np.mean(found)) if found else 0.5


def _weighted_auc(positive: NDArray[np.bool_], score: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    distinct, code = np.unique(score, return_inverse=True)
    above = np.bincount(code, weights=np.where(positive, weight, 0.0), minlength=distinct.size)
    below = np.bincount(code, weights=np.where(positive, 0.0, weight), minlength=distinct.size)
    pairs = float(above.sum() * below.sum())
    return float((above * (np.cumsum(below) - below / 2)).sum()) / pairs if pairs > 0 else 0.5


PLUGIN: Metric = Ranked(
    influence=_influence,
    weighted_value=_weighted,
    aliases=("roc_auc_score", "auc", "roc_auc_ovr", "auroc"),
)
