"""What the contract suite does not ask: defaults, ranges, early stops, rare classes, interruptions."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.plugins import load, names
from modelwright.core.ports import Choice, FitContext, Span, TrainBatch
from modelwright.core.tables import Matrix

EXTRAS = {"catboost", "ebm"}
CLASSIFIERS = [n for n in names("families") if n not in EXTRAS and Task.MULTICLASS in load("families", n).tasks]


def batch(task: Task, *, rows: int = 200, seed: int = 0, **more: Any) -> TrainBatch:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4))
    score = X[:, 0] * 2 + X[:, 1] + 0.3 * rng.normal(size=rows)
    n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(task, 0)
    y = (np.argsort(np.argsort(score)) * n_classes // rows) if n_classes else score
    return TrainBatch(
        X=Matrix(values=X, names=("a", "b", "c", "d")), y=y, task=task, n_classes=n_classes, **more
    )  # fmt: skip


def fit(name: str, data: TrainBatch, context: FitContext | None = None, **params: Any) -> Any:
    family = load("families", name)
    return family.fit(data, family.Params(**params), context or FitContext(seed=1))


@pytest.mark.parametrize("name", names("families"))
def test_spaces_name_real_parameters_and_legal_values(name: str) -> None:
    family = load("families", name)
    for task in family.tasks:
        for key, span in family.space(task, 500).items():
            assert key in family.Params.__struct_fields__
            values = span.values if isinstance(span, Choice) else (span.low, span.high)
            for value in values:
                whole = int(value) if isinstance(span, Span) and span.integer else value
                msgspec.convert({key: whole}, family.Params)


@pytest.mark.parametrize("name", names("families"))
def test_every_parameter_is_described(name: str) -> None:
    schema = msgspec.json.schema(load("families", name).Params)
    for key, said in schema["$defs"]["Params"].get("properties", {}).items():
        assert "description" in said, key


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_class_missing_from_the_rows_gets_a_probability_near_zero(name: str) -> None:
    data = batch(Task.MULTICLASS)
    rows = np.flatnonzero(np.asarray(data.y) != 2)
    thin = TrainBatch(X=data.X.rows(rows), y=np.asarray(data.y)[rows], task=Task.MULTICLASS, n_classes=3)
    quick = {"max_iter": 40, "learning_rate_init": 0.01} if name == "mlp" else {}
    p = fit(name, thin, **quick).predict(data.X.values[rows])
    assert p.shape == (len(rows), 3)
    assert p[:, 2].max() < 0.05
    assert (p.argmax(axis=1) == thin.y).mean() > 0.45


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_class_only_and_constant_columns_still_answer(name: str) -> None:
    data = batch(Task.BINARY, rows=30)
    single = TrainBatch(X=data.X, y=np.ones(30, dtype=np.int64), task=Task.BINARY, n_classes=2)
    np.testing.assert_allclose(fit(name, single).predict(data.X.values)[:, 1], 1.0, atol=0.05)
    flat = TrainBatch(X=Matrix(values=np.ones((30, 1)), names=("a",)), y=data.y, task=Task.BINARY, n_classes=2)
    np.testing.assert_allclose(fit(name, flat).predict(np.ones((4, 1)))[:, 1], 0.5, atol=0.05)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "hist_gb", "catboost"])
@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_validation_rows_stop_boosting_early(name: str, task: Task) -> None:
    if name == "catboost":
        pytest.importorskip("catboost")
    noise = np.random.default_rng(9)
    data, other = batch(task), batch(task, seed=5)
    y = noise.permutation(np.asarray(other.y))  # nothing to gain on these rows
    judged = TrainBatch(
        X=data.X, y=data.y, task=task, n_classes=data.n_classes, valid=(other.X, y)
    )  # fmt: skip
    stopped, full = fit(name, judged), fit(name, data)
    assert stopped.tables.n_trees < full.tables.n_trees / 2


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "hist_gb", "random_forest", "extra_trees", "mlp", "catboost"])
def test_a_stop_keeps_what_is_finished(name: str) -> None:
    if name == "catboost":
        pytest.importorskip("catboost")
    calls = iter([False, True] + [True] * 10_000)
    data = batch(Task.BINARY)
    model = fit(name, data, FitContext(seed=1, should_stop=lambda: next(calls)))
    assert (model.predict(data.X.values).argmax(axis=1) == data.y).mean() > 0.6
    if name != "mlp":
        assert model.tables.n_trees <= 50


def test_weights_move_the_answer() -> None:
    data = batch(Task.BINARY)
    heavy = TrainBatch(
        X=data.X, y=data.y, task=Task.BINARY, n_classes=2, weight=np.where(np.asarray(data.y) == 1, 5.0, 1.0)
    )  # fmt: skip
    for name in ("logistic", "random_forest", "lightgbm", "xgboost", "naive_bayes", "svm", "mlp", "dummy", "rule"):
        plain, moved = fit(name, data).predict(data.X.values), fit(name, heavy).predict(data.X.values)
        assert moved[:, 1].mean() >= plain[:, 1].mean(), name


def test_a_family_asked_for_another_task_says_what_it_does() -> None:
    with pytest.raises(ModelError, match="does not do regression") as caught:
        fit("logistic", batch(Task.REGRESSION))
    assert caught.value.code == "fit.task"


def test_missing_values_are_refused_in_one_sentence_by_families_that_cannot_take_them() -> None:
    data = batch(Task.BINARY)
    data.X.values[0, 0] = np.nan
    for name in ("logistic", "svm", "knn", "mlp"):
        with pytest.raises(ModelError) as caught:
            fit(name, data)
        assert caught.value.code == "fit.failed", name


def test_the_rule_reads_one_column_and_names_it() -> None:
    model = fit("rule", batch(Task.BINARY))
    assert set(model.tables.feature[model.tables.feature >= 0].tolist()) == {0}
    assert model.state().meta["about"]["column"] == "a"


def test_dummy_strategies() -> None:
    data = batch(Task.REGRESSION)
    assert fit("dummy", data, strategy="median").predict(data.X.values[:1])[0] == np.median(np.asarray(data.y))
    with pytest.raises(ModelError, match="does not fit"):
        fit("dummy", data, strategy="prior")


def test_clustering_finds_the_number_of_groups() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(60, 2)) * 0.3 + center for center in ([0, 0], [5, 5], [0, 8])])
    data = TrainBatch(X=Matrix(values=X, names=("a", "b")), y=None, task=Task.CLUSTERING)
    for name in ("kmeans", "gaussian_mixture"):
        assert len(np.unique(fit(name, data).predict(X))) == 3


def test_anomalies_score_higher() -> None:
    X = np.random.default_rng(0).normal(size=(300, 3))
    data = TrainBatch(X=Matrix(values=X, names=("a", "b", "c")), y=None, task=Task.ANOMALY)
    model = fit("isolation_forest", data)
    assert model.predict(np.full((1, 3), 8.0))[0] > np.quantile(model.predict(X), 0.99)


def test_wrong_parameters_are_refused_by_their_range() -> None:
    for name, wrong in (("lightgbm", {"num_leaves": 1}), ("random_forest", {"n_estimators": 0}), ("svm", {"C": -1})):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, load("families", name).Params)
