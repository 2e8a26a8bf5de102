"""Isolation forest: rows that random splits part from the rest early are strange (scikit-learn)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import trees_sklearn
from modelwright.stats.trees_model import TreeModel

_EULER = 0.5772156649015329


class Params(ports.Params, frozen=True, kw_only=True):
    n_estimators: Annotated[int, Meta(ge=1, le=100_000, description="how many trees")] = 200
    max_samples: Annotated[int, Meta(ge=2, le=1_000_000, description="rows drawn for each tree")] = 256


class IsolationForest:
    Params = Params
    tasks = frozenset({Task.ANOMALY})
    needs = Needs()

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.ensemble import IsolationForest as Forest

        _shared.check_batch(batch, self.tasks)
        X = _shared.finite(batch.X.values)
        if X.shape[0] < 2 or not _shared.varies(X):
            return _shared.Constant(np.array([0.5]), X.shape[1], scalar=True)
        drawn = min(params.max_samples, X.shape[0])
        model = Forest(
            n_estimators=params.n_estimators, max_samples=drawn, random_state=context.seed, n_jobs=1
        )  # fmt: skip
        with _shared.fitting("isolation_forest"):
            model.fit(X, sample_weight=batch.weight)
        trees = [member.tree_ for member in model.estimators_]
        tables = trees_sklearn.from_trees(trees, X.shape[1], _depths, scale=1.0 / (len(trees) * _path(drawn)))
        return TreeModel(tables, "halving")

    def restore(self, state: State) -> Fitted:
        return _shared.restore_tables(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        """Liu, Ting and Zhou 2008: scores settle at 100 trees; 256 rows suffice."""
        return {"max_samples": Span(64, 1024, log=True, integer=True)}


def _depths(tree: Any) -> NDArray[np.float64]:
    """Splits passed to reach each node plus the expected rest of the path among its rows, (nodes, 1)."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # children come after their parent
        for child in (tree.children_left[node], tree.children_right[node]):
            if child > 0:
                depth[child] = depth[node] + 1.0
    rest = np.array([_path(int(n)) for n in tree.n_node_samples])
    return np.asarray((depth + rest)[:, None], dtype=np.float64)


def _path(n: int) -> float:
    """Expected length of an unsuccessful search in a binary tree of n rows (Liu et al. 2008, equation 1)."""
    if n <= 1:
        return 0.0
    if n == 2:
        return 1.0
    return 2.0 * (float(np.log(n - 1.0)) + _EULER) - 2.0 * (n - 1.0) / n


PLUGIN: Family = IsolationForest()
