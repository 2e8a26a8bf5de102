"""Metrics of labelled rows with intervals that know of dependence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.monitoring.decay import rate
from modelwright.monitoring.labels import Labelled, squared
from modelwright.stats.intervals import delong, z_value
from modelwright.stats.sequential_dependence import inflation

Array = NDArray[np.float64]
Json = dict[str, Any]

#: probabilities are kept this far from 0 and 1 before logarithms
_EPSILON = 1e-7


def measured(known: Labelled, rows: slice, level: float) -> dict[str, Json]:
    """Metric -> {value, low, high, level, rows} of these rows; what cannot be measured there is left out."""
    errors = known.errors[rows]
    if known.kind == "numbers":
        return _of_numbers(errors, level)
    found = rate(errors, level=level)
    told = {
        "error_rate": _told(found.value, found.low, found.high, level, found.n),
        "accuracy": _told(1 - found.value, 1 - found.high, 1 - found.low, level, found.n),
    }
    quadratic = squared(known)
    if quadratic is not None:
        told["brier"] = _mean(quadratic[rows], level)
        p = np.clip(_scores(known)[rows], _EPSILON, 1 - _EPSILON)
        y = (known.truth == known.positive).to_numpy()[rows]
        told["log_loss"] = _mean(-np.where(y, np.log(p), np.log1p(-p)), level)
    return told | _order(known, rows, level)


def _order(known: Labelled, rows: slice, level: float) -> dict[str, Json]:
    if known.scores is None:
        return {}
    score = known.scores[rows]
    kept = np.isfinite(score)
    y = (known.truth == known.positive).to_numpy()[rows][kept].astype(np.int64)
    if not 0 < y.sum() < y.size:
        return {}
    value, low, high = delong(y, score[kept], level)
    return {"roc_auc": _told(value, low, high, level, y.size)}


def _of_numbers(errors: Array, level: float) -> dict[str, Json]:
    low, high = _median_bounds(errors, level)
    return {
        "mean_absolute_error": _mean(errors, level),
        "median_absolute_error": _told(float(np.median(errors)), low, high, level, errors.size),
    }


def _median_bounds(errors: Array, level: float) -> tuple[float, float]:
    """Order statistics around the middle (binomial), spread by dependence."""
    ordered, n = np.sort(errors), errors.size
    half = z_value(level) * math.sqrt(n * inflation(errors)) / 2
    return float(ordered[max(0, int(n / 2 - half))]), float(ordered[min(n - 1, int(n / 2 + half))])


def _mean(values: Array, level: float) -> Json:
    n, mean = values.size, float(values.mean())
    half = 0.0
    if n > 1:
        half = z_value(level) * float(values.std(ddof=1)) * math.sqrt(inflation(values) / n)
    return _told(mean, max(0.0, mean - half), mean + half, level, n)


def _scores(known: Labelled) -> Array:
    assert known.scores is not None
    return known.scores


def _told(value: float, low: float, high: float, level: float, n: int) -> Json:
    return {"value": value, "low": low, "high": high, "level": level, "rows": n}
