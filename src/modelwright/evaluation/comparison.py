"""Compare two models on the same rows: the difference with its interval, resampled together."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Estimate, Task
from modelwright.core.ports import Metric
from modelwright.core.report import Comparison
from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog, cell_intervals
from modelwright.evaluation.scores import task_of
from modelwright.stats import bootstrap, intervals

_PLAIN_RESAMPLES = 200
_PLAIN_ROWS = 5000


def compare(
    y: NDArray[Any],
    model: Predictions,
    rival: Predictions,
    metric: str,
    *,
    against: str,
    level: float = 0.95,
    seed: int = 0,
    clusters: NDArray[Any] | None = None,
) -> Comparison:
    """Model minus rival, signed so that more is better. y, model and rival hold the same n rows in one order.

    p_value: one-sided, of "the model is not better". clusters: (n,) group codes or time blocks, drawn as wholes.
    Raises SpecError for a metric that does not fit.
    """
    task = Task.ANOMALY if metric == "anomaly_separation" else task_of(model)
    canonical, judge = catalog.resolve(metric, task)
    sign = 1.0 if judge.greater_is_better else -1.0
    n = model.n_rows
    value = sign * (judge.score(y, model) - judge.score(y, rival)) if n else 0.0
    numbers = None if clusters is None or n == 0 else np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    if n < 2 or (numbers is not None and int(numbers.max()) == 0):
        return Comparison(against=against, metric=canonical, difference=Estimate(value=value, n=n, level=level), n=n)
    if hasattr(judge, "influence"):
        return _by_influence(y, (model, rival), judge, (against, canonical, value, level), numbers)
    samples = sign * _differences(y, (model, rival), judge, seed, numbers)
    method = "paired bootstrap"
    if numbers is not None:
        samples = value + intervals.few_groups(int(numbers.max()) + 1, level) * (samples - value)
        method = "paired bootstrap of groups"
    low, high = bootstrap.percentile(samples, level)
    if not (math.isfinite(low) and math.isfinite(high)):
        low = high = value
    difference = Estimate(value=value, low=min(low, value), high=max(high, value), level=level, n=n, method=method)
    p = bootstrap.one_sided_p(samples)
    return Comparison(against=against, metric=canonical, difference=difference, p_value=p, n=n)


def _by_influence(
    y: NDArray[Any],
    pair: tuple[Predictions, Predictions],
    metric: Any,
    said: tuple[str, str, float, float],
    clusters: NDArray[np.int64] | None,
) -> Comparison:
    """DeLong's paired test and its like: the influences of the two models subtract row by row."""
    against, name, value, level = said
    left, right = (metric.influence(y, predictions)[1] for predictions in pair)
    error, freedom = intervals.influence_error(left - right, clusters)
    half = intervals.quantile(level, None if clusters is None else freedom) * error
    certain = 0.0 if value > 0 else 1.0
    p = 1.0 - NormalDist().cdf(value / error) if error > 0 else certain
    method = "paired influence" if clusters is None else "paired influence of groups"
    difference = Estimate(value=value, low=value - half, high=value + half, level=level, n=y.size, method=method)
    return Comparison(against=against, metric=name, difference=difference, p_value=p, n=y.size)


def _differences(
    y: NDArray[Any],
    pair: tuple[Predictions, Predictions],
    metric: Any,
    seed: int,
    clusters: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Resampled metric(model) - metric(rival), both on the same draw."""
    if hasattr(metric, "from_cells"):
        left, right = metric.cells(y, pair[0]), metric.cells(y, pair[1])
        if left is not None and right is not None:
            return _celled(left, right, metric, seed, clusters)
    if hasattr(metric, "formula") and hasattr(metric, "rows"):
        both = np.hstack([metric.weighted(y, pair[0]), metric.weighted(y, pair[1])])
        return _summed(both, metric, seed, clusters)
    return _plain(y, pair, metric, seed, clusters)


def _summed(
    both: NDArray[np.float64], metric: Any, seed: int, clusters: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    if clusters is not None:
        both = np.stack([np.bincount(clusters, weights=column) for column in both.T], axis=1)
    units = bootstrap.block_sums(both, seed)
    sums = bootstrap.count_resamples(units.shape[0], seed) @ units
    width = both.shape[1] // 2
    return np.asarray(metric.formula(sums[:, :width]) - metric.formula(sums[:, width:]))


def _celled(
    left: tuple[NDArray[np.int64], int],
    right: tuple[NDArray[np.int64], int],
    metric: Any,
    seed: int,
    clusters: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Draw the counts of joint cells, then add them up for each model."""
    joint, codes, counts = np.unique(left[0] * right[1] + right[0], return_inverse=True, return_counts=True)
    drawn = cell_intervals.resampled(codes, counts.astype(np.float64), clusters, seed)
    found = np.zeros((2, drawn.shape[0]))
    for at, (cell, n_cells) in enumerate(((joint // right[1], left[1]), (joint % right[1], right[1]))):
        into = np.zeros((joint.size, n_cells))
        into[np.arange(joint.size), cell] = 1.0
        found[at] = metric.from_cells(drawn @ into)
    return np.asarray(found[0] - found[1])


def _plain(
    y: NDArray[Any],
    pair: tuple[Predictions, Predictions],
    metric: Metric,
    seed: int,
    clusters: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    n = y.shape[0]
    m = min(n, _PLAIN_ROWS) if clusters is None else n
    rng = np.random.default_rng(seed)
    value = metric.score(y, pair[0]) - metric.score(y, pair[1])
    found = np.empty(_PLAIN_RESAMPLES)
    for number in range(found.size):
        rows = rng.integers(0, n, size=m) if clusters is None else bootstrap.cluster_rows(clusters, rng)
        found[number] = metric.score(y[rows], pair[0].rows(rows)) - metric.score(y[rows], pair[1].rows(rows))
    return np.asarray(value + (found - value) * math.sqrt(m / n))
