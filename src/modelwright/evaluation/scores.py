"""Metrics with their intervals: analytic where a formula exists, else a bootstrap made cheap for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.nouns import Estimate, Task
from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog, cell_intervals
from modelwright.stats import bootstrap, intervals, studentised

Weights = NDArray[np.float64] | None
Clusters = NDArray[Any] | None
#: plain bootstraps call the metric once per resample: fewer of them, on at most so many rows
_PLAIN_RESAMPLES = 200
_PLAIN_ROWS = 5000
#: of errors of few groups, the pessimistic end moves out by this over their number; set on synthetic groups
_UNSEEN_GROUPS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How an interval is made; clusters: (n,) numbers from 0, rows of one number are drawn together."""

    level: float
    seed: int
    weight: Weights = None
    clusters: NDArray[np.int64] | None = None


def task_of(predictions: Predictions) -> Task:
    """The task that predictions of this shape belong to (regression and anomaly look alike: regression)."""
    if predictions.probabilities is not None:
        return Task.BINARY if predictions.probabilities.shape[1] == 2 else Task.MULTICLASS
    if predictions.values is not None:
        return Task.REGRESSION
    if predictions.classes:
        return Task.BINARY if len(predictions.classes) == 2 else Task.MULTICLASS
    return Task.CLUSTERING


def estimate(
    y: NDArray[Any],
    predictions: Predictions,
    names: Sequence[str],
    *,
    level: float = 0.95,
    seed: int = 0,
    weight: Weights = None,
    clusters: Clusters = None,
) -> dict[str, Estimate]:
    """Each named metric with its interval.

    y: (n,) class positions or values (clustering: the matrix itself). clusters: (n,) group codes or time blocks; rows
    that share one are not independent and are drawn together. Deterministic in `seed`.
    Raises SpecError for a name that is unknown or does not fit the shape of the predictions.
    """
    task = task_of(predictions)
    found: dict[str, Estimate] = {}
    for name in names:
        canonical, metric = catalog.resolve(name, Task.ANOMALY if name == "anomaly_separation" else task)
        one = child_seed(seed, "estimate", canonical)
        found[name] = estimate_one(y, predictions, metric, level=level, seed=one, weight=weight, clusters=clusters)
    return found


def estimate_one(
    y: NDArray[Any],
    predictions: Predictions,
    metric: Metric,
    *,
    level: float,
    seed: int,
    weight: Weights = None,
    clusters: Clusters = None,
) -> Estimate:
    """One metric with its interval; the interval always contains the value."""
    n = predictions.n_rows
    if n == 0:
        return Estimate(value=0.0, level=level, n=0, method="no rows")
    value = float(metric.score(y, predictions, weight))
    if not math.isfinite(value):
        value = 0.0
    numbers = None if clusters is None else np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    if numbers is not None and int(numbers.max()) == 0:
        return Estimate(value=value, level=level, n=n, method="no interval: all rows are of one group")
    if numbers is not None and int(numbers.max()) + 1 == n:
        numbers = None  # groups of one row: rows
    low, high, method = _interval(
        y, predictions, metric, value, _How(level=level, seed=seed, weight=weight, clusters=numbers)
    )
    low, high = float(low), float(high)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value=value, level=level, n=n, method=f"{method}: no interval")
    return Estimate(value=value, low=min(low, value), high=max(high, value), level=level, n=n, method=method)


def _interval(
    y: NDArray[Any], predictions: Predictions, metric: Any, value: float, how: _How
) -> tuple[float, float, str]:
    if how.weight is not None:
        return _plain(y, predictions, metric, how)
    if hasattr(metric, "influence"):
        return _ranked(y, predictions, metric, how)
    if getattr(metric, "is_share", False) and how.clusters is None:
        return (*intervals.wilson(value * y.shape[0], y.shape[0], how.level), "wilson")
    if hasattr(metric, "from_cells"):
        cells = metric.cells(y, predictions)
        if cells is not None:
            return cell_intervals.interval(cells, metric, value, how.level, how.seed, how.clusters)
    if hasattr(metric, "formula") and hasattr(metric, "rows"):
        return _summed(metric.weighted(y, predictions), metric, value, how)
    return _plain(y, predictions, metric, how)


def _ranked(y: NDArray[Any], predictions: Predictions, metric: Any, how: _How) -> tuple[float, float, str]:
    value, psi = metric.influence(y, predictions)
    counts = np.unique(y, return_counts=True)[1]
    error, freedom = intervals.influence_error(psi, how.clusters)
    if how.clusters is not None:
        error *= 1 + 1.5 / (freedom + 1)  # as in `intervals.few_groups`
    if error > 0.0:
        freedom = min(freedom, int(counts.min()) - 1) if counts.size == 2 else freedom
        low, high = intervals.logit_interval(value, error, how.level, freedom=max(freedom, 1))
        return low, high, "influence (logit)" if how.clusters is None else "influence of groups (logit)"
    if counts.size < 2:
        return 0.0, 1.0, "undefined: one class only"
    return (*intervals.wilson(value * counts.min(), float(counts.min()), how.level), "wilson on the rarest class")


