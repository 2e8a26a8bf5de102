"""Decision tree: one tree that a person can read (scikit-learn's CART)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared


class Params(ports.Params, frozen=True, kw_only=True):
    max_depth: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="deepest level; null for no limit")
    ] = None
    min_samples_split: Annotated[int, Meta(ge=2, description="rows a node needs to be split")] = 2
    min_samples_leaf: Annotated[int, Meta(ge=1, description="rows each leaf keeps")] = 5
    max_leaf_nodes: Annotated[Annotated[int, Meta(ge=2)] | None, Meta(description="most leaves")] = None
    criterion: Annotated[
        Literal["gini", "entropy"], Meta(description="classification: how a split is judged")
    ] = "gini"  # fmt: skip
    ccp_alpha: Annotated[float, Meta(ge=0.0, description="cost-complexity pruning: larger is smaller")] = 0.0


class DecisionTree:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs()

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        regression = batch.task is Task.REGRESSION
        model = (DecisionTreeRegressor if regression else DecisionTreeClassifier)(
            max_depth=params.max_depth,
            min_samples_split=params.min_samples_split,
            min_samples_leaf=params.min_samples_leaf,
            max_leaf_nodes=params.max_leaf_nodes,
            criterion="squared_error" if regression else params.criterion,
            ccp_alpha=params.ccp_alpha,
            random_state=context.seed,
        )
        with _shared.fitting("decision_tree"):
            model.fit(_shared.finite(batch.X.values), batch.y, sample_weight=batch.weight)
        return _shared.tree_model(model, batch)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_tables(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {
            "max_depth": Span(2, 30, log=True, integer=True),
            "min_samples_leaf": Span(1, 100, log=True, integer=True),
            "ccp_alpha": Span(1e-6, 1e-1, log=True),
        }


PLUGIN: Family = DecisionTree()
