"""How cleanly one column parts the classes or orders the target: what tells a copy from a graded honest feature.

An honest feature is graded: near the boundary it is unsure. A copy is not: it errs seldom, and anywhere.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: a row is grey when no class has this share of the posterior, classes weighted alike
SURE = 0.85


def balanced(shares: NDArray[np.float64], y: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Posterior shares (n, k) as if all classes were equally common; rows sum to 1."""
    prior = np.maximum(np.bincount(y, minlength=n_classes) / max(y.size, 1), 1e-12)
    scaled = np.clip(shares, 0.0, 1.0) / prior
    total = scaled.sum(axis=1, keepdims=True)
    return np.where(total > 0, scaled / np.where(total > 0, total, 1.0), 1.0 / n_classes)


def grey(posterior: NDArray[np.float64], y: NDArray[Any], n_classes: int) -> float:
    """The share of rows, classes weighted alike, where the column is unsure; 0 to 1."""
    return _by_class(posterior.max(axis=1) < SURE, y, n_classes)


def balanced_error(posterior: NDArray[np.float64], y: NDArray[Any], n_classes: int) -> float:
    """1 - balanced accuracy of the likeliest class."""
    return _by_class(posterior.argmax(axis=1) != y, y, n_classes)


def _by_class(marks: NDArray[np.bool_], y: NDArray[Any], n_classes: int) -> float:
    rows = np.bincount(y, minlength=n_classes)
    hits = np.bincount(y, weights=marks, minlength=n_classes)
    return float(np.mean(hits[rows > 0] / rows[rows > 0])) if rows.any() else 1.0


def is_ordered(codes: NDArray[np.int64], values: NDArray[np.float64], y: NDArray[np.float64], numeric: bool) -> bool:
    """Is y cut into disjoint stretches by the column's values (a monotone or binned copy)? 99 % of borders must hold.

    codes (n,) name the distinct values; `values` orders them when numeric, else their mean of y does and every value
    must stand for at least ten rows on average.
    """
    distinct = np.unique(values if numeric else codes)
    if distinct.size < 5 or (not numeric and distinct.size > y.size / 10):
        return False
    place = np.searchsorted(distinct, values if numeric else codes)
    low, high = np.full(distinct.size, np.inf), np.full(distinct.size, -np.inf)
    np.minimum.at(low, place, y)
    np.maximum.at(high, place, y)
    if not numeric:
        order = np.argsort(low)
        low, high = low[order], high[order]
    rising = float(np.mean(high[:-1] <= low[1:]))
    falling = float(np.mean(low[:-1] >= high[1:]))
    # Ties in y alone, such as a target of two values, would make any column ordered.
    return max(rising, falling) >= 0.99 and np.unique(y).size >= 5


def is_exact_code(codes: NDArray[np.int64], y: NDArray[np.int64], n_classes: int, least: int = 60) -> bool:
    """Do few repeated values name the class without one exception? Both sides must be well filled."""
    if y.size < least:
        return False
    distinct, place = np.unique(codes, return_inverse=True)
    if not 2 <= distinct.size <= 3 * n_classes + 5 or y.size / distinct.size < 8:
        return False
    table = np.bincount(place * n_classes + y, minlength=distinct.size * n_classes).reshape(distinct.size, n_classes)
    return int(table.sum() - table.max(axis=1).sum()) == 0 and np.unique(table.argmax(axis=1)).size == np.unique(y).size


def marked_class(codes: NDArray[np.int64], y: NDArray[np.int64], n_classes: int) -> int | None:
    """The class that one value of a two-valued column names without exception, of three classes or more."""
    distinct, place = np.unique(codes, return_inverse=True)
    if n_classes < 3 or distinct.size != 2:
        return None
    table = np.bincount(place * n_classes + y, minlength=2 * n_classes).reshape(2, n_classes)
    for value in (0, 1):
        label = int(table[value].argmax())
        if table[value, label] >= 15 and table[value].sum() == table[value, label] and table[1 - value, label] == 0:
            return label
    return None


def middle(values: NDArray[np.float64], y: NDArray[np.int64], n_classes: int) -> float:
    """The largest share of rows (of two neighbouring classes, weighted alike) midway between the classes' medians.

    A cause with a threshold has rows there, a coded answer has not. values: (n,), finite.
    """
    medians = np.array([np.median(values[y == label]) if (y == label).any() else np.nan for label in range(n_classes)])
    order = [int(at) for at in np.argsort(medians) if np.isfinite(medians[at])]
    found = 0.0
    for low, high in itertools.pairwise(order):
        centre, half = (medians[low] + medians[high]) / 2, 0.1 * (medians[high] - medians[low])
        inside = np.abs(values - centre) <= half
        found = max(found, float(np.mean([inside[y == low].mean(), inside[y == high].mean()])))
    return found


def is_apart(values: NDArray[np.float64], y: NDArray[np.int64], n_classes: int) -> bool:
    """Does each class keep a stretch of its own, with empty space of three within-class deviations between all?"""
    parts = [values[y == label] for label in range(n_classes)]
    if min(part.size for part in parts) < 8:
        return False
    parts.sort(key=lambda part: float(part.min()))
    widest = max(float(part.std()) for part in parts)
    gaps = [float(high.min() - low.max()) for low, high in itertools.pairwise(parts)]
    return min(gaps) > 3.0 * widest


def is_code(codes: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> bool:
    """Three classes or more, as many values as classes, and each value stands for another class."""
    distinct = np.unique(codes)
    if n_classes < 3 or distinct.size != n_classes:
        return False
    stands_for = {int(np.bincount(predicted[codes == value], minlength=n_classes).argmax()) for value in distinct}
    return len(stands_for) == n_classes
