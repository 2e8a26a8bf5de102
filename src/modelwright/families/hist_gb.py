"""Histogram gradient boosting: scikit-learn's own booster, numeric splits, NaN understood."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import trees_sklearn
from modelwright.stats.trees_model import TreeModel

_STEP = 25  # rounds between two looks at the clock and at the validation loss


class Params(ports.Params, frozen=True, kw_only=True):
    max_iter: Annotated[int, Meta(ge=1, le=100_000, description="most rounds; early stopping may use fewer")] = 200
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0, description="how much each round counts")] = 0.06
    max_leaf_nodes: Annotated[Annotated[int, Meta(ge=2)] | None, Meta(description="most leaves per tree")] = 31
    max_depth: Annotated[Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="deepest level")] = None
    min_samples_leaf: Annotated[int, Meta(ge=1, description="rows each leaf keeps")] = 20
    l2_regularization: Annotated[float, Meta(ge=0.0, description="L2 penalty on leaves")] = 0.0
    max_features: Annotated[float, Meta(gt=0.0, le=1.0, description="share of the features tried per split")] = 1.0
    max_bins: Annotated[int, Meta(ge=2, le=255, description="bins per feature")] = 255
    n_iter_no_change: Annotated[
        int, Meta(ge=1, description="rounds without gain before stopping, where there are rows to judge by")
    ] = 50


class HistGB:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs()

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        regression = batch.task is Task.REGRESSION
        model = (HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier)(
            learning_rate=params.learning_rate,
            max_leaf_nodes=params.max_leaf_nodes,
            max_depth=params.max_depth,
            min_samples_leaf=min(params.min_samples_leaf, max(1, batch.X.values.shape[0] // 10)),
            l2_regularization=params.l2_regularization,
            max_features=params.max_features,
            max_bins=params.max_bins,
            categorical_features=None,
            early_stopping=False,
            warm_start=True,
            random_state=context.seed,
        )
        with _shared.fitting("hist_gb"):
            rounds = _boost(model, _shared.complete(batch), params, context)
        tables = trees_sklearn.from_histogram(
            model._predictors[:rounds], model._baseline_prediction, batch.X.values.shape[1]
        )
        link = {Task.REGRESSION: "identity", Task.BINARY: "sigmoid", Task.MULTICLASS: "softmax"}[batch.task]
        return TreeModel(tables, link)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_tables(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {
            "learning_rate": Span(0.01, 0.3, log=True),
            "max_leaf_nodes": Span(4, 128, log=True, integer=True),
            "min_samples_leaf": Span(2, 64, log=True, integer=True),
            "l2_regularization": Span(1e-4, 10.0, log=True),
            "max_features": Span(0.4, 1.0),
        }


def _boost(model: Any, batch: TrainBatch, params: Params, context: FitContext) -> int:
    """Grow in steps; returns how many rounds to keep, the best by validation loss where there is one."""
    X = _shared.finite(batch.X.values)
    best, kept, grown = np.inf, 0, 0
    while grown < params.max_iter:
        grown = min(params.max_iter, grown + _STEP)
        model.set_params(max_iter=grown)
        model.fit(X, batch.y, sample_weight=batch.weight)
        if batch.valid is None:
            kept = grown
        else:
            loss = _loss(model, *batch.valid)
            if loss < best:
                best, kept = loss, grown
            elif grown - kept >= params.n_iter_no_change:
                break
        if context.should_stop():
            break
    return max(kept, 1)


def _loss(model: Any, X: Any, y: Any) -> float:
    values = _shared.finite(X.values)
    if not hasattr(model, "predict_proba"):
        return float(np.mean((model.predict(values) - y) ** 2))
    p = model.predict_proba(values)[np.arange(len(y)), y]
    return float(-np.mean(np.log(np.maximum(p, 1e-15))))


PLUGIN: Family = HistGB()
