"""k nearest neighbours: the answer of the most similar training rows, found in a k-d tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Choice, Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear_links

_FAR = 1e150  # beyond this squared distances overflow


class Params(ports.Params, frozen=True, kw_only=True):
    n_neighbors: Annotated[int, Meta(ge=1, le=10_000, description="how many rows answer")] = 15
    weights: Annotated[
        Literal["uniform", "distance"], Meta(description="whether nearer rows count more")
    ] = "distance"  # fmt: skip
    p: Annotated[int, Meta(ge=1, le=2, description="1: city-block distance, 2: straight-line distance")] = 2


class KnnModel:
    """rows (n, k), answers (n, m): class shares or one value; weight (n,)."""

    def __init__(
        self, rows: NDArray[np.float64], answers: NDArray[np.float64], weight: NDArray[np.float64], how: dict[str, Any]
    ) -> None:
        from scipy.spatial import cKDTree

        self.rows, self.answers, self.weight, self.how = rows, answers, weight, how
        self._tree = cKDTree(rows)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows with NaN answer with the mean of the training answers: nothing is near them."""
        rows = linear_links.as_rows(X, self.rows.shape[1])
        rows = np.clip(rows, -_FAR, _FAR)
        out = np.tile(np.average(self.answers, axis=0, weights=self.weight), (len(rows), 1))
        known = ~np.isnan(rows).any(axis=1)
        if known.any():
            out[known] = self._answer(rows[known])
        return out[:, 0] if self.how["scalar"] else out

    def _answer(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        k = min(self.how["n_neighbors"], len(self.rows))
        distance, index = self._tree.query(rows, k=k, p=self.how["p"])
        distance, index = np.reshape(distance, (len(rows), k)), np.reshape(index, (len(rows), k))
        share = self.weight[index]
        if self.how["weights"] == "distance":
            exact = distance == 0.0  # equal rows alone answer where there are any
            nearness = distance.min(axis=1, keepdims=True) / np.where(exact, 1.0, distance)
            share = share * np.where(exact.any(axis=1, keepdims=True), exact, nearness)
        share = share / share.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("nk,nkm->nm", share, self.answers[index]), dtype=np.float64)

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        return lambda x: np.ravel(self.predict(x[None, :])).tolist()

    def state(self) -> State:
        return State(arrays={"rows": self.rows, "answers": self.answers, "weight": self.weight}, meta=self.how)


class Knn:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs(scaled=True, imputed=True, one_hot=True, max_rows=50_000)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        X, regression = batch.X.values, batch.task is Task.REGRESSION
        if not np.all(np.isfinite(X)):
            raise _shared.unusable("knn")
        y = np.asarray(batch.y)
        answers = y.astype(np.float64)[:, None] if regression else np.eye(max(2, batch.n_classes))[y]
        weight = np.ones(len(y)) if batch.weight is None else np.maximum(batch.weight, 1e-12)
        how = {"n_neighbors": params.n_neighbors, "weights": params.weights, "p": params.p, "scalar": regression}
        return KnnModel(np.ascontiguousarray(np.clip(X, -_FAR, _FAR)), answers, weight.astype(np.float64), how)

    def restore(self, state: State) -> Fitted:
        rows = _shared.array_of(state, "rows", (None, None))
        answers = _shared.array_of(state, "answers", (len(rows), None))
        weight = _shared.array_of(state, "weight", (len(rows),))
        how: dict[str, Any] = {
            "n_neighbors": _shared.number_of(state, "n_neighbors"),
            "p": _shared.number_of(state, "p"),
        }
        how |= {"weights": state.meta.get("weights"), "scalar": bool(state.meta.get("scalar"))}
        if rows.size == 0 or how["p"] > 2 or np.any(weight <= 0) or (answers.shape[1] == 1) != how["scalar"]:
            raise _shared.structure("its arrays do not fit its description")
        if np.abs(rows).max() > _FAR or how["weights"] not in ("uniform", "distance"):
            raise _shared.structure("a value is out of range")
        return KnnModel(rows, answers, weight, how)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {
            "n_neighbors": Span(1, min(200, max(2, n_rows // 4)), log=True, integer=True),
            "weights": Choice(("uniform", "distance")),
            "p": Choice((1, 2)),
        }


PLUGIN: Family = Knn()
