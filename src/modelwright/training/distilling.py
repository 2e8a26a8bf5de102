"""Distil: one small booster learns what an ensemble answers, so that a row costs microseconds.

The teacher's out-of-fold predictions, blended with the true labels, are what the student learns (Hinton, Vinyals and
Dean 2015; for boosted trees Bucila et al. 2006): a soft target tells more about a row than its label, whose luck the
ensemble has averaged out. A student is a candidate like any other: fit fold by fold it is judged on the same rows by
the same metric as its teacher, and its refit is the model to serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwright.core.nouns import Task
from modelwright.training import soft_targets
from modelwright.training.candidates import Candidate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.training.bench import Bench

#: how much of a soft target is the teacher's answer; the rest is the label
TEACHER_SHARE = 0.7
#: names of students begin with it
NAME = "student"


def teach(bench: Bench, rows: NDArray[np.int64], answers: NDArray[np.float64], *, share: float = TEACHER_SHARE) -> str:
    """Write the soft targets of all development rows beside the bench; returns their digest for `student`.

    rows: positions of the rows the teacher has predicted out of fold; answers: its probabilities (rows, n_classes) or
    values (rows,), uncalibrated as its members give them. Rows without an answer keep their label or value.
    """
    import numpy as np

    assert bench.y is not None
    if bench.job.task is Task.REGRESSION:
        targets = np.asarray(bench.y, dtype=np.float64).copy()
    else:
        targets = np.zeros((bench.y.size, bench.n_classes))
        targets[np.arange(bench.y.size), bench.y] = 1.0
    targets[rows] = share * answers + (1.0 - share) * targets[rows]
    return soft_targets.save(bench.folder, targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a student may be."""

    trees: int
    leaves: int


def size_for(n_rows: int, n_columns: int, n_classes: int) -> Size:
    """The most trees and leaves that keep a row within 60 microseconds and a bundle within 2 MB."""
    del n_rows, n_columns
    outputs = n_classes if n_classes > 2 else 1
    return Size(trees=max(20, 300 // outputs), leaves=24)


def student(teacher: str, *, n_rows: int, n_columns: int, n_classes: int = 0, family: str = "lightgbm") -> Candidate:
    """The candidate that learns the targets of this digest; its rounds are fixed, so none of its rows are held out."""
    size = size_for(n_rows, n_columns, n_classes)
    params: dict[str, Any] = {
        "n_estimators": size.trees,
        "num_leaves": size.leaves,
        "learning_rate": 0.05,
        "min_child_samples": 20,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
    }
    return Candidate(name=NAME, family=family, params=params, early_stopping=False, teacher=teacher)
