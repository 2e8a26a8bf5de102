"""What the families share: fences around inputs and library errors, the constant model, forest fitting."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from modelwright.core import ports
from modelwright.core.errors import ModelError, ModelwrightError
from modelwright.core.nouns import Task
from modelwright.core.ports import Choice, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.stats import linear_links, trees_model, trees_sklearn
from modelwright.stats.linear import LinearModel
from modelwright.stats.trees_model import TreeModel

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})
SUPERVISED = CLASSIFICATION | REGRESSION
_SINGLE_MAX = 3.0e38  # below float32's largest


# ---------------------------------------------------------------- fences


def check_batch(batch: TrainBatch, tasks: frozenset[Task]) -> None:
    """Refuse what no library could fit, in one sentence; raises ModelError."""
    X = batch.X.values
    if batch.task not in tasks:
        names = ", ".join(sorted(task.value for task in tasks))
        raise ModelError(f"This family does not do {batch.task.value}.", code="fit.task", hint=f"it does {names}")
    if X.ndim != 2 or X.shape[0] == 0 or X.shape[1] == 0:
        raise ModelError(f"There is nothing to learn from: the matrix is {X.shape}.", code="fit.empty")
    if batch.task.has_target and (batch.y is None or len(batch.y) != X.shape[0]):
        raise ModelError("The target does not have one value per row.", code="fit.target")


def finite(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """A copy with infinities and values beyond float32 pulled in; NaN stays. Comparisons keep their answers."""
    return np.ascontiguousarray(np.clip(X, -_SINGLE_MAX, _SINGLE_MAX))


@contextlib.contextmanager
def fitting(name: str) -> Iterator[None]:
    """Turn a library's own error into ModelError (`fit.failed`) and keep its advice off the screen."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ModelwrightError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(
            f"{name} could not be fitted: {str(error).strip().splitlines()[0] if str(error).strip() else error!r}",
            code="fit.failed",
            hint="look at the columns named by the data checks, or choose another family",
            subject=f"family:{name}",
        ) from error


