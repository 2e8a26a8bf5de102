"""Support vector machine: a kernel machine for small tables (RBF; probabilities by a fitted sigmoid)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    C: Annotated[float, Meta(gt=0.0, le=1e6, description="inverse of the penalty: smaller is simpler")] = 1.0
    gamma: Annotated[
        Annotated[float, Meta(gt=0.0, le=1e4)] | Literal["scale", "auto"],
        Meta(description="how near a row must be to count"),
    ] = "scale"
    epsilon: Annotated[float, Meta(ge=0.0, le=10.0, description="regression: error not counted, in target SDs")] = 0.1
    max_train_rows: Annotated[
        int, Meta(ge=10, le=50_000, description="a seeded sample of this size is fitted when there are more rows")
    ] = 5000


class SvmModel:
    """vectors (s, k), dual (m, s), slope and offset (m,) of the sigmoid (or of the value) on decision values."""

    def __init__(self, arrays: dict[str, NDArray[np.float64]], gamma: float, link: str) -> None:
        self.arrays, self.gamma, self.link = arrays, gamma, link

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.arrays["vectors"].shape[1])
        step = max(1, _CELLS // len(self.arrays["vectors"]))
        parts = [self._raw(rows[i : i + step]) for i in range(0, max(1, len(rows)), step)]
        return _answer(self.link, np.concatenate(parts))

    def _raw(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        a = self.arrays
        with np.errstate(all="ignore"):  # infinite inputs give NaN answers, which the caller judges
            cross = rows @ a["vectors"].T
            apart = (rows**2).sum(axis=1)[:, None] - 2.0 * cross + (a["vectors"] ** 2).sum(axis=1)
            kernel = np.exp(-self.gamma * np.maximum(apart, 0.0))
        return np.asarray((kernel @ a["dual"].T) * a["slope"] + a["offset"], dtype=np.float64)

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        return lambda x: np.ravel(self.predict(x[None, :])).tolist()

    def graph(self, builder: GraphBuilder, x: str) -> str:
        a, axis = self.arrays, builder.constant(np.array([1], dtype=np.int64))
        square = builder.op("ReduceSum", builder.op("Mul", x, x), axis, keepdims=1)
        cross = builder.op("MatMul", x, builder.constant(np.ascontiguousarray(-2.0 * a["vectors"].T)))
        norms = builder.constant((a["vectors"] ** 2).sum(axis=1)[None, :])
        apart = builder.op("Add", builder.op("Add", square, cross), norms)
        apart = builder.op("Max", apart, builder.constant(np.array([0.0])))
        kernel = builder.op("Exp", builder.op("Mul", apart, builder.constant(np.array([-self.gamma]))))
        values = builder.op("MatMul", kernel, builder.constant(np.ascontiguousarray(a["dual"].T)))
        scaled = builder.op("Mul", values, builder.constant(a["slope"][None, :]))
        raw = builder.op("Add", scaled, builder.constant(a["offset"][None, :]))
        if self.link == "shares":
            raw = builder.op("Max", builder.op("Sigmoid", raw), builder.constant(np.array([1e-12])))
        return linear_links.graph_link(builder, self.link, raw)

    def state(self) -> State:
        return State(arrays=self.arrays, meta={"gamma": self.gamma, "link": self.link})


class Svm:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs(scaled=True, imputed=True, one_hot=True, max_rows=20_000)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        rows = np.arange(len(np.asarray(batch.y)))
        if len(rows) > params.max_train_rows:
            rows = np.sort(np.random.default_rng(context.seed).permutation(rows)[: params.max_train_rows])
        X, y = batch.X.values[rows], np.asarray(batch.y)[rows]
        weight = None if batch.weight is None else batch.weight[rows]
        spread = float(X.var()) or 1.0
        gamma = {"scale": 1.0 / (X.shape[1] * spread), "auto": 1.0 / X.shape[1]}.get(params.gamma, params.gamma)
        with _shared.fitting("svm"):
            if batch.task is Task.REGRESSION:
                return _regression(X, y, weight, params, float(gamma))
            classes = [1] if batch.n_classes == 2 else range(batch.n_classes)
            parts = [_one_class(X, (y == c).astype(int), weight, params, float(gamma)) for c in classes]
        return SvmModel(_stacked(X, parts), float(gamma), "sigmoid" if len(parts) == 1 else "shares")

    def restore(self, state: State) -> Fitted:
        if _shared.is_constant(state):
            return _shared.restore_constant(state)
        vectors = _shared.array_of(state, "vectors", (None, None))
        dual = _shared.array_of(state, "dual", (None, len(vectors)))
        arrays = {"vectors": vectors, "dual": dual}
        arrays |= {name: _shared.array_of(state, name, (len(dual),)) for name in ("slope", "offset")}
        gamma, link = state.meta.get("gamma"), linear_links.known_link(state.meta.get("link"))
        if not isinstance(gamma, float | int) or not 0 < gamma < 1e12 or vectors.size == 0:
            raise _shared.structure("its kernel is out of range")
        if len(dual) != 1 if link in ("identity", "sigmoid") else len(dual) < 2:
            raise _shared.structure("its outputs do not fit its link")
        return SvmModel(arrays, float(gamma), link)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"C": Span(1e-2, 1e3, log=True), "gamma": Span(1e-4, 1.0, log=True)}


def _answer(link: str, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    if link == "shares":  # one sigmoid per class, then normalised
        raw = np.maximum(linear_links.sigmoid(raw), 1e-12)
    return linear_links.apply(link, raw)


def _regression(X: Any, y: Any, weight: Any, params: Params, gamma: float) -> SvmModel:
    from sklearn.svm import SVR

    center, scale = float(y.mean()), float(y.std()) or 1.0
    model = SVR(C=params.C, gamma=gamma, epsilon=params.epsilon)
    model.fit(X, (y - center) / scale, sample_weight=weight)
    part = (model.support_, np.ravel(model.dual_coef_), scale, float(model.intercept_[0]) * scale + center)
    return SvmModel(_stacked(X, [part]), gamma, "identity")


def _one_class(X: Any, y: Any, weight: Any, params: Params, gamma: float) -> tuple[Any, Any, float, float]:
    """Support rows, their dual weights, and the sigmoid's slope and offset on the bare kernel sum."""
    from sklearn.svm import SVC

    if y.min() == y.max():  # a class that the sample lacks: never, or always
        return np.array([0]), np.zeros(1), 0.0, 30.0 if y.min() else -30.0
    model = SVC(C=params.C, gamma=gamma).fit(X, y, sample_weight=weight)
    decisions, truth = _held_out(X, y, weight, model)
    slope, offset = _sigmoid_fit(decisions, truth)
    intercept = float(model.intercept_[0])
    return model.support_, np.ravel(model.dual_coef_), slope, slope * intercept + offset


