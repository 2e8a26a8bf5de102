"""LightGBM: gradient boosting over histograms, leaf by leaf; strong and fast on tables."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Choice, Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import trees_lightgbm
from modelwright.stats.trees_model import TreeModel

_TEXT = "model.txt"
_SHARE = Meta(gt=0.0, le=1.0)


class Params(ports.Params, frozen=True, kw_only=True):
    n_estimators: Annotated[int, Meta(ge=1, le=100_000, description="most rounds; early stopping may use fewer")] = 300
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0, description="how much each round counts")] = 0.05
    num_leaves: Annotated[int, Meta(ge=2, le=131_072, description="most leaves per tree")] = 31
    max_depth: Annotated[int, Meta(ge=-1, le=256, description="deepest level; -1 for no limit")] = -1
    min_child_samples: Annotated[int, Meta(ge=0, description="rows each leaf keeps")] = 20
    min_child_weight: Annotated[float, Meta(ge=0.0, description="least sum of hessians in a leaf")] = 1e-3
    subsample: Annotated[float, _SHARE, Meta(description="share of the rows drawn each round")] = 1.0
    subsample_freq: Annotated[int, Meta(ge=0, description="draw rows every so many rounds; 0: never")] = 1
    colsample_bytree: Annotated[float, _SHARE, Meta(description="share of the features drawn per tree")] = 0.9
    reg_alpha: Annotated[float, Meta(ge=0.0, description="L1 penalty on leaves")] = 0.0
    reg_lambda: Annotated[float, Meta(ge=0.0, description="L2 penalty on leaves")] = 1.0
    min_split_gain: Annotated[float, Meta(ge=0.0, description="least gain of a split")] = 0.0
    max_bin: Annotated[int, Meta(ge=2, le=65_535, description="bins per feature")] = 255
    extra_trees: Annotated[bool, Meta(description="draw thresholds at random")] = False
    path_smooth: Annotated[float, Meta(ge=0.0, description="pull small leaves to their parents")] = 0.0
    early_stopping_rounds: Annotated[
        int, Meta(ge=1, description="rounds without gain before stopping, where there are rows to judge by")
    ] = 50


class LightGBM:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs()
    soft_targets = True

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        with _shared.fitting("lightgbm"):
            booster = _train(batch, params, context)
        text = booster.model_to_string(num_iteration=booster.best_iteration or -1)
        tables, link = trees_lightgbm.parse(text)
        native = State(texts={_TEXT: text}, meta={"kind": "lightgbm", "n_features": tables.n_features})
        return TreeModel(tables, link, native=native)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_native(state, _TEXT, trees_lightgbm.parse)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        """TabArena's ranges (Erickson et al. 2025)."""
        return {
            "learning_rate": Span(0.005, 0.1, log=True),
            "num_leaves": Span(2, 200, log=True, integer=True),
            "colsample_bytree": Span(0.4, 1.0),
            "subsample": Span(0.7, 1.0),
            "min_child_samples": Span(1, 64, log=True, integer=True),
            "extra_trees": Choice((False, True)),
            "reg_alpha": Span(1e-4, 1.0),
            "reg_lambda": Span(1e-4, 2.0),
        }


def _train(batch: TrainBatch, params: Params, context: FitContext) -> Any:
    import lightgbm

    def stop(environment: Any) -> None:
        if context.should_stop():
            raise lightgbm.callback.EarlyStopException(environment.iteration, environment.evaluation_result_list or [])

    y = batch.y if batch.soft is None else batch.soft
    train = lightgbm.Dataset(
        _shared.finite(batch.X.values), y, weight=batch.weight, params={"verbosity": -1}, free_raw_data=True
    )
    callbacks, judged = [stop], []
    if batch.valid is not None:
        judged = [train.create_valid(_shared.finite(batch.valid[0].values), batch.valid[1])]
        callbacks.append(lightgbm.early_stopping(params.early_stopping_rounds, verbose=False))
    return lightgbm.train(
        _settings(batch, params, context), train, params.n_estimators, valid_sets=judged, callbacks=callbacks
    )


def _settings(batch: TrainBatch, params: Params, context: FitContext) -> dict[str, Any]:
    objective = {Task.BINARY: "binary", Task.MULTICLASS: "multiclass", Task.REGRESSION: "regression"}[batch.task]
    settings: dict[str, Any] = {
        "objective": objective if batch.soft is None else "cross_entropy",
        "learning_rate": params.learning_rate,
        "num_leaves": params.num_leaves,
        "max_depth": params.max_depth,
        # never more than a tenth of a tiny table, or no split would be possible
        "min_data_in_leaf": min(params.min_child_samples, max(1, batch.X.values.shape[0] // 10)),
        "min_sum_hessian_in_leaf": params.min_child_weight,
        "bagging_fraction": params.subsample,
        "bagging_freq": params.subsample_freq if params.subsample < 1.0 else 0,
        "feature_fraction": params.colsample_bytree,
        "lambda_l1": params.reg_alpha,
        "lambda_l2": params.reg_lambda,
        "min_gain_to_split": params.min_split_gain,
        "max_bin": params.max_bin,
        "extra_trees": params.extra_trees,
        "path_smooth": params.path_smooth,
        "feature_pre_filter": False,
        "seed": context.seed % 2**31,
        "num_threads": context.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    if batch.task is Task.MULTICLASS:
        settings["num_class"] = batch.n_classes
    return settings


PLUGIN: Family = LightGBM()
