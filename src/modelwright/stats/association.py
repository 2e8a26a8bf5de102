"""How well one column alone, or all together, tell the target on rows they have not seen. For leak evidence.

Errors share one scale in all tasks: 0 is perfect, 1 is no better than knowing nothing (binary: 2 * (1 - AUC);
several classes: error rate over the majority's; numbers: 1 - R2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import intervals

_BINS = 64
_MAX_CODES = 256
_FOLDS = 3


def codes_of_numbers(values: NDArray[np.float64], bins: int = _BINS) -> NDArray[np.int64]:
    """Bin numbers (n,), at most `bins` equally filled ones; repeated values keep a bin of their own; 0 is missing.

    Values that repeat less than four times on average share bins of about 15 rows: alone they could teach nothing.
    """
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    codes = np.zeros(values.size, dtype=np.int64)
    few = distinct.size > known.sum() / 4
    if distinct.size <= _MAX_CODES and not (few and distinct.size > 20):
        codes[known] = np.searchsorted(distinct, values[known]) + 1
    else:
        bins = min(bins, max(4, int(known.sum()) // 15)) if few else bins
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, bins + 1)[1:-1]))
        codes[known] = np.searchsorted(edges, values[known], side="right") + 1
    return codes


def folds(n: int, seed: int, k: int = _FOLDS) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(n) % k


def single(codes: NDArray[np.int64], y: NDArray[Any], n_classes: int, fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Out-of-fold predictions from one coded column: (n, n_classes) shares, or (n, 1) means when n_classes is 0.

    Each code predicts the mean of its learning rows, drawn towards the overall mean by one row.
    """
    truth = np.eye(n_classes)[y] if n_classes else np.asarray(y, dtype=np.float64)[:, None]
    size = int(codes.max(initial=0)) + 1
    found = np.empty_like(truth)
    for number in np.unique(fold):
        learn = fold != number
        base = truth[learn].mean(axis=0)
        rows = np.bincount(codes[learn], minlength=size)
        sums = np.stack(
            [np.bincount(codes[learn], weights=column, minlength=size) for column in truth[learn].T], axis=1
        )
        means = (sums + base) / (rows[:, None] + 1.0)
        found[~learn] = means[codes[~learn]]
    return found


def error(y: NDArray[Any], predicted: NDArray[np.float64], n_classes: int) -> float:
    """The error of out-of-fold predictions on the scale of this module; may exceed 1."""
    if n_classes == 2:
        return 2.0 * (1.0 - intervals.auc(np.asarray(y) == 1, predicted[:, 1]))
    if n_classes:
        majority = 1.0 - np.bincount(y).max() / y.size
        return float((predicted.argmax(axis=1) != y).mean() / max(majority, 1e-12))
    residual = y - predicted[:, 0]
    return float((residual @ residual) / max(float(((y - y.mean()) ** 2).sum()), 1e-300))


def together(
    X: NDArray[np.float64], y: NDArray[Any], n_classes: int, fold: NDArray[np.int64], categorical: list[int]
) -> NDArray[np.float64]:
    """Out-of-fold predictions of a small boosted forest over all columns; shapes as `single`. NaN is missing."""
    from modelwright.stats.lightgbm_fitting import fit_predict

    params: dict[str, Any] = {
        "objective": {0: "regression", 2: "binary"}.get(n_classes, "multiclass"),
        "num_leaves": 15,
        "learning_rate": 0.2,
        "min_data_in_leaf": max(5, min(20, y.size // 50)),
        "max_cat_to_onehot": 8,
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": 0,
    }
    if n_classes > 2:
        params["num_class"] = n_classes
    if categorical:
        params["categorical_column"] = categorical
    found = np.empty((y.size, n_classes or 1))
    # One tree per class and round: many classes get fewer rounds, so that the cost stays near that of two.
    rounds = 40 if n_classes <= 2 else max(10, 100 // n_classes)
    for number in np.unique(fold):
        learn = fold != number
        raw = fit_predict((X[learn], y[learn]), X[~learn], params, rounds)
        found[~learn] = np.column_stack([1 - raw, raw]) if n_classes == 2 else raw
    return found


def exact_combination(X: NDArray[np.float64], y: NDArray[Any], names: tuple[str, ...]) -> dict[str, float]:
    """The fewest columns whose weighted sum equals y in every row, with their weights; empty when there are none.

    Least squares, then backward elimination while the fit stays exact (residual below 1e-6 of y's spread). Columns
    with missing values are left out; at least 5 rows per column are needed, or exactness means nothing.
    """
    usable = [at for at in range(X.shape[1]) if _is_usable(X[:, at])]
    if not usable or y.size < 5 * len(usable) + 20 or float(np.std(y)) == 0.0:
        return {}
    centre, scale = X[:, usable].mean(axis=0), X[:, usable].std(axis=0)
    standard = (X[:, usable] - centre) / scale
    truth = (y - y.mean()) / y.std()
    weights, exact = _least_squares(standard, truth)
    if not exact:
        return {}
    kept = list(range(len(usable)))
    # The smallest weights go first; each column that can go without harm does.
    for at in np.argsort(np.abs(weights)):
        fewer = [other for other in kept if other != at]
        if fewer and _least_squares(standard[:, fewer], truth)[1]:
            kept = fewer
    weights, _ = _least_squares(standard[:, kept], truth)
    scaled = weights * y.std() / scale[kept]
    return {names[usable[at]]: round(float(weight), 9) for at, weight in zip(kept, scaled, strict=True)}


def _is_usable(column: NDArray[np.float64]) -> bool:
    """Known in every row, varying, and small enough to be squared."""
    return bool(np.isfinite(column).all() and np.abs(column).max() < 1e150 and column.std() > 0)


def _least_squares(X: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    weights = np.asarray(np.linalg.lstsq(X, y, rcond=None)[0])
    return weights, float(np.abs(y - X @ weights).max()) < 1e-6
