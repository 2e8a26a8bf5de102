"""Bootstrap intervals of the errors of `stats.association`, over rows, for predictions that were made out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.bootstrap import count_resamples

_RESAMPLES = 200


def error_interval(
    y: NDArray[Any], predicted: NDArray[np.float64], n_classes: int, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval (Efron 1979) of the error; the folds' models are held fixed, only rows are drawn again."""
    counts = count_resamples(y.size, seed, _RESAMPLES)
    if n_classes == 2:
        errors = _auc_errors(y, predicted[:, 1], counts)
    elif n_classes:
        wrong, rows = predicted.argmax(axis=1) != y, counts.sum(axis=1)
        most = np.stack([counts @ (y == label) for label in range(n_classes)]).max(axis=0)
        errors = (counts @ wrong) / np.maximum(rows - most, 1.0)
    else:
        centred = y - y.mean()
        spread = counts @ centred**2 - (counts @ centred) ** 2 / y.size
        errors = (counts @ (y - predicted[:, 0]) ** 2) / np.maximum(spread, 1e-300)
    tail = (1 - level) / 2
    low, high = np.quantile(np.clip(errors, 0.0, 1.0), [tail, 1 - tail])
    return float(low), float(high)


def _auc_errors(y: NDArray[Any], score: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """2 (1 - AUC) of each resample, ties counted half. counts: (resamples, n)."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weights = counts[:, order]
    positive = np.add.reduceat(weights * (y[order] == 1), starts, axis=1)
    negative = np.add.reduceat(weights * (y[order] != 1), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.asarray(2.0 * (1.0 - (positive * below).sum(axis=1) / np.maximum(pairs, 1.0)))