def array_of(state: State, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """A stored array, checked: float64, finite, of this shape (None: any length); raises ModelError."""
    array = np.asarray(state.arrays[name]) if name in state.arrays else None
    if array is None or array.dtype != np.float64 or array.ndim != len(shape):
        raise structure(f"'{name}' is missing or has the wrong kind")
    if any(want is not None and want != got for want, got in zip(shape, array.shape, strict=True)):
        raise structure(f"'{name}' has shape {array.shape}, not {shape}")
    if not np.all(np.isfinite(array)):
        raise structure(f"'{name}' is not finite")
    return np.ascontiguousarray(array)


def structure(what: str) -> ModelError:
    return ModelError(f"The model is damaged: {what}.", code="model.structure", hint="restore or retrain the bundle")


def unusable(name: str) -> ModelError:
    return ModelError(
        f"The family '{name}' cannot take missing or infinite values.",
        code="fit.failed",
        hint="its needs say `imputed`; let the feature plan fill the gaps",
        subject=f"family:{name}",
    )


def too_few(name: str, rows: int) -> ModelError:
    return ModelError(
        f"The family '{name}' needs at least {rows} rows.", code="fit.failed", subject=f"family:{name}"
    )  # fmt: skip


def number_of(state: State, name: str, low: int = 1) -> int:
    """An integer of the state's meta, at least `low`; raises ModelError."""
    value = state.meta.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise structure(f"'{name}' is missing or out of range")
    return value


# ---------------------------------------------------------------- the constant model


class Constant:
    """The same answer for every row: dummy baselines, and any classifier whose rows show one class only."""

    def __init__(self, value: NDArray[np.float64], n_features: int, *, scalar: bool) -> None:
        self.value = value
        self.n_features = n_features
        self.scalar = scalar

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        n = linear_links.as_rows(X, self.n_features).shape[0]
        return np.full(n, self.value[0]) if self.scalar else np.tile(self.value, (n, 1))

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        answer = [float(v) for v in self.value]
        return lambda x: list(answer)

    def contributions(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Zero for every feature; the base is the answer (probabilities, of class 1 for two classes)."""
        n = linear_links.as_rows(X, self.n_features).shape[0]
        base = self.value[-1:] if len(self.value) <= 2 else self.value
        out = np.zeros((n, len(base), self.n_features + 1))
        out[:, :, -1] = base
        return out[:, 0] if len(base) == 1 else out

    def graph(self, builder: GraphBuilder, x: str) -> str:
        # ReduceSum would turn NaN or infinity into the answer; comparing keeps the shape and loses the value
        first = builder.op("ReduceMax", x, builder.constant(np.array([1], dtype=np.int64)), keepdims=1)
        zero = builder.constant(np.array([0.0]))
        nothing = builder.op("Where", builder.op("IsNaN", first), zero, zero)
        return builder.op("Add", nothing, builder.constant(self.value.reshape(1, -1)))

    def state(self) -> State:
        meta = {"kind": "constant", "n_features": self.n_features, "scalar": self.scalar}
        return State(arrays={"value": self.value}, meta=meta)


def restore_constant(state: State) -> Constant:
    return Constant(
        array_of(state, "value", (None,)), number_of(state, "n_features", 0), scalar=bool(state.meta.get("scalar"))
    )


def is_constant(state: State) -> bool:
    return state.meta.get("kind") == "constant"


def trivial(batch: TrainBatch) -> Constant | None:
    """A constant model when there is nothing to tell apart, else None.

    That is: one class or one target value only (a rare class may miss from a fold), or no column that varies.
    """
    y, k = np.asarray(batch.y), batch.X.values.shape[1]
    if len(np.unique(y)) > 1 and varies(batch.X.values):
        return None
    if batch.task is Task.REGRESSION:
        return Constant(np.array([np.average(y, weights=batch.weight)]), k, scalar=True)
    return Constant(class_shares(batch), k, scalar=False)


def varies(X: NDArray[np.float64]) -> bool:
    """Whether any column has two different values; NaN counts as a value."""
    first = X[:1]
    return bool(np.any((first != X) & ~(np.isnan(X) & np.isnan(first))))


def class_shares(batch: TrainBatch) -> NDArray[np.float64]:
    """Weighted share of each class, (n_classes,)."""
    counts = np.bincount(np.asarray(batch.y), weights=batch.weight, minlength=max(2, batch.n_classes))
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def complete(batch: TrainBatch) -> TrainBatch:
    """The batch with one nearly weightless row for each class it lacks, for libraries that count classes."""
    y = np.asarray(batch.y)
    absent = np.setdiff1d(np.arange(batch.n_classes), y)
    if not batch.task.is_classification or absent.size == 0:
        return batch
    weight = np.ones(len(y)) if batch.weight is None else batch.weight
    rows = np.concatenate([np.arange(len(y)), np.zeros(len(absent), dtype=np.int64)])
    return dataclasses.replace(
        batch,
        X=batch.X.rows(rows),
        y=np.concatenate([y, absent]),
        weight=np.concatenate([weight, np.full(len(absent), 1e-6)]),
    )


def restore_native(
    state: State, file: str, parse: Callable[[str], tuple[Any, str]]
) -> Fitted:  # fmt: skip
    """A booster from its native text, read by our own checked parser and never by the native loader."""
    if is_constant(state):
        return restore_constant(state)
    if trees_model.is_compact(state):
        return trees_model.restore(state)
    if file not in state.texts:
        raise structure(f"'{file}' is missing")
    tables, link = parse(state.texts[file])
    if tables.n_features != number_of(state, "n_features"):
        raise structure("its text reads another number of features than its description says")
    return TreeModel(tables, link, native=state)


def restore_tables(state: State) -> Fitted:
    return restore_constant(state) if is_constant(state) else trees_model.restore(state)


def penalised(name: str, model: Any, batch: TrainBatch) -> Fitted:
    """A scikit-learn linear regressor fitted on a target of unit variance, so that penalties mean the same."""
    X, y = batch.X.values, np.asarray(batch.y, dtype=np.float64)
    center, scale = float(np.mean(y)), float(np.std(y)) or 1.0
    with fitting(name):
        model.fit(X, (y - center) / scale, sample_weight=batch.weight)
    coef = np.reshape(model.coef_, (1, -1)) * scale
    intercept = np.reshape(model.intercept_, (1,)) * scale + center
    return LinearModel(coef, intercept, X.mean(axis=0), "identity")


# ---------------------------------------------------------------- scikit-learn's trees


def tree_model(model: Any, batch: TrainBatch, about: Mapping[str, Any] | None = None) -> TreeModel:
    """Tables of a fitted scikit-learn tree or forest; classes missing from the rows get probability 0."""
    grown = [member.tree_ for member in getattr(model, "estimators_", [model])]
    n_features = batch.X.values.shape[1]
    if batch.task is Task.REGRESSION:
        return TreeModel(trees_sklearn.from_trees(grown, n_features, trees_sklearn.means), "identity", about=about)
    present = np.asarray(model.classes_, dtype=np.int64)

    def values(tree: Any) -> NDArray[np.float64]:
        share = trees_sklearn.shares(tree)
        if batch.n_classes == 2 or len(present) == batch.n_classes:
            return share
        if len(present) == 2:
            share = np.concatenate([1.0 - share, share], axis=1)
        wide = np.zeros((share.shape[0], batch.n_classes))
        wide[:, present] = share
        return wide

    link = "share" if batch.n_classes == 2 else "shares"
    return TreeModel(trees_sklearn.from_trees(grown, n_features, values), link, about=about)


def split_features(choice: Any, task: Task) -> Any:
    """`auto` as published: the root of their number for classes (Breiman 2001), all for values."""
    if choice != "auto":
        return choice
    return 1.0 if task is Task.REGRESSION else "sqrt"


def grow(model: Any, batch: TrainBatch, should_stop: Callable[[], bool], *, step: int = 10) -> Any:
    """Fit a scikit-learn forest a few trees at a time, so that it can stop and keep what it has."""
    X, wanted = finite(batch.X.values), model.n_estimators
    model.set_params(warm_start=True, n_estimators=0)
    while model.n_estimators < wanted:
        model.set_params(n_estimators=min(wanted, model.n_estimators + step))
        model.fit(X, batch.y, sample_weight=batch.weight)
        if should_stop():
            break
    return model


_Share = Annotated[float, Meta(gt=0.0, le=1.0)]
_Count = Annotated[int, Meta(ge=1)]


class ForestParams(ports.Params, frozen=True, kw_only=True):
    """What every forest of scikit-learn's takes; each family adds `bootstrap` with its own default."""

    n_estimators: Annotated[int, Meta(ge=1, le=100_000, description="how many trees")] = 200
    max_depth: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="deepest level; null for no limit")
    ] = None
    min_samples_split: Annotated[int, Meta(ge=2, description="rows a node needs to be split")] = 2
    min_samples_leaf: Annotated[int, Meta(ge=1, description="rows each leaf keeps")] = 1
    max_features: Annotated[
        Literal["auto", "sqrt", "log2"] | _Share | _Count | None,
        Meta(description="features tried per split: sqrt, log2, a share, a number; auto is sqrt for classes, else all"),
    ] = "auto"
    max_leaf_nodes: Annotated[Annotated[int, Meta(ge=2)] | None, Meta(description="most leaves per tree")] = None
    criterion: Annotated[
        Literal["gini", "entropy"], Meta(description="classification: how a split is judged")
    ] = "gini"  # fmt: skip
    max_samples: Annotated[_Share | None, Meta(description="share of the rows drawn for each tree")] = None


