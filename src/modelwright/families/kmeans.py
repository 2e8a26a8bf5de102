"""k-means: rows grouped around k centres; k by silhouette where it is not given (scikit-learn)."""

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
_JUDGED = 2000  # rows the silhouette is taken on
_MOST = 10


class Params(ports.Params, frozen=True, kw_only=True):
    n_clusters: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description="how many groups; null tries 2 to 10 and takes the best silhouette (Rousseeuw 1987)"),
    ] = None
    n_init: Annotated[int, Meta(ge=1, le=1000, description="how many starts; the tightest result is kept")] = 5
    max_iter: Annotated[int, Meta(ge=1, le=100_000, description="most rounds per start")] = 300


class KMeansModel:
    """centers (clusters, k); a row belongs to the nearest, the first of equals."""

    def __init__(self, centers: NDArray[np.float64]) -> None:
        self.centers = centers

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.centers.shape[1])
        step = max(1, _CELLS // self.centers.size)
        out = np.empty(len(rows))
        with np.errstate(all="ignore"):
            for i in range(0, len(rows), step):
                apart = ((rows[i : i + step, None, :] - self.centers) ** 2).sum(axis=2)
                out[i : i + step] = apart.argmin(axis=1)
        return out

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        return lambda x: [float(self.predict(x[None, :])[0])]

    def graph(self, builder: GraphBuilder, x: str) -> str:
        wide = builder.op("Unsqueeze", x, builder.constant(np.array([1], dtype=np.int64)))
        apart = builder.op("Sub", wide, builder.constant(self.centers[None]))
        square = builder.op("Mul", apart, apart)
        total = builder.op("ReduceSum", square, builder.constant(np.array([2], dtype=np.int64)), keepdims=0)
        return builder.op("Cast", builder.op("ArgMin", total, axis=1, keepdims=1), to=11)

    def state(self) -> State:
        return State(arrays={"centers": self.centers})


class KMeansFamily:
    Params = Params
    tasks = frozenset({Task.CLUSTERING})
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.cluster import KMeans

        _shared.check_batch(batch, self.tasks)
        X = batch.X.values
        distinct = len(np.unique(X, axis=0)) if len(X) <= _JUDGED else _MOST
        counts = [params.n_clusters] if params.n_clusters else range(2, _MOST + 1)
        sizes = sorted({min(count, max(1, distinct)) for count in counts})
        best, best_score = None, -np.inf
        with _shared.fitting("kmeans"):
            for size in sizes:
                model = KMeans(size, n_init=params.n_init, max_iter=params.max_iter, random_state=context.seed % 2**32)
                model.fit(X, sample_weight=batch.weight)
                score = _silhouette(X, model.labels_, context.seed) if len(sizes) > 1 else 0.0
                if score > best_score:
                    best, best_score = model, score
                if context.should_stop():
                    break
        assert best is not None
        return KMeansModel(np.ascontiguousarray(best.cluster_centers_, dtype=np.float64))

    def restore(self, state: State) -> Fitted:
        centers = _shared.array_of(state, "centers", (None, None))
        if centers.size == 0:
            raise _shared.structure("it has no centres")
        return KMeansModel(centers)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"n_clusters": Span(2, max(2, min(20, n_rows // 2)), integer=True)}


def _silhouette(X: NDArray[np.float64], labels: NDArray[Any], seed: int) -> float:
    from sklearn.metrics import silhouette_score

    rows = np.arange(len(X))
    if len(X) > _JUDGED:
        rows = np.random.default_rng(seed).choice(rows, _JUDGED, replace=False)
    groups = len(np.unique(labels[rows]))
    if not 2 <= groups < len(rows):
        return -1.0
    return float(silhouette_score(X[rows], labels[rows]))


PLUGIN: Family = KMeansFamily()