def _held_out(X: Any, y: Any, weight: Any, model: Any) -> tuple[Any, Any]:
    """Decision values of rows not fitted (3 folds dealt by rank inside each class); fitted ones overstate."""
    from sklearn.base import clone

    if np.bincount(y).min() < 3:
        return model.decision_function(X), y
    fold = np.empty(len(y), dtype=np.int64)
    for c in (0, 1):
        fold[y == c] = np.arange(int((y == c).sum())) % 3
    out = np.empty(len(y))
    for f in range(3):
        learn, judge = fold != f, fold == f
        part = clone(model).fit(X[learn], y[learn], sample_weight=None if weight is None else weight[learn])
        out[judge] = part.decision_function(X[judge])
    return out, y


def _sigmoid_fit(decisions: Any, y: Any) -> tuple[float, float]:
    """Platt 1999: log-odds = slope * decision + offset against smoothed targets; the slope is never negative."""
    from scipy.optimize import minimize

    positive, negative = int((y == 1).sum()), int((y == 0).sum())
    target = np.where(y == 1, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))

    def loss(w: Any) -> tuple[float, Any]:
        z = w[0] * decisions + w[1]
        gap = linear_links.sigmoid(z) - target
        return float((np.logaddexp(0.0, z) - target * z).sum()), np.array([gap @ decisions, gap.sum()])

    start = np.array([1.0, float(np.log((positive + 1.0) / (negative + 1.0)))])
    w = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(1e-3, 1e3), (-50.0, 50.0)]).x
    return float(w[0]), float(w[1])


def _stacked(X: Any, parts: Sequence[tuple[Any, Any, float, float]]) -> dict[str, NDArray[np.float64]]:
    """All support rows once, with a row of dual weights per output."""
    support = np.unique(np.concatenate([part[0] for part in parts])) if any(len(p[0]) for p in parts) else np.array([0])
    dual = np.zeros((len(parts), len(support)))
    for i, (rows, weights, _, _) in enumerate(parts):
        dual[i, np.searchsorted(support, rows)] = weights
    slope, offset = (np.array([part[j] for part in parts], dtype=np.float64) for j in (2, 3))
    return {"vectors": np.ascontiguousarray(X[support]), "dual": dual, "slope": slope, "offset": offset}


PLUGIN: Family = Svm()
