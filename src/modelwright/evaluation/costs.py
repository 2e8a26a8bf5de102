"""What answers cost: the user's costs as a matrix, the metric made of them, and where they are in force."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import SpecError, did_you_mean
from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions
from modelwright.spec.model import CostSpec

Matrix = NDArray[np.float64]
_CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})
_IN_FORCE: ContextVar[Matrix | None] = ContextVar("modelwright_costs", default=None)


def matrix_of(cost: CostSpec, classes: Sequence[str]) -> Matrix:
    """(k, k) costs, truth in rows and answers in columns; the second of two classes is the positive one.

    Raises SpecError: `cost.unknown_label`, `cost.no_matrix` for several classes without one, `cost.misfit` without
    classes, `cost.pointless` where no answer costs more than another.
    """
    if len(classes) < 2:
        raise SpecError(
            "evaluation.cost prices answers that are classes, but the target has none.",
            code="cost.misfit",
            hint="leave evaluation.cost out, or give evaluation.metric a module:function that prices numbers",
            subject="evaluation.cost",
        )
    if cost.matrix:
        matrix = _written(cost, list(classes))
    elif len(classes) > 2:
        raise SpecError(
            f"The target has {len(classes)} classes, and evaluation.cost says nothing about which mistake costs what.",
            code="cost.no_matrix",
            hint=f"add matrix: {{{classes[0]}: {{{classes[1]}: 5}}}} under evaluation.cost: actual, answered, cost",
            subject="evaluation.cost",
        )
    else:
        matrix = np.array([[cost.true_negative, cost.false_positive], [cost.false_negative, cost.true_positive]])
    if not np.isfinite(matrix).all() or bool((matrix == matrix[:, :1]).all()):
        raise SpecError(
            "By evaluation.cost every answer costs the same, so that there is nothing to choose.",
            code="cost.pointless",
            hint="let a mistake cost more than a hit",
            subject="evaluation.cost",
        )
    return matrix


def _written(cost: CostSpec, classes: list[str]) -> Matrix:
    """Mistakes cost 1 and hits 0 where nothing is written."""
    matrix = 1.0 - np.eye(len(classes))
    for actual, row in cost.matrix.items():
        for answered, price in row.items():
            for label, place in ((actual, "evaluation.cost.matrix"), (answered, f"evaluation.cost.matrix.{actual}")):
                if label not in classes:
                    raise SpecError(
                        f"evaluation.cost.matrix names the label '{label}', which the target does not have.",
                        code="cost.unknown_label",
                        hint=f"{did_you_mean(label, classes)}; the labels are {', '.join(classes[:20])}",
                        subject=place,
                    )
            matrix[classes.index(actual), classes.index(answered)] = price
    return matrix


@contextlib.contextmanager
def charged(cost: CostSpec | None, classes: Sequence[str]) -> Iterator[None]:
    """Within, the metric `cost` is made of these costs, and reports show it. None: every mistake costs 1."""
    token = _IN_FORCE.set(None if cost is None else matrix_of(cost, classes))
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def in_force() -> Matrix | None:
    """The matrix of `charged`, None outside."""
    return _IN_FORCE.get()


def always(y: NDArray[Any], matrix: Matrix) -> Matrix:
    """Mean cost per row of always giving one answer, shape (k,)."""
    shares = np.bincount(np.asarray(y, dtype=np.int64), minlength=matrix.shape[0]) / max(len(y), 1)
    return np.asarray(shares @ matrix)


def cheapest(probabilities: NDArray[np.float64], matrix: Matrix) -> NDArray[np.int64]:
    """The answer with the least expected cost for each row (Elkan (2001), IJCAI). probabilities: (n, k)."""
    return np.asarray((probabilities @ matrix).argmin(axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostMetric:
    """Mean cost per row, less is better.

    Of two classes the answers taken count, by the decision threshold; of several the answer with the least expected
    cost, because the likeliest one ignores the costs.
    """

    matrix: Matrix | None = None  # None: a mistake costs 1
    tasks: frozenset[Task] = _CLASSES
    aliases: tuple[str, ...] = ("expected_cost", "business_cost")
    greater_is_better: bool = False
    needs: str = "labels"

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible cost of a row."""
        return (0.0, 1.0) if self.matrix is None else (float(self.matrix.min()), float(self.matrix.max()))

    def score(self, y: NDArray[Any], predictions: Predictions, weight: NDArray[np.float64] | None = None) -> float:
        codes, n_cells = self.cells(y, predictions)
        counts = np.bincount(codes, weights=weight, minlength=n_cells).astype(np.float64)
        return float(self.from_cells(counts[None, :])[0])

    def cells(self, y: NDArray[Any], predictions: Predictions) -> tuple[NDArray[np.int64], int]:
        """Each row's cell (truth * k + answer), and the number of cells (k * k)."""
        answers, k = _answers(predictions), 2
        if self.matrix is not None:
            k = self.matrix.shape[0]
            if k > 2 and predictions.probabilities is not None:
                answers = cheapest(predictions.probabilities, self.matrix)
        else:
            k = max(k, len(predictions.classes), int(np.max(y, initial=0)) + 1, int(answers.max(initial=0)) + 1)
        return np.asarray(y, dtype=np.int64) * k + answers, k * k

    def from_cells(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., k*k) counts to (...,) costs per row."""
        k = round(counts.shape[-1] ** 0.5)
        prices = (1.0 - np.eye(k) if self.matrix is None else self.matrix).ravel()
        return np.asarray((counts @ prices) / np.maximum(counts.sum(axis=-1), 1e-300))


def _answers(predictions: Predictions) -> NDArray[np.int64]:
    if predictions.labels is not None:
        return predictions.labels
    if predictions.probabilities is None:
        raise ValueError("these predictions hold no classes")
    return np.asarray(predictions.probabilities.argmax(axis=1), dtype=np.int64)
