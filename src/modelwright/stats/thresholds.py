"""Decision thresholds of binary models, from out-of-fold probabilities: by metric with cross-fitting, or by cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Score = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]
]
DEFAULT = 0.5
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The positive answer is given from `value` upwards. Scores are cross-fitted, in units of `objective`."""

    value: float
    objective: str
    score: float  # of tuned thresholds on rows that did not choose them
    default_score: float  # of 0.5 on the same rows
    reason: str


def _f1(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1e-12)


def _accuracy(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    return (tp + tn) / np.maximum(tp + fp + fn + tn, 1e-12)


def _balanced_accuracy(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    return 0.5 * tp / np.maximum(tp + fn, 1e-12) + 0.5 * tn / np.maximum(tn + fp, 1e-12)


def _mcc(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    bottom = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.where(bottom > 0, (tp * tn - fp * fn) / np.maximum(bottom, 1e-12), 0.0)


def _f1_macro(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    return 0.5 * (_f1(tp, fp, fn, tn) + _f1(tn, fn, fp, tp))


def _f1_weighted(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    share = (tp + fn) / np.maximum(tp + fp + fn + tn, 1e-12)
    return share * _f1(tp, fp, fn, tn) + (1 - share) * _f1(tn, fn, fp, tp)


#: objectives of four counts; precision and recall alone have trivial optima and are not offered
OBJECTIVES: dict[str, Score] = {
    "f1": _f1,
    "f1_macro": _f1_macro,
    "f1_weighted": _f1_weighted,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "mcc": _mcc,
}


def cost_objective(matrix: NDArray[np.float64]) -> Score:
    """Less the mean cost per row; matrix: (2, 2), truth in rows and answers in columns, the positive class second."""

    def score(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        spent = tn * matrix[0, 0] + fp * matrix[0, 1] + fn * matrix[1, 0] + tp * matrix[1, 1]
        return -spent / np.maximum(tp + fp + fn + tn, 1e-12)

    return score


def objective_for(metric: str) -> str:
    """What to tune for: the metric itself where a threshold matters to it, F1 otherwise."""
    return metric if metric in OBJECTIVES else "f1"


def tune(
    y: NDArray[Any],
    p: NDArray[np.float64],
    metric: str = "f1",
    *,
    seed: int = 0,
    weight: NDArray[np.float64] | None = None,
    costs: NDArray[np.float64] | None = None,
) -> Threshold:
    """Choose the threshold for a metric. y: 0/1 (n,); p: probability of class 1 (n,), out of fold.

    costs: (2, 2), truth in rows and answers in columns; given, they are minimised whatever the metric. Their rival is
    not 0.5 but the threshold that is best if the probabilities are right, `by_matrix`.

    The mean of thresholds chosen on each four fifths is steadier than one chosen on all rows; it replaces 0.5
    only where the fifths that had no say score better with the tuned thresholds than with 0.5.
    """
    objective = "cost" if costs is not None else objective_for(metric)
    score = OBJECTIVES[objective] if costs is None else cost_objective(costs)
    default = DEFAULT if costs is None else by_matrix(costs)
    sign = 1.0 if costs is None else -1.0
    positive = np.asarray(y) == 1
    w = np.ones(positive.size) if weight is None else np.asarray(weight, dtype=np.float64)
    n_rarer = int(min(positive.sum(), (~positive).sum()))
    plain = _score_at(positive, p >= default, w, score)
    if n_rarer < 10:
        why = f"only {n_rarer} rows of the rarer class: too few to tune a threshold, so {default:.3g} stays"
        return Threshold(value=default, objective=objective, score=sign * plain, default_score=sign * plain, reason=why)
    fold = np.random.default_rng(seed).permutation(positive.size) % _FOLDS
    answers, values = np.zeros(positive.size, dtype=bool), []
    for number in range(_FOLDS):
        held = fold == number
        value = _best(positive[~held], p[~held], w[~held], score)
        values.append(value)
        answers[held] = p[held] >= value
    tuned = _score_at(positive, answers, w, score)
    shown, before = sign * tuned, sign * plain
    if tuned <= plain:
        why = f"{default:.3g} scores {objective} {before:.3f} on rows that did not choose, tuned thresholds {shown:.3f}"
        return Threshold(value=default, objective=objective, score=before, default_score=before, reason=why)
    verb = "rises" if costs is None else "falls"
    why = f"cross-fitted {objective} {verb} from {before:.3f} at {default:.3g} to {shown:.3f}"
    return Threshold(value=float(np.mean(values)), objective=objective, score=shown, default_score=before, reason=why)


def by_matrix(costs: NDArray[np.float64]) -> float:
    """The threshold that minimises expected cost for calibrated probabilities, within (0, 1).

    Source: Elkan (2001), IJCAI, equation 2: answer yes when p >= (c10 - c00) / (c10 - c00 + c01 - c11). 0.5 where yes
    never costs less, or always: no threshold can say so.
    """
    wrong_yes, wrong_no = float(costs[0, 1] - costs[0, 0]), float(costs[1, 0] - costs[1, 1])
    if wrong_yes <= 0 or wrong_no <= 0:
        return DEFAULT
    return float(np.clip(wrong_yes / (wrong_yes + wrong_no), 1e-6, 1 - 1e-6))


def by_cost(cost_false_positive: float, cost_false_negative: float) -> float:
    """The threshold that minimises expected cost for calibrated probabilities.

    Source: Elkan (2001), IJCAI: answer yes when p * cost_fn >= (1 - p) * cost_fp. Raises ValueError unless both
    costs are positive.
    """
    if cost_false_positive <= 0 or cost_false_negative <= 0:
        raise ValueError("costs must be positive")
    return cost_false_positive / (cost_false_positive + cost_false_negative)


def curve(y: NDArray[Any], p: NDArray[np.float64], points: int = 99) -> dict[str, list[float]]:
    """Precision, recall, F1 and share answered yes at evenly spaced thresholds; for a picture."""
    positive = np.asarray(y) == 1
    at = np.linspace(0.01, 0.99, points)
    tp, fp, fn, tn = _counts_at(positive, p, np.ones(positive.size), at)
    return {
        "threshold": at.tolist(),
        "precision": (tp / np.maximum(tp + fp, 1e-12)).tolist(),
        "recall": (tp / np.maximum(tp + fn, 1e-12)).tolist(),
        "f1": _f1(tp, fp, fn, tn).tolist(),
        "share": ((tp + fp) / max(positive.size, 1)).tolist(),
    }


def cost_curve(
    y: NDArray[Any], p: NDArray[np.float64], costs: NDArray[np.float64], points: int = 99
) -> dict[str, list[float]]:
    """Mean cost per row at evenly spaced thresholds; for a picture. costs: as in `cost_objective`."""
    at = np.linspace(0.01, 0.99, points)
    counts = _counts_at(np.asarray(y) == 1, p, np.ones(p.size), at)
    tp, fp, fn, tn = counts
    spent = -np.asarray(cost_objective(costs)(tp, fp, fn, tn))
    return {"threshold": at.tolist(), "cost": spent.tolist()}


def _best(positive: NDArray[np.bool_], p: NDArray[np.float64], w: NDArray[np.float64], score: Score) -> float:
    """The middle of the plateau whose score is within a hair of the best: steadier than the bare maximum."""
    distinct = np.unique(p)
    if distinct.size > 2000:
        distinct = np.unique(np.quantile(p, np.linspace(0, 1, 2000)))
    cuts = np.concatenate([[distinct[0]], (distinct[1:] + distinct[:-1]) / 2])
    scores = score(*_counts_at(positive, p, w, cuts))
    top = int(np.argmax(scores))
    low = high = top
    near = float(scores[top]) - 0.002 * abs(float(scores[top]))
    while low > 0 and scores[low - 1] >= near:
        low -= 1
    while high < cuts.size - 1 and scores[high + 1] >= near:
        high += 1
    return float(np.clip((cuts[low] + cuts[high]) / 2, 1e-6, 1 - 1e-6))


def _counts_at(
    positive: NDArray[np.bool_], p: NDArray[np.float64], w: NDArray[np.float64], cuts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    order = np.argsort(p, kind="stable")
    start = np.searchsorted(p[order], cuts, side="left")
    yes = np.append(0.0, np.cumsum(np.where(positive, w, 0.0)[order]))
    no = np.append(0.0, np.cumsum(np.where(positive, 0.0, w)[order]))
    fn, tn = yes[start], no[start]
    return yes[-1] - fn, no[-1] - tn, fn, tn


def _score_at(positive: NDArray[np.bool_], answers: NDArray[np.bool_], w: NDArray[np.float64], score: Score) -> float:
    counts = [
        np.array([float(w[positive & answers].sum())]),
        np.array([float(w[~positive & answers].sum())]),
        np.array([float(w[positive & ~answers].sum())]),
        np.array([float(w[~positive & ~answers].sum())]),
    ]
    return float(score(*counts)[0])
