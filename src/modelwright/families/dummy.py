"""Dummy: the same answer for every row; the floor under every other model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared


class Params(ports.Params, frozen=True, kw_only=True):
    strategy: Annotated[
        Literal["auto", "prior", "most_frequent", "mean", "median"],
        Meta(description="classes: prior or most_frequent; values: mean or median; auto is prior or mean"),
    ] = "auto"


class Dummy:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs()

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        fitting = {"auto", "mean", "median"} if batch.task is Task.REGRESSION else {"auto", "prior", "most_frequent"}
        if params.strategy not in fitting:
            raise ModelError(
                f"The dummy strategy '{params.strategy}' does not fit {batch.task.value}.",
                code="fit.params",
                hint=f"choose one of {', '.join(sorted(fitting))}",
                subject="model.strategy",
            )
        k = batch.X.values.shape[1]
        if batch.task is Task.REGRESSION:
            y = np.asarray(batch.y, dtype=np.float64)
            value = np.median(y) if params.strategy == "median" else np.average(y, weights=batch.weight)
            return _shared.Constant(np.array([float(value)]), k, scalar=True)
        shares = _shared.class_shares(batch)
        if params.strategy == "most_frequent":
            shares = (np.arange(len(shares)) == np.argmax(shares)).astype(np.float64)
        return _shared.Constant(shares, k, scalar=False)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_constant(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {}


PLUGIN: Family = Dummy()
