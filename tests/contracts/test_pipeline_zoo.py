"""More than sixty pipelines: whatever is fitted, every scorer offered answers as the training path, or says why not."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Task
from modelwright.registry import adversarial, parity
from modelwright.registry.graph import build_graph
from modelwright.registry.model import Member, Model, from_files, to_files
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer
from modelwright.spec.model import FeaturesSpec
from modelwright.stats.calibration import Calibrator
from tests.unit.registry import bundle_parts as parts

B, M, R = Task.BINARY, Task.MULTICLASS, Task.REGRESSION
_ROWS = 240
CLASSIFIERS = ("dummy", "rule", "logistic", "knn", "naive_bayes", "svm", "mlp", "decision_tree", "random_forest",
               "extra_trees", "hist_gb", "lightgbm", "xgboost", "catboost")  # fmt: skip
REGRESSORS = ("dummy", "linear", "ridge", "lasso", "elastic_net", "knn", "svm", "mlp", "decision_tree", "random_forest",
              "extra_trees", "hist_gb", "lightgbm", "xgboost", "catboost")  # fmt: skip
RECIPES = ("gaps", "crossed", "derived", "extremes", "many levels")
FEW: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 6},
    "xgboost": {"n_estimators": 6},
    "catboost": {"iterations": 6, "depth": 4},
    "hist_gb": {"max_iter": 6},
    "random_forest": {"n_estimators": 6},
    "extra_trees": {"n_estimators": 6},
    "mlp": {},
}


@lru_cache
def table(task: Task, recipe: str) -> parts.Table:
    """240 rows of numbers, whole numbers near 1e9, categories, a flag and a date, made harder as the recipe says."""
    plain = parts.mixed(task, _ROWS)
    rng, frame, spec, types = np.random.default_rng(5), plain.frame, plain.spec, dict(plain.types)
    if recipe == "gaps":
        frame = frame.with_columns(
            pl.when(pl.Series(rng.random(_ROWS) >= 0.2)).then(pl.col(name)).alias(name) for name in frame.columns
        )
    elif recipe == "crossed":
        spec = FeaturesSpec(crosses=[["kind", "label"]])
    elif recipe == "derived":
        spec = FeaturesSpec(derived={"ratio": "skewed / (number * number + 1)"})
    elif recipe == "extremes":
        wild = [1e308, -1e308, 5e-324, -0.0, 1e-35, 3.5e38, 2.0**53 + 2]
        frame = frame.with_columns(
            pl.Series("skewed", np.where(rng.random(_ROWS) < 0.1, rng.choice(wild, _ROWS), frame["skewed"]))
        )
    elif recipe == "many levels":
        levels = [f"level {i}" for i in rng.geometric(0.02, _ROWS)]
        frame, types = frame.with_columns(code=pl.Series(levels)), {**types, "code": ColumnType.CATEGORY}
        spec = FeaturesSpec(target_rates=True)
    return replace(plain, frame=frame, types=types, spec=spec)


def zoo() -> list[tuple[str, Task, str]]:
    singles = [(family, B, "plain") for family in CLASSIFIERS] + [(family, R, "plain") for family in REGRESSORS]
    singles += [
        (family, M, "plain") for family in ("logistic", "lightgbm", "xgboost", "catboost", "extra_trees", "knn")
    ]
    recipes = [(family, B, recipe) for recipe in RECIPES for family in ("logistic", "lightgbm", "extra_trees")]
    recipes += [(family, R, recipe) for recipe in RECIPES for family in ("ridge", "xgboost")]
    mixtures = ["lightgbm+logistic", "lightgbm+xgboost+extra_trees", "catboost+logistic+lightgbm+knn"]
    joined = [(names, task, recipe) for names in mixtures[:2] for task in (B, M) for recipe in ("gaps", "many levels")]
    return [*singles, *recipes, *joined, (mixtures[2], B, "extremes")]


def built(names: str, task: Task, recipe: str) -> Model:
    """Members of the named families with unequal weights; two classes are calibrated and have a threshold."""
    made = table(task, recipe)
    members: list[Member] = []
    for at, family in enumerate(names.split("+")):
        if family == "catboost":
            pytest.importorskip("catboost")
        rows = np.flatnonzero(np.arange(_ROWS) % 5 != at)
        fitted = parts.member(made, family, seed=at, rows=rows, **FEW.get(family, {}))
        members.append(replace(fitted, weight=1.0 + at / 3))
    calibrator = Calibrator(method="platt", parameters=(1.1, -0.2)) if task is B else None
    threshold = 0.43 if task is B else None
    return Model(signature=made.signature, members=tuple(members), calibrator=calibrator, decision_threshold=threshold)


def offered(model: Model) -> dict[str, Scorer | str]:
    """Every scorer, or the reason why it is not offered."""
    found: dict[str, Scorer | str] = {"reference": ReferenceScorer(model)}
    try:
        found["compiled"] = CompiledScorer(model)
    except ModelError as error:
        found["compiled"] = error.message
    try:
        found["onnx"] = OnnxScorer(*build_graph(model), model.signature)
    except ModelError as error:
        found["onnx"] = error.message
    return found


def adversaries(model: Model, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    kinds = adversarial.rows_by_kind(frame.head(40), model.signature, seed=17)
    kinds["threshold"] = adversarial.threshold_rows(frame, model.signature, model.predict, effort=0.05)
    return {kind: rows for kind, rows in kinds.items() if rows.height}


def test_the_zoo_has_at_least_sixty_pipelines() -> None:
    assert len(set(zoo())) == len(zoo()) >= 60


@pytest.mark.parametrize(("names", "task", "recipe"), zoo())
def test_every_scorer_agrees_or_says_why_not(names: str, task: Task, recipe: str) -> None:
    trained = built(names, task, recipe)
    model = from_files(to_files(trained))
    frame = table(task, recipe).frame
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no row, however wild, may make a library speak
        kinds = adversaries(model, frame)
        truth = {kind: trained.predict(rows) for kind, rows in kinds.items()}
        for name, scorer in offered(model).items():
            if isinstance(scorer, str):
                assert len(scorer) > 20, f"{name} is refused without a reason"
                continue
            singles = 2 if name == "reference" else 12
            evidence = parity.judge(
                scorer, kinds, truth, model.decision_threshold, singles=singles, batches=name == "onnx"
            )
            assert evidence.passed or name == "onnx", f"{name}: {evidence.reason}"
            assert evidence.passed or evidence.reason
            if name == "compiled":
                assert evidence.worst_difference is not None
                assert evidence.worst_difference < 1e-9


def test_the_compiled_scorer_exists_for_every_pipeline_without_windows() -> None:
    for names, task, recipe in zoo()[::9]:
        assert not isinstance(offered(built(names, task, recipe))["compiled"], str)


@pytest.mark.parametrize("damage", ["weight", "threshold", "calibrator", "member"])
def test_a_damaged_scorer_of_an_ensemble_is_refused(damage: str) -> None:
    model = built("lightgbm+logistic", B, "gaps")
    first, second = model.members
    spoilt = {
        "weight": replace(model, members=(replace(first, weight=first.weight * 1.001), second)),
        "threshold": replace(model, decision_threshold=0.45),
        "calibrator": replace(model, calibrator=Calibrator(method="platt", parameters=(1.1, -0.2001))),
        "member": replace(
            model, members=(first, replace(second, fitted=built("logistic", B, "gaps").members[0].fitted))
        ),
    }[damage]
    kinds = adversaries(model, table(B, "gaps").frame)
    truth = {kind: model.predict(rows) for kind, rows in kinds.items()}
    for scorer in (CompiledScorer(spoilt), OnnxScorer(*build_graph(spoilt), spoilt.signature)):
        evidence = parity.judge(scorer, kinds, truth, model.decision_threshold, singles=12)
        assert not evidence.passed
        assert "differs from the training path" in evidence.reason
