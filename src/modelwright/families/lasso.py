"""Lasso: linear regression with an L1 penalty that drops columns (scikit-learn)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear


class Params(ports.Params, frozen=True, kw_only=True):
    alpha: Annotated[
        float, Meta(ge=1e-9, le=1e6, description="strength of the penalty; the target is scaled to unit variance")
    ] = 0.001
    max_iter: Annotated[int, Meta(ge=10, le=1_000_000, description="most rounds of the solver")] = 5000
    tol: Annotated[float, Meta(gt=0.0, le=0.1, description="when the solver may stop")] = 1e-4


class Lasso:
    Params = Params
    tasks = _shared.REGRESSION
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.linear_model import Lasso

        _shared.check_batch(batch, self.tasks)
        model = Lasso(alpha=params.alpha, max_iter=params.max_iter, tol=params.tol, random_state=context.seed)
        return _shared.penalised("lasso", model, batch)

    def restore(self, state: State) -> Fitted:
        return linear.restore(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"alpha": Span(1e-5, 1.0, log=True)}


PLUGIN: Family = Lasso()
