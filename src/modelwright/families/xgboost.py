"""XGBoost: gradient boosting level by level, with a regularised objective."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import trees_xgboost
from modelwright.stats.trees_model import TreeModel

_TEXT = "model.json"
_SHARE = Meta(gt=0.0, le=1.0)


class Params(ports.Params, frozen=True, kw_only=True):
    n_estimators: Annotated[int, Meta(ge=1, le=100_000, description="most rounds; early stopping may use fewer")] = 300
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0, description="how much each round counts")] = 0.06
    max_depth: Annotated[int, Meta(ge=1, le=64, description="deepest level")] = 6
    min_child_weight: Annotated[float, Meta(ge=0.0, description="least sum of hessians in a leaf")] = 1.0
    subsample: Annotated[float, _SHARE, Meta(description="share of the rows drawn each round")] = 0.9
    colsample_bytree: Annotated[float, _SHARE, Meta(description="share of the features drawn per tree")] = 0.9
    colsample_bylevel: Annotated[float, _SHARE, Meta(description="share of the features drawn per level")] = 1.0
    reg_alpha: Annotated[float, Meta(ge=0.0, description="L1 penalty on leaves")] = 0.0
    reg_lambda: Annotated[float, Meta(ge=0.0, description="L2 penalty on leaves")] = 1.0
    gamma: Annotated[float, Meta(ge=0.0, description="least gain of a split")] = 0.0
    max_bin: Annotated[int, Meta(ge=2, le=65_535, description="bins per feature")] = 256
    early_stopping_rounds: Annotated[
        int, Meta(ge=1, description="rounds without gain before stopping, where there are rows to judge by")
    ] = 50


class XGBoost:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs()
    soft_targets = True

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        with _shared.fitting("xgboost"):
            booster = _train(batch, params, context)
        text = bytes(booster.save_raw("json")).decode("utf-8")
        tables, link = trees_xgboost.parse(text)
        native = State(texts={_TEXT: text}, meta={"kind": "xgboost", "n_features": tables.n_features})
        return TreeModel(tables, link, native=native)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_native(state, _TEXT, trees_xgboost.parse)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        """TabArena's ranges (Erickson et al. 2025)."""
        return {
            "learning_rate": Span(0.005, 0.1, log=True),
            "max_depth": Span(4, 10, integer=True),
            "min_child_weight": Span(1e-3, 5.0, log=True),
            "subsample": Span(0.6, 1.0),
            "colsample_bytree": Span(0.6, 1.0),
            "reg_alpha": Span(1e-4, 5.0),
            "reg_lambda": Span(1e-4, 5.0),
        }


def _train(batch: TrainBatch, params: Params, context: FitContext) -> Any:
    import xgboost

    class Stop(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return bool(context.should_stop())

    y = batch.y if batch.soft is None else batch.soft
    train = xgboost.DMatrix(_shared.finite(batch.X.values), y, weight=batch.weight, nthread=context.threads)
    callbacks, judged = [Stop()], []
    if batch.valid is not None:
        rows, y = batch.valid
        judged = [(xgboost.DMatrix(_shared.finite(rows.values), y, nthread=context.threads), "valid")]
        callbacks.append(xgboost.callback.EarlyStopping(params.early_stopping_rounds, save_best=True))
    return xgboost.train(
        _settings(batch, params, context),
        train,
        params.n_estimators,
        evals=judged,
        callbacks=callbacks,
        verbose_eval=False,
    )


def _settings(batch: TrainBatch, params: Params, context: FitContext) -> dict[str, Any]:
    objective = {
        Task.BINARY: "binary:logistic",
        Task.MULTICLASS: "multi:softprob",
        Task.REGRESSION: "reg:squarederror",
    }[batch.task]
    settings: dict[str, Any] = {
        "objective": objective,
        "tree_method": "hist",
        "learning_rate": params.learning_rate,
        "max_depth": params.max_depth,
        "min_child_weight": params.min_child_weight,
        "subsample": params.subsample,
        "colsample_bytree": params.colsample_bytree,
        "colsample_bylevel": params.colsample_bylevel,
        "reg_alpha": params.reg_alpha,
        "reg_lambda": params.reg_lambda,
        "gamma": params.gamma,
        "max_bin": params.max_bin,
        "seed": context.seed % 2**31,
        "nthread": context.threads,
        "verbosity": 0,
    }
    if batch.task is Task.MULTICLASS:
        settings["num_class"] = batch.n_classes
    return settings


PLUGIN: Family = XGBoost()
