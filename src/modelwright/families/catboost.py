"""CatBoost: gradient boosting with symmetric trees; strong with its defaults (extra `catboost`)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.plugins import require
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import trees_catboost
from modelwright.stats.trees_model import TreeModel

_TEXT = "model.json"


class Params(ports.Params, frozen=True, kw_only=True):
    iterations: Annotated[int, Meta(ge=1, le=100_000, description="most rounds; early stopping may use fewer")] = 500
    learning_rate: Annotated[
        Annotated[float, Meta(gt=0.0, le=1.0)] | None,
        Meta(description="how much each round counts; null lets CatBoost choose by rows and rounds"),
    ] = 0.06
    depth: Annotated[int, Meta(ge=1, le=12, description="levels of each symmetric tree")] = 6
    l2_leaf_reg: Annotated[float, Meta(ge=0.0, description="L2 penalty on leaves")] = 3.0
    subsample: Annotated[float, Meta(gt=0.0, le=1.0, description="share of the rows drawn each round")] = 0.8
    rsm: Annotated[float, Meta(gt=0.0, le=1.0, description="share of the features tried per split")] = 1.0
    random_strength: Annotated[float, Meta(ge=0.0, description="noise on the splits' scores")] = 1.0
    border_count: Annotated[int, Meta(ge=1, le=65_535, description="bins per feature")] = 254
    leaf_estimation_iterations: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None, Meta(description="steps that set the leaves' values")
    ] = None
    early_stopping_rounds: Annotated[
        int, Meta(ge=1, description="rounds without gain before stopping, where there are rows to judge by")
    ] = 50


class CatBoost:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs(extra="catboost")

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        catboost = require("catboost", "catboost", "The family 'catboost'")
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        with _shared.fitting("catboost"):
            text = _text(_train(catboost, batch, params, context))
        n_features = batch.X.values.shape[1]
        tables, link = trees_catboost.parse(text, n_features)
        native = State(texts={_TEXT: text}, meta={"kind": "catboost", "n_features": n_features})
        return TreeModel(tables, link, native=native)

    def restore(self, state: State) -> Fitted:
        if _shared.is_constant(state):
            return _shared.restore_constant(state)
        n_features = _shared.number_of(state, "n_features")
        return _shared.restore_native(state, _TEXT, lambda text: trees_catboost.parse(text, n_features))

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        """TabArena's ranges (Erickson et al. 2025)."""
        return {
            "learning_rate": Span(0.005, 0.1, log=True),
            "depth": Span(4, 8, integer=True),
            "l2_leaf_reg": Span(1e-4, 5.0, log=True),
            "subsample": Span(0.7, 1.0),
            "leaf_estimation_iterations": Span(1, 20, log=True, integer=True),
        }


def _train(catboost: Any, batch: TrainBatch, params: Params, context: FitContext) -> Any:
    class Stop:
        def after_iteration(self, info: Any) -> bool:
            return not context.should_stop()

    train = catboost.Pool(_shared.finite(batch.X.values), batch.y, weight=batch.weight)
    judged = None
    if batch.valid is not None:
        judged = catboost.Pool(_shared.finite(batch.valid[0].values), batch.valid[1])
    model = catboost.CatBoost(_settings(batch, params, context))
    model.fit(
        train,
        eval_set=judged,
        early_stopping_rounds=params.early_stopping_rounds if judged is not None else None,
        use_best_model=judged is not None,
        callbacks=[Stop()],
        verbose=False,
    )
    return model


def _settings(batch: TrainBatch, params: Params, context: FitContext) -> dict[str, Any]:
    loss = {Task.BINARY: "Logloss", Task.MULTICLASS: "MultiClass", Task.REGRESSION: "RMSE"}[batch.task]
    settings: dict[str, Any] = {
        "loss_function": loss,
        "iterations": params.iterations,
        "depth": params.depth,
        "l2_leaf_reg": params.l2_leaf_reg,
        "subsample": params.subsample,
        "bootstrap_type": "Bernoulli",
        "rsm": params.rsm,
        "random_strength": params.random_strength,
        "border_count": params.border_count,
        "random_seed": context.seed % 2**31,
        "thread_count": context.threads,
        "allow_writing_files": False,
        "logging_level": "Silent",
    }
    for name in ("learning_rate", "leaf_estimation_iterations"):
        if getattr(params, name) is not None:
            settings[name] = getattr(params, name)
    if batch.task is Task.MULTICLASS:
        settings["classes_count"] = batch.n_classes
    return settings


def _text(model: Any) -> str:
    """CatBoost writes its JSON to files only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _TEXT)
        model.save_model(str(path), format="json")
        return path.read_text(encoding="utf-8")


PLUGIN: Family = CatBoost()