class Forest:
    """A forest of scikit-learn's: the families differ in the estimators they name and in `bootstrap`."""

    tasks = SUPERVISED
    needs = Needs(max_rows=200_000)
    name: str
    #: in sklearn.ensemble: for classes, for values
    estimators: tuple[str, str]

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn import ensemble

        check_batch(batch, self.tasks)
        constant = trivial(batch)
        if constant is not None:
            return constant
        regression = batch.task is Task.REGRESSION
        model = getattr(ensemble, self.estimators[regression])(
            n_estimators=params.n_estimators,
            max_depth=params.max_depth,
            min_samples_split=params.min_samples_split,
            min_samples_leaf=params.min_samples_leaf,
            max_features=split_features(params.max_features, batch.task),
            max_leaf_nodes=params.max_leaf_nodes,
            criterion="squared_error" if regression else params.criterion,
            bootstrap=params.bootstrap,
            max_samples=params.max_samples if params.bootstrap else None,
            random_state=context.seed,
            n_jobs=1,
        )
        with fitting(self.name):
            grow(model, batch, context.should_stop)
        return tree_model(model, batch)

    def restore(self, state: State) -> Fitted:
        return restore_tables(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        """TabArena's ranges (Erickson et al. 2025)."""
        return {
            "max_features": Choice(("sqrt", 0.5, 0.75, 1.0)),
            "min_samples_split": Span(2, 32, log=True, integer=True),
            "min_samples_leaf": Span(1, 16, log=True, integer=True),
        }
