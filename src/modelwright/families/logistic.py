"""Logistic regression: linear log-odds with an L2 penalty (scikit-learn)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear

_NEVER = -30.0  # log-odds of a class that the training rows did not show


class Params(ports.Params, frozen=True, kw_only=True):
    C: Annotated[float, Meta(gt=0.0, le=1e6, description="inverse of the penalty: smaller is simpler")] = 1.0
    max_iter: Annotated[int, Meta(ge=10, le=100_000, description="most rounds of the solver")] = 1000
    tol: Annotated[float, Meta(gt=0.0, le=0.1, description="when the solver may stop")] = 1e-4


class Logistic:
    Params = Params
    tasks = _shared.CLASSIFICATION
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.linear_model import LogisticRegression

        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        X = batch.X.values
        model = LogisticRegression(C=params.C, max_iter=params.max_iter, tol=params.tol, random_state=context.seed)
        with _shared.fitting("logistic"):
            model.fit(X, batch.y, sample_weight=batch.weight)
        present, k = np.asarray(model.classes_, dtype=np.int64), X.shape[1]
        if batch.n_classes == 2:
            return linear.LinearModel(model.coef_, model.intercept_, X.mean(axis=0), "sigmoid")
        coef, intercept = np.zeros((batch.n_classes, k)), np.full(batch.n_classes, _NEVER)
        # two classes present: scikit-learn fits one score, which is the softmax of (0, score)
        rows = present[1:] if len(present) == 2 else present
        intercept[present] = 0.0
        coef[rows], intercept[rows] = model.coef_, model.intercept_
        return linear.LinearModel(coef, intercept, X.mean(axis=0), "softmax")

    def restore(self, state: State) -> Fitted:
        return _shared.restore_constant(state) if _shared.is_constant(state) else linear.restore(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {"C": Span(1e-4, 1e3, log=True)}


PLUGIN: Family = Logistic()
