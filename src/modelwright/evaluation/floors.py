"""Answers that cost nothing and that a metric may still like: what every model has to beat, besides the dummy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions

SAME, GUESS = "always_the_same", "guess_by_share"
#: rows on which constants are tried, draws of which the middle one stands for guessing
_ROWS, _DRAWS = 20_000, 25
#: gain by which a constant must beat the dummy's own on the development rows, as a share of its score
_NOISE = 1e-3
_QUANTILES = np.linspace(0.02, 0.98, 49)


def floors(
    known: NDArray[Any], y: NDArray[Any], dummy: Predictions, metric: Metric, *, seed: int
) -> dict[str, Predictions]:
    """Those that beat the dummy by this metric: `always_the_same`, the one answer that does best on the development
    rows, and `guess_by_share`, each class drawn as often as it happens.

    A dummy that answers the commonest class, or the mean, is far below luck where the metric counts every class alike
    (macro F1), only the rare one (F1), or absolute errors of a skewed target. known: truths of the development rows, y:
    of the judged ones, which `dummy` answers; of 25 draws the one whose score is in the middle stands for guessing. A
    constant that is perfect (recall of a class always named) is no floor, as nothing could be better.
    """
    if known.size == 0 or y.size == 0 or (dummy.classes and metric.needs == "probabilities"):
        return {}
    found = {}
    same = _best_constant(known, dummy, metric, seed)
    if same is not None:
        found[SAME] = _answered(dummy, np.full(y.size, same))
    if dummy.classes:
        found[GUESS] = _guessed(known, y, dummy, metric, seed)
    sign = _sign(metric)
    least = sign * metric.score(y, dummy)
    return {name: one for name, one in found.items() if sign * metric.score(y, one) > least}


def _sign(metric: Metric) -> float:
    return 1.0 if metric.greater_is_better else -1.0


def _best_constant(known: NDArray[Any], dummy: Predictions, metric: Metric, seed: int) -> float | None:
    """The answer that does best on the development rows; None where the dummy's own is as good, but for noise."""
    if known.size > _ROWS:
        known = known[np.random.default_rng(child_seed(seed, SAME)).choice(known.size, _ROWS, replace=False)]
    sign, perfect = _sign(metric), 1.0 if metric.greater_is_better else 0.0

    def score(answer: float) -> float:
        return metric.score(known, _answered(dummy, np.full(known.size, answer)))

    own = dummy.values if dummy.labels is None else dummy.labels
    assert own is not None
    base = score(float(own[0]))
    best, gain = None, _NOISE * max(abs(base), 0.1)
    for answer in _answers(known, dummy):
        found = score(answer)
        if np.isfinite(found) and found != perfect and sign * (found - base) > gain:
            best, gain = answer, sign * (found - base)
    return best


def _answers(known: NDArray[Any], dummy: Predictions) -> Iterator[float]:
    """Every class, or values among which the best constant of the usual metrics is, nearly."""
    if dummy.classes:
        yield from range(len(dummy.classes))
        return
    yield from np.unique(np.quantile(known, _QUANTILES)).tolist()
    if known.min() > -1:
        yield float(np.expm1(np.log1p(known).mean()))  # best by squared logarithms


def _answered(dummy: Predictions, answers: NDArray[Any]) -> Predictions:
    """With the dummy's probabilities: they are the best that can be said of a row of which nothing is known."""
    if not dummy.classes:
        return Predictions(values=answers)
    assert dummy.probabilities is not None
    shares = np.tile(dummy.probabilities[0], (answers.size, 1))
    return Predictions(classes=dummy.classes, labels=answers.astype(np.int64), probabilities=shares)


def _guessed(
    known: NDArray[np.int64], y: NDArray[np.int64], dummy: Predictions, metric: Metric, seed: int
) -> Predictions:
    shares = np.bincount(known, minlength=len(dummy.classes)) / known.size
    drawn = []
    for number in range(_DRAWS):
        rng = np.random.default_rng(child_seed(seed, GUESS, number))
        drawn.append(_answered(dummy, rng.choice(shares.size, y.size, p=shares)))
    order = np.argsort([metric.score(y, one) for one in drawn], kind="stable")
    return drawn[int(order[_DRAWS // 2])]
