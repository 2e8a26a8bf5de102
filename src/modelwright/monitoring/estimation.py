"""How well a model probably does before any label has come. Sees covariate shift only.

CBPE: expected metrics under calibrated probabilities (Humphrey, Bialek, Kuberski et al. 2025, arXiv 2505.05295). PAPE:
the same with a calibrator fitted where the current rows are, by density-ratio weights (Bialek et al. 2024, arXiv
2401.08348). For numbers: a model of the error's size, learned on the reference with the same weights. All are blind to
a change of what the truth depends on (concept drift): each estimate says so, and a small label audit is not blind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.calibration import EPSILON, MIN_ISOTONIC, Calibrator, fit_as
from modelwright.stats.intervals import z_value

Array = NDArray[np.float64]

#: what every message about an estimate made without labels says
LIMIT = "covariate shift only: concept drift cannot be seen without labels"
#: a row of the reference never counts more than so often
_MOST_WEIGHT = 20.0
_RESAMPLES = 20
METRICS = ("accuracy", "roc_auc", "log_loss", "f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """The metric that labels of these rows would show, with an interval for what they would show."""

    metric: str
    value: float
    low: float
    high: float
    level: float
    rows: int
    method: str
    #: rows of the reference that the weights leave; few mean that the current rows are unlike all that is known
    worth: float
    limit: str = LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Labelled rows that the model was not fitted on. `y`: 0 or 1; `scores`: probability of 1; `X`: (n, m) numbers,
    NaN where missing, needed for weights only."""

    y: NDArray[np.int64]
    scores: Array
    X: Array | None = None


def density_ratio(reference: Array, current: Array, seed: int = 0) -> Array:
    """How much likelier each row of the reference is among the current ones: cross-fitted odds of a classifier
    (Sugiyama, Suzuki and Kanamori 2012, section 4), clipped, mean 1."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    X = np.vstack([reference, current])
    source = np.r_[np.zeros(len(reference)), np.ones(len(current))]
    rng = np.random.default_rng(seed)
    fold = rng.integers(0, 3, source.size)
    odds = np.ones(len(reference))
    for each in range(3):
        model = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=8, learning_rate=0.1, min_samples_leaf=40, l2_regularization=5.0,
            early_stopping=False, random_state=seed,
        )  # fmt: skip
        model.fit(X[fold != each], source[fold != each])
        held = fold[: len(reference)] == each
        p = np.clip(model.predict_proba(reference[held])[:, 1], 1e-6, 1 - 1e-6)
        odds[held] = p / (1 - p) * len(reference) / len(current)
    odds = np.minimum(odds, _MOST_WEIGHT)
    return np.asarray(odds / max(odds.mean(), 1e-12))


def estimate(
    known: Reference,
    scores: Array,
    metric: str = "accuracy",
    *,
    X: Array | None = None,
    cut: float = 0.5,
    level: float = 0.9,
    seed: int = 0,
) -> Estimated:
    """CBPE; PAPE where `X` and the reference's features are given. Scores that are missing are left out."""
    kept = np.isfinite(scores)
    s = np.clip(scores[kept], EPSILON, 1 - EPSILON)
    weighted = X is not None and known.X is not None
    weight = np.ones(known.y.size)
    if X is not None and known.X is not None:
        weight = density_ratio(known.X, X[kept], seed)
    measure = _EXPECTED[metric]
    p = _calibrated(known, weight, s, seed)
    value = measure(p, s, cut)
    rng = np.random.default_rng(seed)
    spread = _calibration_spread(known, weight, s, measure, cut, rng)
    noise = _label_noise(p, s, measure, cut, rng)
    half = z_value(level) * math.hypot(spread, noise)
    low, high = value - half, value + half
    return Estimated(
        metric=metric, value=value, low=max(0.0, low), high=high if metric == "log_loss" else min(1.0, high),
        level=level, rows=int(kept.sum()), method="pape" if weighted else "cbpe",
        worth=float(weight.sum() ** 2 / np.dot(weight, weight)),
    )  # fmt: skip


def _calibrated(known: Reference, weight: Array, s: Array, seed: int) -> Array:
    """Probabilities of the rows, by a monotone calibrator fitted with the weights."""
    return np.asarray(_calibrator(known, weight, seed).apply(np.column_stack([1 - s, s]))[:, 1])


