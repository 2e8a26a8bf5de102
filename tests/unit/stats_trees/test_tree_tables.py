"""Tree tables: equal to the libraries they come from, and deaf to damage."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.plugins import load
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.core.tables import Matrix, State
from modelwright.stats import trees, trees_catboost, trees_lightgbm, trees_model, trees_xgboost

LOADERS = {Task.BINARY: load_breast_cancer, Task.MULTICLASS: load_wine, Task.REGRESSION: load_diabetes}
TASKS = sorted(LOADERS)


def table(task: Task) -> tuple[np.ndarray, np.ndarray]:
    X, y = LOADERS[task](return_X_y=True)
    X = np.ascontiguousarray(X[:, :8])
    X[::7, 1] = np.nan
    return X, y if task is Task.REGRESSION else y.astype(np.int64)


def fitted(name: str, task: Task, **params: Any) -> Any:
    X, y = table(task)
    family = load("families", name)
    matrix = Matrix(values=X, names=tuple(f"c{i}" for i in range(X.shape[1])))
    classes = 0 if task is Task.REGRESSION else int(y.max()) + 1
    batch = TrainBatch(X=matrix, y=y, task=task, n_classes=classes)
    return family.fit(batch, family.Params(**params), FitContext(seed=5))


def shaped(answer: np.ndarray, task: Task) -> np.ndarray:
    return np.stack([1 - answer, answer], axis=1) if task is Task.BINARY and answer.ndim == 1 else answer


@pytest.mark.parametrize("task", TASKS)
def test_lightgbm_tables_answer_as_lightgbm(task: Task) -> None:
    import lightgbm

    model, X = fitted("lightgbm", task, n_estimators=30), table(task)[0]
    booster = lightgbm.Booster(model_str=model.state().texts["model.txt"])
    np.testing.assert_allclose(model.predict(X), shaped(booster.predict(X), task), rtol=1e-12, atol=1e-12)
    native = booster.predict(X, pred_contrib=True).reshape(len(X), -1, X.shape[1] + 1)
    ours = model.contributions(X).reshape(native.shape)
    np.testing.assert_allclose(ours, native, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_xgboost_tables_answer_as_xgboost(task: Task) -> None:
    import xgboost

    model, X = fitted("xgboost", task, n_estimators=30), table(task)[0]
    booster = xgboost.Booster()
    booster.load_model(bytearray(model.state().texts["model.json"].encode()))
    native = booster.predict(xgboost.DMatrix(X))
    np.testing.assert_allclose(model.predict(X), shaped(native, task), rtol=1e-5, atol=1e-6)
    shap = booster.predict(xgboost.DMatrix(X), pred_contribs=True).reshape(len(X), -1, X.shape[1] + 1)
    np.testing.assert_allclose(model.contributions(X).reshape(shap.shape), shap, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("task", TASKS)
def test_catboost_tables_answer_as_catboost(task: Task, tmp_path: Any) -> None:
    catboost = pytest.importorskip("catboost")
    model, X = fitted("catboost", task, iterations=30, depth=4), table(task)[0]
    path = tmp_path / "model.json"
    path.write_text(model.state().texts["model.json"], encoding="utf-8")
    native = catboost.CatBoost().load_model(str(path), format="json")
    kind = "RawFormulaVal" if task is Task.REGRESSION else "Probability"
    np.testing.assert_allclose(model.predict(X), native.predict(X, prediction_type=kind), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["random_forest", "extra_trees", "hist_gb"])
def test_scikit_learn_tables_answer_as_scikit_learn(
    name: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    import sklearn.ensemble

    kept: list[Any] = []
    for kind in ("RandomForest", "ExtraTrees", "HistGradientBoosting"):
        for end in ("Classifier", "Regressor"):
            origin = getattr(sklearn.ensemble, kind + end)
            monkeypatch.setattr(sklearn.ensemble, kind + end, lambda o=origin, **k: kept.append(o(**k)) or kept[-1])
    model = fitted(name, task, **({"max_iter": 25} if name == "hist_gb" else {"n_estimators": 15}))
    X = table(task)[0]
    native = kept[0].predict(X) if task is Task.REGRESSION else kept[0].predict_proba(X)
    np.testing.assert_allclose(model.predict(X), native, rtol=1e-12, atol=1e-12)


def test_isolation_forest_scores_as_scikit_learn() -> None:
    from sklearn.ensemble import IsolationForest

    X = np.random.default_rng(0).normal(size=(300, 4))
    family = load("families", "isolation_forest")
    batch = TrainBatch(X=Matrix(values=X, names=("a", "b", "c", "d")), y=None, task=Task.ANOMALY)
    model = family.fit(batch, family.Params(n_estimators=20), FitContext(seed=1))
    native = IsolationForest(n_estimators=20, max_samples=256, random_state=1).fit(X)
    np.testing.assert_allclose(model.predict(X), -native.score_samples(X), rtol=1e-12)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["decision_tree", "random_forest"])
def test_native_engine_equals_numpy_at_thresholds_and_extremes(name: str, task: Task) -> None:
    model, X = fitted(name, task), table(task)[0]
    t = model.tables
    edges = np.tile(X[:40], (3, 1))
    inner = np.flatnonzero(t.feature >= 0)[:40]
    inner = inner[np.abs(t.threshold[inner]) < 1e300]
    for i, node in enumerate(inner):
        for j, side in enumerate((-np.inf, np.inf, None)):
            value = t.threshold[node]
            edges[i + 40 * j, t.feature[node]] = value if side is None else np.nextafter(value, side)
    wild = np.array([[np.inf] * 8, [-np.inf] * 8, [1e300] * 8, [np.nan] * 8, [5e-324] * 8, [-1e-40] * 8])
    probe = np.concatenate([edges, wild])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model._engine.raw(probe), t.raw(probe), rtol=1e-12, atol=1e-12)
        score = model.row_scorer()
        single = np.array([score(row) for row in probe])
    np.testing.assert_allclose(single.reshape(model.predict(probe).shape), model.predict(probe), rtol=1e-12, atol=1e-12)


def hostile_tables() -> list[tuple[str, dict[str, Any]]]:
    t = fitted("decision_tree", Task.BINARY).tables
    inner = int(np.flatnonzero(t.feature >= 0)[1])

    def edit(name: str, at: int, value: Any) -> dict[str, Any]:
        array = getattr(t, name).copy()
        array[at] = value
        return {name: array}

    return [
        ("cycle to the root", edit("left", inner, 0)),
        ("cycle to itself", edit("right", inner, inner)),
        ("child past the end", edit("left", inner, 2**30)),
        ("negative child", edit("right", inner, -7)),
        ("two parents", edit("left", 0, int(t.right[0]))),
        ("feature too high", edit("feature", inner, 8)),
        ("feature below -1", edit("feature", inner, -5)),
        ("threshold NaN", edit("threshold", inner, np.nan)),
        ("leaf value infinite", {"value": np.full_like(t.value, np.inf)}),
        ("starts do not cover", {"starts": np.array([0, 1], dtype=np.int64)}),
        ("base too long", {"base": (0.0, 0.0)}),
        ("no features", {"n_features": 0}),
        ("cover negative", edit("cover", 0, -1.0)),
    ]


HOSTILE = hostile_tables()


@pytest.mark.parametrize("change", [change for _, change in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_hostile_tables_are_refused(change: dict[str, Any]) -> None:
    model = fitted("decision_tree", Task.BINARY)
    bad = dataclasses.replace(model.tables, **change)
    state = State(arrays=bad.arrays(), meta={**bad.meta(), "link": model.link})
    with pytest.raises(ModelError) as caught:
        trees_model.restore(state)
    assert caught.value.code == "model.structure"


def test_a_chain_deeper_than_native_code_may_walk_is_refused() -> None:
    n = trees.MAX_DEPTH + 10
    grower = trees.Grower(n_features=1)
    nodes = 2 * n + 1
    left = [-1 if i % 2 or i == 2 * n else i + 1 for i in range(nodes)]
    right = [-1 if i % 2 or i == 2 * n else i + 2 for i in range(nodes)]
    chain = trees.Nodes(
        feature=[0] * nodes, threshold=[0.0] * nodes, missing_left=[False] * nodes,
        left=left, right=right, value=[[0.0]] * nodes, cover=[1.0] * nodes,
    )  # fmt: skip
    grower.add(chain)
    with pytest.raises(ModelError, match="deeper"):
        grower.finish()


def lightgbm_edits(text: str) -> list[str]:
    def field(name: str, at: int, value: str) -> str:
        start = text.index(f"{name}=") + len(name) + 1
        end = text.index("\n", start)
        items = text[start:end].split()
        items[at] = value
        return text[:start] + " ".join(items) + text[end:]

    return [
        field("left_child", 1, "0"),
        field("left_child", 0, "99999999"),
        field("right_child", 1, "-99999999"),
        field("split_feature", 0, "99999"),
        field("num_leaves", 0, "99999999"),
        field("leaf_value", 0, "nan"),
        field("threshold", 0, "nan"),
        field("decision_type", 0, "1"),
        field("num_tree_per_iteration", 0, "0"),
        field("tree_sizes", 0, "5"),
        text.replace("objective=binary sigmoid:1", "objective=lambdarank"),
        text.replace("Tree=1\n", "Tree=3\n"),
        "",
        *[text[: len(text) * tenth // 20] for tenth in range(1, 13)],
    ]


def test_hostile_lightgbm_texts_are_refused_in_a_living_process() -> None:
    text = fitted("lightgbm", Task.BINARY, n_estimators=5).state().texts["model.txt"]
    _all_refused("lightgbm", "model.txt", lightgbm_edits(text))


def test_hostile_xgboost_texts_are_refused_in_a_living_process() -> None:
    text = fitted("xgboost", Task.BINARY, n_estimators=5).state().texts["model.json"]

    def edit(column: str, at: int, value: Any) -> str:
        document = json.loads(text)
        document["learner"]["gradient_booster"]["model"]["trees"][0][column][at] = value
        return json.dumps(document)

    edits = [
        edit("left_children", 0, 99_999_999),
        edit("left_children", 0, 0),
        edit("right_children", 1, 0),
        edit("left_children", 0, -3),
        edit("split_indices", 0, 99_999_999),
        edit("split_conditions", 0, "x"),
        edit("sum_hessian", 0, -1.0),
        text.replace('"gbtree"', '"dart"'),
        text.replace("binary:logistic", "rank:pairwise"),
        "[" * 100_000,
        *[text[: len(text) * tenth // 10] for tenth in range(10)],
    ]
    _all_refused("xgboost", "model.json", edits)


_CHILD = """
import json, sys
from modelwright.core.errors import ModelError
from modelwright.core.plugins import load
from modelwright.core.tables import State
name, file = sys.argv[1:3]
family, outcomes = load("families", name), []
for text in json.load(sys.stdin):
    try:
        family.restore(State(texts={file: text}, meta={"kind": name, "n_features": 8}))
        outcomes.append("accepted")
    except ModelError:
        outcomes.append("refused")
