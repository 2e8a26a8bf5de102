"""What metrics have in common: how each kind is scored, and how its bootstrap is made cheap.

A metric is told by what it sums: cells of a table of counts (`Counted`), per-row values (`Summed`), or ranks
(`Ranked`). Anything else implements the port alone and gets a plain bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions

Weights = NDArray[np.float64] | None
BINARY = frozenset({Task.BINARY})
CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})
CLUSTERING = frozenset({Task.CLUSTERING})


def predicted_labels(predictions: Predictions) -> NDArray[np.int64]:
    """The decided class positions; the likeliest class where no decision was made."""
    if predictions.labels is not None:
        return predictions.labels
    if predictions.probabilities is None:
        raise ValueError("these predictions hold no classes")
    return np.asarray(predictions.probabilities.argmax(axis=1), dtype=np.int64)


def probabilities(predictions: Predictions) -> NDArray[np.float64]:
    if predictions.probabilities is None:
        raise ValueError("these predictions hold no probabilities")
    return predictions.probabilities


def values(predictions: Predictions) -> NDArray[np.float64]:
    if predictions.values is None:
        raise ValueError("these predictions hold no values")
    return predictions.values


def n_classes(y: NDArray[Any], predictions: Predictions) -> int:
    if predictions.probabilities is not None:
        return int(predictions.probabilities.shape[1])
    top = max(int(y.max(initial=0)), int(predicted_labels(predictions).max(initial=0))) + 1
    return max(len(predictions.classes), top, 2)


def ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    """top / bottom, 0 where bottom is 0: scikit-learn's `zero_division=0`."""
    return np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A function of the confusion counts, shape (..., k, k), truth in rows. Total: never NaN."""

    formula: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    tasks: frozenset[Task] = CLASSES
    aliases: tuple[str, ...] = ()
    greater_is_better: bool = True
    needs: str = "labels"
    #: smallest and largest possible value
    bounds: tuple[float, float] = (0.0, 1.0)
    #: a plain share of all rows: gets Wilson's interval
    is_share: bool = False

    def score(self, y: NDArray[Any], predictions: Predictions, weight: Weights = None) -> float:
        codes, n_cells = self.cells(y, predictions)
        counts = np.bincount(codes, weights=weight, minlength=n_cells).astype(np.float64)
        return float(self.from_cells(counts[None, :])[0])

    def cells(self, y: NDArray[Any], predictions: Predictions) -> tuple[NDArray[np.int64], int]:
        """Each row's cell (truth * k + answer), and the number of cells (k * k)."""
        k = n_classes(y, predictions)
        return np.asarray(y, dtype=np.int64) * k + predicted_labels(predictions), k * k

    def from_cells(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., k*k) counts to (...,) values."""
        k = round(counts.shape[-1] ** 0.5)
        return self.formula(counts.reshape(*counts.shape[:-1], k, k))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """A function of column sums of per-row values, shape (..., m); the first column counts rows."""

    rows: Callable[[NDArray[Any], Predictions], NDArray[np.float64]]
    formula: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    tasks: frozenset[Task] = REGRESSION
    aliases: tuple[str, ...] = ()
    greater_is_better: bool = False
    needs: str = "values"
    bounds: tuple[float, float] = (0.0, float("inf"))

    def score(self, y: NDArray[Any], predictions: Predictions, weight: Weights = None) -> float:
        return float(self.formula(self.weighted(y, predictions, weight).sum(axis=0, keepdims=True))[0])

    def weighted(self, y: NDArray[Any], predictions: Predictions, weight: Weights = None) -> NDArray[np.float64]:
        """(n, m) per-row values, each row times its weight."""
        rows = self.rows(y, predictions)
        return rows if weight is None else rows * weight[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A metric whose sampling error follows from each row's influence: `influence` gives value and (n,) psi."""

    influence: Callable[[NDArray[Any], Predictions], tuple[float, NDArray[np.float64]]]
    weighted_value: Callable[[NDArray[Any], Predictions, NDArray[np.float64]], float]
    tasks: frozenset[Task] = CLASSES
    aliases: tuple[str, ...] = ()
    greater_is_better: bool = True
    needs: str = "probabilities"
    bounds: tuple[float, float] = (0.0, 1.0)

    def score(self, y: NDArray[Any], predictions: Predictions, weight: Weights = None) -> float:
        if weight is None:
            return self.influence(y, predictions)[0]
        return self.weighted_value(y, predictions, weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A metric that is only a function; its interval comes from a plain bootstrap of rows."""

    function: Callable[[NDArray[Any], Predictions, Weights], float]
    tasks: frozenset[Task]
    greater_is_better: bool
    needs: str
    aliases: tuple[str, ...] = ()
    bounds: tuple[float, float] = (0.0, float("inf"))

    def score(self, y: NDArray[Any], predictions: Predictions, weight: Weights = None) -> float:
        return float(self.function(y, predictions, weight))


def mean_of(column: int = 1) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """The mean of one column of sums."""
    return lambda sums: sums[..., column] / np.maximum(sums[..., 0], 1e-300)


def per_class_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., k, k) to (..., k)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return ratio(2 * hits, counts.sum(axis=-1) + counts.sum(axis=-2))


def mean_over_present(scores: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plain mean over classes that occur in truth or answers."""
    present = (counts.sum(axis=-1) + counts.sum(axis=-2)) > 0
    return ratio((scores * present).sum(axis=-1), present.sum(axis=-1).astype(float))
