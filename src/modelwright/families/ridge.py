"""Ridge: linear regression with an L2 penalty (scikit-learn)."""

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
        float, Meta(ge=0.0, le=1e6, description="strength of the penalty; the target is scaled to unit variance")
    ] = 1.0


class Ridge:
    Params = Params
    tasks = _shared.REGRESSION
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.linear_model import Ridge

        _shared.check_batch(batch, self.tasks)
        model = Ridge(alpha=params.alpha)
        return _shared.penalised("ridge", model, batch)

    def restore(self, state: State) -> Fitted:
        return linear.restore(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"alpha": Span(1e-3, 1e4, log=True)}


PLUGIN: Family = Ridge()
