"""EBM: an additive model of one-feature curves and pairs that can be read as pictures (extra `ebm`)."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from modelwright.core import ports
from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.plugins import require
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear_links

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

_BOOL_AS_INT = 7  # ONNX TensorProto.INT64


class Params(ports.Params, frozen=True, kw_only=True):
    max_bins: Annotated[int, Meta(ge=4, le=65_535, description="bins per feature")] = 256
    interactions: Annotated[int, Meta(ge=0, le=1000, description="how many pairs of features may interact")] = 10
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0, description="how much each round counts")] = 0.04
    max_rounds: Annotated[int, Meta(ge=1, le=1_000_000, description="most rounds per feature")] = 5000
    outer_bags: Annotated[int, Meta(ge=1, le=100, description="models averaged")] = 4
    min_samples_leaf: Annotated[int, Meta(ge=1, description="rows each leaf keeps")] = 4


class EbmModel:
    """terms: one or two features each; cuts[t][d] sorted; scores[t] (bins of d = 0, [bins of d = 1,] m).

    Bin 0 is missing; bin i + 1 holds x with exactly i cuts <= x.
    """

    def __init__(
        self, terms: list[list[int]], arrays: dict[str, NDArray[np.float64]], n_features: int, link: str
    ) -> None:
        self.terms, self.arrays, self.n_features, self.link = terms, arrays, n_features, link
        self.cuts = [[arrays[f"cuts_{t}_{d}"] for d in range(len(term))] for t, term in enumerate(terms)]
        self.scores = [arrays[f"scores_{t}"] for t in range(len(terms))]
        self.intercept = arrays["intercept"]

    def _term(self, t: int, X: NDArray[np.float64]) -> NDArray[np.float64]:
        bins = []
        for feature, cuts in zip(self.terms[t], self.cuts[t], strict=True):
            x = X[:, feature]
            bins.append(np.where(np.isnan(x), 0, np.searchsorted(cuts, x, side="right") + 1))
        return np.asarray(self.scores[t][tuple(bins)])

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.n_features)
        raw = np.tile(self.intercept, (len(rows), 1))
        for t in range(len(self.terms)):
            raw += self._term(t, rows)
        return linear_links.apply(self.link, raw)

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        link, start, width = linear_links.row_link(self.link), self.intercept, self.n_features
        cuts = [[cut.tolist() for cut in term] for term in self.cuts]

        def score(x: NDArray[np.float64]) -> list[float]:
            if x.shape != (width,):
                raise ModelError(f"A row has {x.shape} values, not {width}.", code="model.width")
            values, raw = x.tolist(), start.copy()
            for term, edges, scores in zip(self.terms, cuts, self.scores, strict=True):
                at = tuple(
                    0 if values[f] != values[f] else bisect.bisect_right(e, values[f]) + 1
                    for f, e in zip(term, edges, strict=True)
                )
                raw += scores[at]
            return link(raw)

        return score

    def contributions(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each curve to its feature; each pair half and half, which is its Shapley value as pairs are purified."""
        rows = linear_links.as_rows(X, self.n_features)
        out = np.zeros((len(rows), len(self.intercept), self.n_features + 1))
        out[:, :, -1] = self.intercept
        for t, term in enumerate(self.terms):
            part = self._term(t, rows) / len(term)
            for feature in term:
                out[:, :, feature] += part
        return out[:, 0] if len(self.intercept) == 1 else out

    def graph(self, builder: GraphBuilder, x: str) -> str:
        raw = builder.op(
            "Add", _zeros(builder, x), builder.constant(self.intercept.reshape(1, -1))
        )  # fmt: skip
        for t, term in enumerate(self.terms):
            flat = ""
            for d, feature in enumerate(term):
                at = _graph_bin(builder, x, feature, self.cuts[t][d])
                if flat:
                    width = builder.constant(np.array([self.scores[t].shape[1]], dtype=np.int64))
                    flat = builder.op("Add", builder.op("Mul", flat, width), at)
                else:
                    flat = at
            table = builder.constant(self.scores[t].reshape(-1, len(self.intercept)))
            raw = builder.op("Add", raw, builder.op("Gather", table, flat, axis=0))
        return linear_links.graph_link(builder, self.link, raw)

    def state(self) -> State:
        return State(arrays=self.arrays, meta={"terms": self.terms, "n_features": self.n_features, "link": self.link})


def _zeros(builder: GraphBuilder, x: str) -> str:
    first = builder.op("ReduceMax", x, builder.constant(np.array([1], dtype=np.int64)), keepdims=1)
    zero = builder.constant(np.array([0.0]))
    return builder.op("Where", builder.op("IsNaN", first), zero, zero)


