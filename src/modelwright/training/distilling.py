"""Distil: one small booster learns what an ensemble answers, so that a row costs microseconds.

The teacher's out-of-fold predictions, blended with the true labels, are what the student learns (Hinton, Vinyals and
Dean 2015; for boosted trees Bucila et al. 2006): a soft target tells more about a row than its label, whose luck the
ensemble has averaged out. A student is a candidate like any other: fit fold by fold it is judged on the same rows by
the same metric as its teacher, and its refit is the model to serve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwright.core.nouns import Task
from modelwright.training import soft_targets
from modelwright.training.candidates import Candidate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.training.bench import Bench

#: the student's name among candidates
NAME = "student"
#: leaves of one tree and of all trees, and rounds times learning rate: of values, of two classes, of more
_SHAPES = ((31, 12_400, 32.0), (24, 9_600, 24.0), (24, 14_400, 13.0))
_FEWEST_ROUNDS = 8
_MANY_COLUMNS = 60


def teach(bench: Bench, rows: NDArray[np.int64], answers: NDArray[np.float64], *, share: float | None = None) -> str:
    """Write the soft targets of all development rows beside the bench; returns their digest for `student`.

    rows: positions of the rows the teacher has predicted out of fold; answers: its probabilities (rows, n_classes) or
    values (rows,). share: how much of a target is the teacher's answer, the rest being the label; `noise` by default.
    Rows without an answer keep their label or value.
    """
    import numpy as np

    assert bench.y is not None
    share = noise(bench.y[rows], answers) if share is None else share
    if bench.job.task is Task.REGRESSION:
        targets = np.asarray(bench.y, dtype=np.float64).copy()
    else:
        targets = np.zeros((bench.y.size, bench.n_classes))
        targets[np.arange(bench.y.size), bench.y] = 1.0
    targets[rows] = share * answers + (1.0 - share) * targets[rows]
    return soft_targets.save(bench.folder, targets)


def noise(y: NDArray[Any], answers: NDArray[np.float64]) -> float:
    """How much of the target its teacher leaves unexplained, 0 to 1: of the variance, or the root of the deviance's.

    A label that is mostly luck says less than the teacher's answer; one that is hardly luck says more than an answer
    with the teacher's own error in it.
    """
    import numpy as np

    if answers.ndim == 1:
        return min(1.0, float(np.mean((y - answers) ** 2)) / max(float(np.var(y)), 1e-300))
    shares = np.bincount(y, minlength=answers.shape[1]) / y.size
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    loss = -float(np.mean(np.log(np.clip(answers[np.arange(y.size), y], 1e-9, 1.0))))
    return math.sqrt(min(1.0, loss / max(entropy, 1e-300)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a student may be: rounds, and leaves of each tree."""

    rounds: int
    leaves: int


def size_for(n_rows: int, n_classes: int, share: float = 1.0) -> Size:
    """Trees and leaves with which a row stays within 60 microseconds and a bundle within 2 MB; a share of them.

    The native predictor takes about 0.06 microseconds a tree, the graph about 33 bytes a leaf; a tree of more leaves
    than there are rows for would only learn the teacher's noise.
    """
    most, total, _ = _shape(n_classes)
    leaves = max(4, min(most, n_rows // 20))
    rounds = round(total * share / (most * (n_classes if n_classes > 2 else 1)))
    return Size(rounds=max(_FEWEST_ROUNDS, rounds), leaves=leaves)


def _shape(n_classes: int) -> tuple[int, int, float]:
    return _SHAPES[0 if n_classes == 0 else 1 if n_classes == 2 else 2]


def student(
    teacher: str, *, n_rows: int, n_columns: int, n_classes: int = 0, share: float = 1.0, family: str = "lightgbm"
) -> Candidate:
    """The candidate that learns the targets of this digest; its rounds are fixed, so none of its rows are held out.

    share: of the largest size that is quick enough, 0 to 1.
    """
    size = size_for(n_rows, n_classes, share)
    rate = min(0.3, max(0.04, _shape(n_classes)[2] / size.rounds))
    params: dict[str, Any] = {"n_estimators": size.rounds, "learning_rate": round(rate, 4)}
    wide = n_columns >= _MANY_COLUMNS
    if family == "lightgbm":
        # thresholds drawn at random smooth probabilities and blur values (measured on five tables)
        params |= {"num_leaves": size.leaves, "extra_trees": n_classes > 0, "colsample_bytree": 0.4 if wide else 0.8}
    elif family == "xgboost":
        params |= {"max_depth": max(2, size.leaves.bit_length()), "colsample_bytree": 0.4 if wide else 0.8}
    return Candidate(name=NAME, family=family, params=params, early_stopping=False, teacher=teacher)
