"""Gaussian mixture: overlapping bell-shaped groups; their number by BIC where it is not given (scikit-learn)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Choice, Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear_links

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

_MOST = 8


class Params(ports.Params, frozen=True, kw_only=True):
    n_components: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="how many groups; null tries 1 to 8 and takes the lowest BIC (Schwarz 1978)"),
    ] = None
    covariance_type: Annotated[
        Literal["full", "diag"], Meta(description="whether groups may lean; diag is for many features")
    ] = "full"  # fmt: skip
    reg_covar: Annotated[float, Meta(gt=0.0, le=1.0, description="added to every variance")] = 1e-4
    max_iter: Annotated[int, Meta(ge=1, le=100_000, description="most rounds")] = 200


class MixtureModel:
    """means (groups, k), factors (groups, k, k): precision = factor @ factor.T, offset (groups,)."""

    def __init__(self, means: NDArray[np.float64], factors: NDArray[np.float64], offset: NDArray[np.float64]) -> None:
        self.means, self.factors, self.offset = means, factors, offset

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.means.shape[1])
        score = np.empty((len(rows), len(self.offset)))
        with np.errstate(all="ignore"):
            for g, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
                score[:, g] = self.offset[g] - 0.5 * (((rows - mean) @ factor) ** 2).sum(axis=1)
        return np.asarray(score.argmax(axis=1), dtype=np.float64)

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        return lambda x: [float(self.predict(x[None, :])[0])]

    def graph(self, builder: GraphBuilder, x: str) -> str:
        axis, scores = builder.constant(np.array([1], dtype=np.int64)), []
        for g in range(len(self.offset)):
            apart = builder.op("Sub", x, builder.constant(self.means[g][None, :]))
            turned = builder.op("MatMul", apart, builder.constant(np.ascontiguousarray(self.factors[g])))
            total = builder.op("ReduceSum", builder.op("Mul", turned, turned), axis, keepdims=1)
            half = builder.op("Mul", total, builder.constant(np.array([-0.5])))
            scores.append(builder.op("Add", half, builder.constant(self.offset[g : g + 1])))
        joined = builder.op("Concat", *scores, axis=1)
        return builder.op("Cast", builder.op("ArgMax", joined, axis=1, keepdims=1), to=11)

    def state(self) -> State:
        return State(arrays={"means": self.means, "factors": self.factors, "offset": self.offset})


class GaussianMixtureFamily:
    Params = Params
    tasks = frozenset({Task.CLUSTERING})
    needs = Needs(scaled=True, imputed=True, one_hot=True, max_rows=200_000)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.mixture import GaussianMixture

        _shared.check_batch(batch, self.tasks)
        X = batch.X.values
        if len(X) < 2:
            raise _shared.too_few("gaussian_mixture", 2)
        counts = [params.n_components] if params.n_components else range(1, _MOST + 1)
        best, best_score = None, np.inf
        with _shared.fitting("gaussian_mixture"):
            for count in sorted({min(count, len(X)) for count in counts}):
                model = GaussianMixture(
                    count,
                    covariance_type=params.covariance_type,
                    reg_covar=params.reg_covar,
                    max_iter=params.max_iter,
                    random_state=context.seed % 2**32,
                ).fit(X)
                score = model.bic(X)
                if score < best_score:
                    best, best_score = model, score
                if context.should_stop():
                    break
        assert best is not None
        factors = best.precisions_cholesky_
        if params.covariance_type == "diag":
            factors = np.stack([np.diag(row) for row in factors])
        logdet = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        offset = np.log(np.maximum(best.weights_, 1e-300)) + logdet
        return MixtureModel(best.means_, np.ascontiguousarray(factors), offset)

    def restore(self, state: State) -> Fitted:
        means = _shared.array_of(state, "means", (None, None))
        if means.size == 0:
            raise _shared.structure("it has no groups")
        groups, k = means.shape
        factors = _shared.array_of(state, "factors", (groups, k, k))
        return MixtureModel(means, factors, _shared.array_of(state, "offset", (groups,)))

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {
            "n_components": Span(1, max(2, min(20, n_rows // 2)), integer=True),
            "covariance_type": Choice(("full", "diag")),
        }


PLUGIN: Family = GaussianMixtureFamily()