def _summed(rows: NDArray[np.float64], metric: Any, value: float, how: _How) -> tuple[float, float, str]:
    """Bootstrap-t on the metric's own scale (logarithm of an error), the ends moved out for a heavy tail."""
    forth, back = _scale(metric.bounds)
    kind = "bootstrap-t" if how.clusters is None else "bootstrap-t of groups"
    if how.clusters is not None:
        rows = np.stack([np.bincount(how.clusters, weights=column) for column in rows.T], axis=1)

    def statistic(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(forth(metric.formula(sums)))

    with np.errstate(all="ignore"):
        units = bootstrap.block_sums(rows, how.seed)
        few = how.clusters is not None
        found = studentised.interval(units, statistic, level=how.level, seed=how.seed, few=few)
        if found is None:
            low, high = bootstrap.mean_interval(rows, metric.formula, level=how.level, seed=how.seed)
            return low, high, "bootstrap (BCa)"
        (down, up), shape = _stretched(rows, statistic, how)
        if few and forth is not _as_it_is:
            # the group that is served worst has hardly ever been seen; on both scales up is the pessimistic side
            up += _UNSEEN_GROUPS / rows.shape[0] * (found[1] - float(statistic(rows.sum(axis=0, keepdims=True))[0]))
        ends = [float(back(np.float64(end))) for end in (found[0] - down, found[1] + up)]
    if shape > studentised.UNRELIABLE:
        kind += ", tail so heavy that it may still be too narrow"
    elif up + down > 0.0:
        kind += " with a fitted tail"
    return min(ends), max(ends), kind


def _stretched(
    rows: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]], how: _How
) -> tuple[tuple[float, float], float]:
    """How far each end moves on the scale of the statistic, and the heaviest tail's shape."""
    total, spread = rows.sum(axis=0), np.sqrt((rows**2).sum(axis=0))
    down, up, shape = 0.0, 0.0, 0.0
    for column, pull in enumerate(studentised.elasticities(total, spread, statistic)):
        if not math.isfinite(pull) or abs(pull) < 0.01 or float(rows[:, column].min()) < 0.0:
            continue
        moved = studentised.tail_stretch(rows[:, column], level=how.level, seed=how.seed) * abs(float(pull))
        if moved > 0.0:
            shape = max(shape, studentised.tail_shape(rows[:, column]))
            down, up = (down, up + moved) if pull > 0 else (down + moved, up)
    return (down, up), shape


def _scale(bounds: tuple[float, float]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """A scale on which sampling error is about symmetric, and the way back, by the range of the metric."""
    bottom, top = bounds
    if bottom == 0.0:
        return np.log, np.exp
    if math.isinf(bottom) and top == 1.0:
        return lambda value: np.log1p(-value), lambda end: -np.expm1(end)
    if (bottom, top) == (-1.0, 1.0):
        return np.arctanh, np.tanh
    return _as_it_is, _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _plain(y: NDArray[Any], predictions: Predictions, metric: Metric, how: _How) -> tuple[float, float, str]:
    """Resample rows one by one; above 5,000 rows m out of n, the spread shrunk by sqrt(m / n).

    Source for m out of n: Politis, Romano and Wolf (1999), Subsampling, chapter 2.
    """
    n, weight = predictions.n_rows, how.weight
    rng = np.random.default_rng(how.seed)
    samples = np.full(_PLAIN_RESAMPLES, np.nan)
    m = min(n, _PLAIN_ROWS) if how.clusters is None else n
    for number in range(samples.size):
        rows = rng.integers(0, n, size=m) if how.clusters is None else bootstrap.cluster_rows(how.clusters, rng)
        samples[number] = metric.score(y[rows], predictions.rows(rows), None if weight is None else weight[rows])
    value = metric.score(y, predictions, weight)
    stretch = math.sqrt(m / n)
    if how.clusters is not None:
        stretch = intervals.few_groups(int(how.clusters.max()) + 1, how.level)
    low, high = bootstrap.percentile(value + (samples - value) * stretch, how.level)
    return low, high, "bootstrap (percentile)" if how.clusters is None else "bootstrap of groups (percentile)"


def time_blocks(n: int) -> NDArray[np.int64]:
    """Clusters for n rows in time order: about sqrt(n) blocks of neighbours, at least 10 where there are 20 rows.

    Longer blocks than the n**(1/3) that is best for a mean of a short-memoried series (Künsch (1989), Annals of
    Statistics 17), because what errors remember of one another is not known.
    """
    count = min(n, max(10, round(math.sqrt(n))))
    return np.asarray(np.arange(n) * count // max(n, 1), dtype=np.int64)