def _graph_bin(builder: GraphBuilder, x: str, feature: int, cuts: NDArray[np.float64]) -> str:
    """Bin numbers (n,) of one column: 1 + the cuts at or below x, and 0 for NaN."""
    column = builder.op("Gather", x, builder.constant(np.array([feature], dtype=np.int64)), axis=1)
    known = builder.op("Cast", builder.op("Not", builder.op("IsNaN", column)), to=_BOOL_AS_INT)
    axis = builder.constant(np.array([1], dtype=np.int64))
    total = known
    if len(cuts):
        passed = builder.op("GreaterOrEqual", column, builder.constant(cuts[None, :]))
        count = builder.op("ReduceSum", builder.op("Cast", passed, to=_BOOL_AS_INT), axis, keepdims=1)
        total = builder.op("Add", count, known)  # NaN passes no cut
    return builder.op("Squeeze", total, axis)


class Ebm:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs(extra="ebm", min_budget_s=120.0, max_rows=200_000)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        glassbox = require("interpret.glassbox", "ebm", "The family 'ebm'")
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        regression, k = batch.task is Task.REGRESSION, batch.X.values.shape[1]
        kind = glassbox.ExplainableBoostingRegressor if regression else glassbox.ExplainableBoostingClassifier
        model = kind(
            feature_types=["continuous"] * k,
            max_bins=params.max_bins,
            interactions=params.interactions if k > 1 else 0,
            learning_rate=params.learning_rate,
            max_rounds=params.max_rounds,
            outer_bags=params.outer_bags,
            min_samples_leaf=params.min_samples_leaf,
            callback=lambda *_: bool(context.should_stop()),
            random_state=context.seed % 2**31,
            n_jobs=1,
        )
        full = _shared.complete(batch)
        with _shared.fitting("ebm"):
            model.fit(_shared.finite(full.X.values), full.y, sample_weight=full.weight)
        link = {Task.REGRESSION: "identity", Task.BINARY: "sigmoid", Task.MULTICLASS: "softmax"}[batch.task]
        return _read(model, k, link)

    def restore(self, state: State) -> Fitted:
        if _shared.is_constant(state):
            return _shared.restore_constant(state)
        return _restore(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {
            "learning_rate": Span(0.01, 0.1, log=True),
            "interactions": Span(0, 30, integer=True),
            "min_samples_leaf": Span(2, 32, log=True, integer=True),
        }


def _read(model: Any, n_features: int, link: str) -> EbmModel:
    """interpret's public tables; a feature of a pair uses the coarser of its binnings."""
    intercept = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    arrays, terms = {"intercept": intercept}, []
    for t, (features, scores) in enumerate(zip(model.term_features_, model.term_scores_, strict=True)):
        terms.append([int(f) for f in features])
        for d, feature in enumerate(features):
            levels = model.bins_[feature]
            arrays[f"cuts_{t}_{d}"] = np.asarray(levels[min(len(levels), len(features)) - 1], dtype=np.float64)
        known = scores[tuple(slice(0, -1) for _ in features)]  # the last bin is for unseen categories
        arrays[f"scores_{t}"] = np.ascontiguousarray(known.reshape(*known.shape[: len(features)], len(intercept)))
    return EbmModel(terms, arrays, n_features, link)


def _restore(state: State) -> EbmModel:
    n_features, link = _shared.number_of(state, "n_features"), linear_links.known_link(state.meta.get("link"))
    intercept = _shared.array_of(state, "intercept", (None,))
    if link not in ("identity", "sigmoid", "softmax") or (len(intercept) > 1) != (link == "softmax"):
        raise _shared.structure("its outputs do not fit its link")
    arrays, terms = {"intercept": intercept}, state.meta.get("terms")
    if not isinstance(terms, list | tuple):
        raise _shared.structure("its terms are missing")
    for t, term in enumerate(terms):
        if not isinstance(term, list | tuple) or len(term) not in (1, 2):
            raise _shared.structure("a term has neither one feature nor two")
        if any(not isinstance(f, int) or not 0 <= f < n_features for f in term):
            raise _shared.structure("a term reads a feature out of range")
        shape: list[int] = []
        for d in range(len(term)):
            cuts = _shared.array_of(state, f"cuts_{t}_{d}", (None,))
            if np.any(np.diff(cuts) <= 0):
                raise _shared.structure("its cuts are not sorted")
            arrays[f"cuts_{t}_{d}"] = cuts
            shape.append(len(cuts) + 2)
        arrays[f"scores_{t}"] = _shared.array_of(state, f"scores_{t}", (*shape, len(intercept)))
    return EbmModel([list(term) for term in terms], arrays, n_features, link)


PLUGIN: Family = Ebm()
