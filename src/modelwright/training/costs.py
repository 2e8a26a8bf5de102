"""What a fit costs before it is tried: CPU seconds of one thread, by family, size of the table and parameters.

The figures were measured on a busy two-core machine (LightGBM 4.7, XGBoost 3.2, CatBoost 1.2, scikit-learn 1.9; 2,000
to 100,000 rows, 10 and 50 numeric columns). They decide who competes and how many rounds are planned, never when a
fit stops, so a machine that is twice as fast plans the same models. Seconds on a given machine are these times a
factor that its first fits tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: rounds times learning rate that early stopping usually keeps on small tables
_USUAL_STEPS = 10.0
#: seconds for a million cells of a family that is not known here
_UNKNOWN_S_PER_MCELL = 5.0
#: seconds to encode a value
_PREPARE_S_PER_CELL = 3e-7
#: the share of its most passes that a net usually makes before its loss stops falling
_PASSES = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a fit is. n_outputs: the classes of a problem with more than two, else 1."""

    n_rows: int
    n_columns: int
    n_outputs: int = 1

    @property
    def cells(self) -> float:
        return float(self.n_rows) * max(1, self.n_columns)

    def shared(self, share: float) -> Shape:
        """The same table with this share of its rows."""
        return Shape(n_rows=max(1, int(self.n_rows * share)), n_columns=self.n_columns, n_outputs=self.n_outputs)


def fit_s(family: str, params: Any, shape: Shape) -> float:
    """Expected CPU seconds of one fit; `params` is the family's own struct."""
    cost = _COSTS.get(family)
    return shape.cells / 1e6 * _UNKNOWN_S_PER_MCELL if cost is None else cost(params, shape)


def prepare_s(shape: Shape) -> float:
    """CPU seconds to encode the columns: 1.3 for 150,000 rows of 24 numbers and 6 categories."""
    return shape.cells * _PREPARE_S_PER_CELL


def knows(family: str) -> bool:
    """Whether the family was measured."""
    return family in _COSTS


def usual_rounds(params: Any) -> int:
    """Rounds until early stopping ends a boosted fit: what it keeps and its patience, never above what is asked."""
    most = int(getattr(params, "n_estimators", 0) or getattr(params, "iterations", 0) or getattr(params, "max_iter", 0))
    rate = getattr(params, "learning_rate", None) or 0.06
    return max(1, min(most, math.ceil(_USUAL_STEPS / rate) + int(getattr(params, "early_stopping_rounds", 50))))


def round_s(family: str, params: Any, shape: Shape) -> float:
    """CPU seconds of one more round of a boosted family; raises KeyError for others."""
    return _ROUNDS[family](params, shape)


def _lightgbm(params: Any, shape: Shape) -> float:
    leaves = min(params.num_leaves, max(2, shape.n_rows // max(1, params.min_child_samples)))
    scans = leaves * shape.n_columns * params.max_bin / 255 * 5e-6
    rows = shape.cells * 2e-8 * params.subsample * params.colsample_bytree
    return float(shape.n_outputs * (3e-4 + scans + rows))


def _xgboost(params: Any, shape: Shape) -> float:
    leaves = min(2.0 ** min(params.max_depth, 30), shape.n_rows / 2)
    scans = leaves * shape.n_columns * params.max_bin / 256 * 5e-6
    rows = shape.cells * params.max_depth * 7.5e-9 * params.subsample * params.colsample_bytree
    return float(shape.n_outputs * (3e-4 + scans + rows))


def _catboost(params: Any, shape: Shape) -> float:
    scans = 2.0**params.depth * shape.n_columns * params.rsm * params.border_count / 254 * 1.25e-5
    rows = shape.cells * params.rsm * params.depth * 3.5e-9
    return float((0.6 + 0.4 * shape.n_outputs) * (5e-4 + scans + rows))


def _hist_gb(params: Any, shape: Shape) -> float:
    scans = (params.max_leaf_nodes or 31) * shape.n_columns * params.max_bins / 255 * 2e-5
    return float(shape.n_outputs * (2e-3 + scans + shape.cells * 4.5e-8))


def _boosted(family: str) -> Callable[[Any, Shape], float]:
    def cost(params: Any, shape: Shape) -> float:
        return shape.cells * 1e-7 + usual_rounds(params) * round_s(family, params, shape)

    return cost


def _forest(per_look: float) -> Callable[[Any, Shape], float]:
    """Every level looks at every row in each of the tried columns."""

    def cost(params: Any, shape: Shape) -> float:
        tried = params.max_features
        if isinstance(tried, str) or tried is None:
            tried = 1.0 if tried is None else math.sqrt(shape.n_columns) / shape.n_columns
        columns = tried * shape.n_columns if isinstance(tried, float) else tried
        leaves = max(2.0, shape.n_rows / max(1, params.min_samples_leaf) / 1.5)
        looks = shape.n_rows * math.log2(leaves + 1) * max(1.0, columns)
        return float(params.n_estimators * (looks * per_look + leaves * 1e-5))

    return cost


def _linear(seconds_per_cell: float) -> Callable[[Any, Shape], float]:
    return lambda params, shape: 0.02 + shape.cells * shape.n_outputs * seconds_per_cell


def _mlp(params: Any, shape: Shape) -> float:
    width = shape.n_columns + sum(params.hidden_layer_sizes)
    return float(params.max_iter * _PASSES * shape.n_rows * (1.3e-3 / params.batch_size + 4e-8 * width))


def _svm(params: Any, shape: Shape) -> float:
    rows = min(shape.n_rows, params.max_train_rows)
    return float(0.05 + 3.0 * shape.n_outputs * rows * rows * (shape.n_columns + 10) * 2e-9)


def _knn(params: Any, shape: Shape) -> float:
    return shape.cells / 1e6 * max(1.0, shape.n_rows / 5_000)


def _ebm(params: Any, shape: Shape) -> float:
    return float(params.outer_bags * shape.n_outputs * (0.02 * shape.n_columns + shape.cells * 1.5e-5))


_ROUNDS: dict[str, Callable[[Any, Shape], float]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "hist_gb": _hist_gb,
}
_COSTS: dict[str, Callable[[Any, Shape], float]] = {
    **{family: _boosted(family) for family in _ROUNDS},
    "extra_trees": _forest(3e-8),
    "random_forest": _forest(1.2e-7),
    "decision_tree": lambda params, shape: 0.02 + shape.cells * 1.2e-7 * math.log2(shape.n_rows + 2),
    "dummy": _linear(1e-9),
    "rule": _linear(1e-8),
    "naive_bayes": _linear(5e-8),
    "linear": _linear(5e-8),
    "ridge": _linear(5e-8),
    "lasso": _linear(3e-7),
    "elastic_net": _linear(3e-7),
    "logistic": _linear(1.5e-7),
    "mlp": _mlp,
    "svm": _svm,
    "knn": _knn,
    "ebm": _ebm,
}
