"""Naive Bayes: every feature a bell curve per class, independent of the others (Gaussian)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear_links

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

_CELLS = 4_000_000


class Params(ports.Params, frozen=True, kw_only=True):
    var_smoothing: Annotated[
        float, Meta(gt=0.0, le=1.0, description="share of the largest variance added to every variance")
    ] = 1e-9  # fmt: skip


class NaiveBayesModel:
    """mean (classes, k), precision (classes, k) = 1 / variance, offset (classes,): log prior and normaliser."""

    def __init__(self, mean: NDArray[np.float64], precision: NDArray[np.float64], offset: NDArray[np.float64]) -> None:
        self.mean, self.precision, self.offset = mean, precision, offset

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.mean.shape[1])
        step = max(1, _CELLS // self.mean.size)
        parts = [self._some(rows[i : i + step]) for i in range(0, len(rows), step)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.offset)))

    def _some(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):  # infinite inputs give NaN answers, which the caller judges
            distance = ((rows[:, None, :] - self.mean) ** 2 * self.precision).sum(axis=2)
            return linear_links.softmax(self.offset - 0.5 * distance)

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        return lambda x: self.predict(x[None, :])[0].tolist()

    def graph(self, builder: GraphBuilder, x: str) -> str:
        wide = builder.op("Unsqueeze", x, builder.constant(np.array([1], dtype=np.int64)))
        apart = builder.op("Sub", wide, builder.constant(self.mean[None]))
        scaled = builder.op("Mul", builder.op("Mul", apart, apart), builder.constant(self.precision[None]))
        total = builder.op("ReduceSum", scaled, builder.constant(np.array([2], dtype=np.int64)), keepdims=0)
        half = builder.op("Mul", total, builder.constant(np.array([-0.5])))
        return builder.op("Softmax", builder.op("Add", half, builder.constant(self.offset[None])), axis=1)

    def state(self) -> State:
        return State(arrays={"mean": self.mean, "precision": self.precision, "offset": self.offset})


class NaiveBayes:
    Params = Params
    tasks = _shared.CLASSIFICATION
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        X, y = batch.X.values, np.asarray(batch.y)
        weight = np.ones(len(y)) if batch.weight is None else batch.weight
        n_classes = max(2, batch.n_classes)
        overall = np.average(X, axis=0, weights=weight)
        spread = np.average((X - overall) ** 2, axis=0, weights=weight)
        mean, variance = np.tile(overall, (n_classes, 1)), np.tile(spread, (n_classes, 1))
        for c in range(n_classes):  # a class without rows keeps the overall curve and a prior near zero
            rows = y == c
            if rows.any():
                mean[c] = np.average(X[rows], axis=0, weights=weight[rows])
                variance[c] = np.average((X[rows] - mean[c]) ** 2, axis=0, weights=weight[rows])
        variance += params.var_smoothing * max(float(spread.max()), 1e-12)
        prior = np.maximum(_shared.class_shares(batch), 1e-13)
        offset = np.log(prior) - 0.5 * np.log(2.0 * np.pi * variance).sum(axis=1)
        return NaiveBayesModel(mean, 1.0 / variance, offset)

    def restore(self, state: State) -> Fitted:
        if _shared.is_constant(state):
            return _shared.restore_constant(state)
        offset = _shared.array_of(state, "offset", (None,))
        mean = _shared.array_of(state, "mean", (len(offset), None))
        if len(offset) < 2 or mean.shape[1] < 1:
            raise _shared.structure("it has fewer than two classes or no features")
        return NaiveBayesModel(mean, _shared.array_of(state, "precision", mean.shape), offset)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"var_smoothing": Span(1e-11, 1e-1, log=True)}


PLUGIN: Family = NaiveBayes()