def _calibrator(known: Reference, weight: Array, seed: int) -> Calibrator:
    """Platt's on the log odds, whose few parameters suffer weights; isotonic where rows are many."""
    p = np.clip(known.scores, EPSILON, 1 - EPSILON)
    rarer = min(int(known.y.sum()), int(known.y.size - known.y.sum()))
    if rarer < 5:
        return Calibrator()
    worth = weight.sum() ** 2 / np.dot(weight, weight)
    method = "isotonic" if rarer * worth / known.y.size >= 10 * MIN_ISOTONIC else "beta"
    rng = np.random.default_rng(seed)
    if np.ptp(weight) == 0:
        return fit_as(method, np.column_stack([1 - p, p]), known.y, seed=seed)
    rows = rng.choice(known.y.size, size=known.y.size, p=weight / weight.sum())
    return fit_as(method, np.column_stack([1 - p[rows], p[rows]]), known.y[rows], seed=seed)


_Measure = Callable[[Array, Array, float], float]


def _calibration_spread(
    known: Reference, weight: Array, s: Array, measure: _Measure, cut: float, rng: np.random.Generator
) -> float:
    """Standard deviation of the estimate when the reference is drawn again."""
    values = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(0, known.y.size, known.y.size)
        again = Reference(y=known.y[rows], scores=known.scores[rows])
        values.append(measure(_calibrated(again, weight[rows], s, int(rng.integers(1 << 31))), s, cut))
    return float(np.std(values, ddof=1))


def _label_noise(p: Array, s: Array, measure: _Measure, cut: float, rng: np.random.Generator) -> float:
    """Standard deviation of the metric over labels drawn from the probabilities."""
    if measure is _accuracy:
        return float(np.sqrt(np.sum(p * (1 - p)))) / max(p.size, 1)
    drawn = [measure((rng.random(p.size) < p).astype(np.float64), s, cut) for _ in range(_RESAMPLES)]
    return float(np.std(drawn, ddof=1))


def _accuracy(p: Array, s: Array, cut: float) -> float:
    return float(np.where(s >= cut, p, 1 - p).mean())


def _f1(p: Array, s: Array, cut: float) -> float:
    said = s >= cut
    hits = float(p[said].sum())
    missed, wrong = float(p[~said].sum()), float((1 - p[said]).sum())
    return 2 * hits / max(2 * hits + missed + wrong, 1e-12)


def _log_loss(p: Array, s: Array, cut: float) -> float:
    return float(-(p * np.log(s) + (1 - p) * np.log1p(-s)).mean())


def _roc_auc(p: Array, s: Array, cut: float) -> float:
    """Every row counts p as a positive and 1 - p as a negative; ties count half; a row is no pair with itself."""
    steps, place = np.unique(s, return_inverse=True)
    up, down = np.bincount(place, weights=p, minlength=steps.size), np.bincount(place, 1 - p, steps.size)
    below = np.cumsum(down) - down
    own = float(np.sum(p * (1 - p)))
    pairs = float(p.sum() * (1 - p).sum()) - own
    return float((up * (below + 0.5 * down)).sum() - 0.5 * own) / pairs if pairs > 0 else 0.5


_EXPECTED: dict[str, _Measure] = {"accuracy": _accuracy, "f1": _f1, "log_loss": _log_loss, "roc_auc": _roc_auc}


def estimate_error(errors: Array, X_reference: Array, X: Array, *, level: float = 0.9, seed: int = 0) -> Estimated:
    """Mean absolute error of a regression on unlabelled rows.

    errors: (n,) absolute errors of the reference; X: features with the prediction among them. A boosted model of the
    error's size, cross-fitted on the reference with density-ratio weights, is averaged over the current rows.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    weight = density_ratio(X_reference, X, seed)
    fold = np.random.default_rng(seed).integers(0, 4, errors.size)
    rest, values, means = np.empty(errors.size), [], []
    for each in range(4):
        model = HistGradientBoostingRegressor(
            max_iter=80, max_leaf_nodes=8, learning_rate=0.08, min_samples_leaf=40, l2_regularization=5.0,
            early_stopping=False, random_state=seed,
        )  # fmt: skip
        kept = fold != each
        model.fit(X_reference[kept], errors[kept], sample_weight=weight[kept])
        rest[~kept] = errors[~kept] - model.predict(X_reference[~kept])
        values.append(model.predict(X))
    expected = np.maximum(np.mean(values, axis=0), 0.0)
    means = [float(one.mean()) for one in values]
    worth = float(weight.sum() ** 2 / np.dot(weight, weight))
    bias = float(np.average(rest, weights=weight))  # what the weighted reference says the model leaves out
    deviation = math.sqrt(float(np.average((rest - bias) ** 2, weights=weight)))
    half = z_value(level) * math.hypot(deviation / math.sqrt(worth), deviation / math.sqrt(X.shape[0]), np.std(means))
    value = max(0.0, float(expected.mean()) + bias)
    return Estimated(
        metric="mean_absolute_error", value=value, low=max(0.0, value - half), high=value + half, level=level,
        rows=X.shape[0], method="error model, density-ratio weighted", worth=worth,
    )  # fmt: skip
