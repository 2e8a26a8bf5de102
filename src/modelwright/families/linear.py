"""Linear regression: ordinary least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import linear


class Params(ports.Params, frozen=True, kw_only=True):
    """Least squares has nothing to set."""


class Linear:
    Params = Params
    tasks = _shared.REGRESSION
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        """The least-norm solution, so that dependent columns (one-hot codes) share their effect."""
        _shared.check_batch(batch, self.tasks)
        X, y = batch.X.values, np.asarray(batch.y, dtype=np.float64)
        mean = np.asarray(np.average(X, axis=0, weights=batch.weight), dtype=np.float64)
        center = float(np.average(y, weights=batch.weight))
        root = np.ones(len(y)) if batch.weight is None else np.sqrt(batch.weight)
        with _shared.fitting("linear"):
            coef = np.linalg.lstsq((X - mean) * root[:, None], (y - center) * root, rcond=1e-10)[0]
        return linear.LinearModel(
            np.asarray(coef[None, :], dtype=np.float64), np.array([center - coef @ mean]), mean, "identity"
        )

    def restore(self, state: State) -> Fitted:
        return linear.restore(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {}


PLUGIN: Family = Linear()
