"""Conformal intervals and sets from out-of-fold rows, judged on the sealed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.judgement import Uncertainty
from modelwright.core.nouns import Estimate
from modelwright.core.tables import Predictions
from modelwright.stats import conformal, intervals

_MIN_GROUP = 30
_LEVELS = 4


def learn(y: NDArray[Any], oof: Predictions, asked: float) -> conformal.Conformal:
    """y: class positions or values of the out-of-fold rows. Raises ValueError where there is too little."""
    if oof.probabilities is not None:
        return conformal.fit_sets(np.asarray(y, dtype=np.int64), oof.probabilities, asked)
    if oof.values is None:
        raise ValueError("only classes and numbers have intervals or sets")
    return conformal.fit_intervals(np.asarray(y, dtype=np.float64), oof.values, asked)


def judge(learned: conformal.Conformal, y: NDArray[Any], predicted: Predictions, level: float = 0.95) -> Uncertainty:
    """Coverage on rows that had no part in it. Groups: the classes, or quarters of the answers."""
    if learned.kind == "set":
        assert predicted.probabilities is not None
        inside = learned.members(predicted.probabilities)
        covered = inside[np.arange(y.size), np.asarray(y, dtype=np.int64)]
        size = float(inside.sum(axis=1).mean())
        group, names = np.asarray(y, dtype=np.int64), [str(name) for name in predicted.classes]
    else:
        assert predicted.values is not None
        low, high = learned.interval(predicted.values)
        covered = (y >= low) & (y <= high)
        size = float((high - low).mean())
        edges = np.unique(np.quantile(predicted.values, np.linspace(0, 1, _LEVELS + 1)[1:-1]))
        group = np.searchsorted(edges, predicted.values)
        names = [f"quarter {number} of the answers" for number in range(1, _LEVELS + 1)]
    worst, least = _worst(covered, group, names)
    n = int(covered.size)
    low_bound, high_bound = intervals.wilson(float(covered.sum()), n, level)
    share = float(covered.mean()) if n else 0.0
    return Uncertainty(
        kind=learned.kind,
        asked=learned.asked,
        coverage=Estimate(value=share, low=low_bound, high=high_bound, level=level, n=n, method="wilson"),
        size=size,
        quantile=learned.quantiles[0] if learned.kind == "interval" else float(np.mean(learned.quantiles)),
        worst_group=worst,
        worst_coverage=least,
        n_calibration=learned.n,
        state=learned.state(),
    )


def _worst(covered: NDArray[np.bool_], group: NDArray[np.int64], names: list[str]) -> tuple[str, float | None]:
    """The group covered least, among those of at least 30 rows."""
    found = []
    for position, name in enumerate(names):
        rows = group == position
        if int(rows.sum()) >= _MIN_GROUP:
            found.append((float(covered[rows].mean()), name))
    if not found:
        return "", None
    least, name = min(found)
    return name, least