print(json.dumps(outcomes))
"""


def _all_refused(name: str, file: str, texts: list[str]) -> None:
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, name, file], input=json.dumps(texts), capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 0, child.stderr[-2000:]
    outcomes = json.loads(child.stdout)
    assert len(outcomes) == len(texts)
    assert [i for i, outcome in enumerate(outcomes) if outcome != "refused"] == []


def test_hostile_catboost_texts_are_refused() -> None:
    pytest.importorskip("catboost")
    text = fitted("catboost", Task.BINARY, iterations=3, depth=2).state().texts["model.json"]
    for change in (
        lambda tree: tree["leaf_values"].pop(),
        lambda tree: tree["splits"][0].update(float_feature_index=999),
        lambda tree: tree["splits"].extend(tree["splits"] * 20),
        lambda tree: tree["leaf_values"].__setitem__(0, "x"),
    ):
        document = json.loads(text)
        change(document["oblivious_trees"][0])
        with pytest.raises(ModelError):
            trees_catboost.parse(json.dumps(document), 8)


def test_whole_texts_pass() -> None:
    text = fitted("lightgbm", Task.BINARY, n_estimators=5).state().texts["model.txt"]
    assert trees_lightgbm.parse(text)[0].n_trees == 5
    text = fitted("xgboost", Task.MULTICLASS, n_estimators=5).state().texts["model.json"]
    assert trees_xgboost.parse(text)[0].n_outputs == 3
