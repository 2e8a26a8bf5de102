"""Linear models as two arrays: scores, single rows in plain Python, contributions and an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.tables import State
from modelwright.stats import linear_links

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder


class LinearModel:
    """coef (m, k), intercept (m,), mean (k,) of the training features (the base of contributions).

    Links: identity (values), sigmoid (m == 1: log-odds of class 1), softmax (m classes).
    """

    def __init__(
        self, coef: NDArray[np.float64], intercept: NDArray[np.float64], mean: NDArray[np.float64], link: str
    ) -> None:
        self.coef = np.ascontiguousarray(coef, dtype=np.float64)
        self.intercept = np.ascontiguousarray(intercept, dtype=np.float64)
        self.mean = np.ascontiguousarray(mean, dtype=np.float64)
        self.link = linear_links.known_link(link)
        _check(self)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.coef.shape[1])
        with np.errstate(all="ignore"):  # infinite inputs give infinite or NaN answers, which the caller judges
            return linear_links.apply(self.link, rows @ self.coef.T + self.intercept)

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        coef, intercept, link = self.coef, self.intercept, linear_links.row_link(self.link)
        width = coef.shape[1]

        def score(x: NDArray[np.float64]) -> list[float]:
            if x.shape != (width,):
                raise ModelError(f"A row has {x.shape} values, not {width}.", code="model.width")
            return link(coef @ x + intercept)

        return score

    def contributions(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """coef * (x - mean): the exact Shapley values of a linear score under independent features."""
        rows = linear_links.as_rows(X, self.coef.shape[1])
        parts = (rows - self.mean)[:, None, :] * self.coef[None]
        base = np.broadcast_to(self.intercept + self.coef @ self.mean, (rows.shape[0], len(self.intercept)))
        out = np.concatenate([parts, base[:, :, None]], axis=2)
        return out[:, 0, :] if len(self.intercept) == 1 else out

    def graph(self, builder: GraphBuilder, x: str) -> str:
        scores = builder.op("MatMul", x, builder.constant(np.ascontiguousarray(self.coef.T)))
        raw = builder.op("Add", scores, builder.constant(self.intercept.reshape(1, -1)))
        return linear_links.graph_link(builder, self.link, raw)

    def state(self) -> State:
        arrays = {"coef": self.coef, "intercept": self.intercept, "mean": self.mean}
        return State(arrays=arrays, meta={"link": self.link})


def _check(model: LinearModel) -> None:
    coef, intercept = model.coef, model.intercept
    fits = coef.ndim == 2 and intercept.shape == coef.shape[:1] and model.mean.shape == coef.shape[1:]
    outputs = 1 if model.link in ("identity", "sigmoid") else coef.shape[0]
    if not fits or coef.size == 0 or coef.shape[0] != outputs or (model.link == "softmax" and outputs < 2):
        raise ModelError("The linear model is damaged: its arrays do not fit each other.", code="model.structure")
    if not all(np.all(np.isfinite(array)) for array in (coef, intercept, model.mean)):
        raise ModelError("The linear model is damaged: a coefficient is not finite.", code="model.structure")


def restore(state: State) -> LinearModel:
    """Rebuild from `LinearModel.state()`; raises ModelError (`model.structure`)."""
    try:
        coef, intercept, mean = (np.asarray(state.arrays[name]) for name in ("coef", "intercept", "mean"))
    except KeyError as error:
        raise ModelError(f"The linear model lacks its array {error}.", code="model.structure") from error
    if any(array.dtype != np.float64 for array in (coef, intercept, mean)):
        raise ModelError("The linear model is damaged: an array is not float64.", code="model.structure")
    return LinearModel(coef, intercept, mean, str(state.meta.get("link")))
