"""Judge features on rows that nobody learned from: by what a small booster leaves unexplained, then by a small booster.

Everything is bounded: rows, rounds, bins and trees are fixed numbers, one thread, and no look at the clock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Task

#: trees of one small booster, shared by the classes
_TREES = 100
_BINS = 32
#: rows that pull the mean of a bin to zero
_SHRINK = 5.0
#: values beyond float32 are pulled in, as the families do
_SINGLE_MAX = 3.4e38
_TINY = 1e-12


class Fit(NamedTuple):
    """A small booster's answers for the judged rows."""

    loss: NDArray[np.float64]  # (m,) squared error or negative log-likelihood
    left: NDArray[np.float64]  # (m, k) what it leaves unexplained: target minus prediction, per class
    gain: NDArray[np.float64]  # per column


def boost(
    X: NDArray[np.float64],
    y: NDArray[Any],
    judged: tuple[NDArray[np.float64], NDArray[Any]],
    task: Task,
    n_classes: int,
    seed: int,
) -> Fit:
    """Learn from X (n, k) and y, judge others. Histograms of 63 bins: Ke et al. (2017), LightGBM."""
    import lightgbm

    rounds = max(12, _TREES // (n_classes if n_classes > 2 else 1))
    settings: dict[str, Any] = {
        "objective": {Task.BINARY: "binary", Task.MULTICLASS: "multiclass"}.get(task, "regression"),
        "learning_rate": min(0.3, 0.1 * _TREES / rounds),
        "num_leaves": 31,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "feature_pre_filter": False,
        "seed": seed % 2**31,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    if task is Task.MULTICLASS:
        settings["num_class"] = n_classes
    data = lightgbm.Dataset(_pulled(X), y, params=settings, free_raw_data=True)
    booster = lightgbm.train(settings, data, rounds)
    answers = np.asarray(booster.predict(_pulled(judged[0]), num_threads=1), dtype=np.float64)
    loss, left = _judge(answers, judged[1], task)
    return Fit(loss, left, np.asarray(booster.feature_importance("gain"), dtype=np.float64))


def _pulled(X: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(np.clip(X, -_SINGLE_MAX, _SINGLE_MAX))


def _judge(
    answers: NDArray[np.float64], y: NDArray[Any], task: Task
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if task is Task.REGRESSION:
        left = y - answers
        return left**2, left[:, None]
    if task is Task.BINARY:
        own = np.where(y == 1, answers, 1.0 - answers)
        return -np.log(np.maximum(own, _TINY)), ((y == 1) - answers)[:, None]
    own = answers[np.arange(y.size), y]
    left = -answers
    left[np.arange(y.size), y] += 1.0
    return -np.log(np.maximum(own, _TINY)), left


def in_bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Equally filled bins of one column (n,), 0.._BINS; missing has the last one."""
    found = np.full(values.size, _BINS, dtype=np.int64)
    known = ~np.isnan(values)
    there = values[known]
    if there.size:
        ordered = np.sort(there)
        edges = np.unique(ordered[np.arange(1, _BINS) * ordered.size // _BINS])
        found[known] = np.searchsorted(edges, there, side="right")
    return found


def explained(bins: NDArray[np.int64], left: NDArray[np.float64], half: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much less squared error per row, (n,), if what is left were the mean of the bin in the other half."""
    less = np.zeros(bins.size)
    for learned in (half, ~half):
        rows = np.bincount(bins[learned], minlength=_BINS + 1) + _SHRINK
        for column in left.T:
            mean = np.bincount(bins[learned], weights=column[learned], minlength=_BINS + 1) / rows
            guess = mean[bins[~learned]]
            less[~learned] += (2.0 * column[~learned] - guess) * guess
    return less


def certainty(gains: NDArray[np.float64]) -> float:
    """Mean over its standard error: how many standard errors a gain per row lies above none."""
    error = float(gains.std()) / np.sqrt(max(gains.size, 1))
    return float(gains.mean()) / error if error > 0.0 else 0.0
