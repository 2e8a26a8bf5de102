"""Rule of one feature: the best few thresholds on a single column, the baseline every model must beat (1R)."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats.trees_model import TreeModel


class Params(ports.Params, frozen=True, kw_only=True):
    max_bins: Annotated[int, Meta(ge=2, le=64, description="most parts the one column is cut into")] = 6
    min_samples_leaf: Annotated[int, Meta(ge=1, description="rows each part keeps (Holte 1993 used 6)")] = 6


class Rule:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs()

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        X, best, best_gain, best_column = _shared.finite(batch.X.values), None, -np.inf, 0
        with _shared.fitting("rule"):
            for column in range(X.shape[1]):
                tree, gain = _one_column(X[:, column : column + 1], batch, params, context)
                if gain > best_gain + 1e-12:
                    best, best_gain, best_column = tree, gain, column
        assert best is not None
        model = _shared.tree_model(
            best, batch, {"column": batch.X.names[best_column], "parts": int(best.get_n_leaves())}
        )
        feature = np.where(model.tables.feature < 0, -1, best_column).astype(np.int32)
        tables = dataclasses.replace(model.tables, feature=feature, n_features=X.shape[1])
        return TreeModel(tables, model.link, about=model.about)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_tables(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"max_bins": Span(2, 16, integer=True)}


def _one_column(x: Any, batch: TrainBatch, params: Params, context: FitContext) -> tuple[Any, float]:
    """The column's tree and how much impurity it removes, 0 to 1."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeRegressor if batch.task is Task.REGRESSION else DecisionTreeClassifier
    model = kind(
        max_leaf_nodes=params.max_bins,
        min_samples_leaf=min(params.min_samples_leaf, max(1, x.shape[0] // 10)),
        random_state=context.seed,
    )
    model.fit(x, batch.y, sample_weight=batch.weight)
    tree = model.tree_
    leaf, weight = tree.children_left < 0, tree.weighted_n_node_samples
    left = float(np.sum(tree.impurity[leaf] * weight[leaf]))
    return model, 1.0 - left / max(float(tree.impurity[0] * weight[0]), 1e-300)


PLUGIN: Family = Rule()
