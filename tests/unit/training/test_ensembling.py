"""Weights of an ensemble: chosen on out-of-fold predictions only, deterministic, and without idle members."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from modelwright.core.nouns import Task
from modelwright.evaluation.catalog import resolve
from modelwright.training import ensembling
from modelwright.training.scoring import Judge

N = 900


def _judge(task: Task, metric: str, y: np.ndarray, folds: int = 3) -> Judge:
    name, scorer = resolve(metric, task)
    classes = () if task is Task.REGRESSION else tuple(str(one) for one in range(int(y.max()) + 1))
    rows = np.arange(y.size)
    pairs = [(np.flatnonzero(rows % folds != at), np.flatnonzero(rows % folds == at)) for at in range(folds)]
    return Judge(task=task, classes=classes, y=y, folds=pairs, metric_name=name, metric=scorer)


def _cut(judge: Judge, values: np.ndarray) -> list[np.ndarray]:
    return [values[rows] for _, rows in judge.folds]


def _regression() -> tuple[Judge, dict[str, list[np.ndarray]]]:
    rng = np.random.default_rng(7)
    y = rng.normal(size=N)
    judge = _judge(Task.REGRESSION, "rmse", y)
    noise = {name: rng.normal(size=N) for name in ("a", "b", "idle")}
    answers = {"a": y + 0.5 * noise["a"], "b": y + 0.5 * noise["b"], "idle": 3.0 * noise["idle"]}
    return judge, {name: _cut(judge, values) for name, values in answers.items()}


def test_equally_good_members_share_the_weight_and_useless_ones_get_none() -> None:
    judge, candidates = _regression()
    found = ensembling.greedy(candidates, judge, seed=1)
    assert set(found.weights) == {"a", "b"}
    assert all(0.35 <= weight <= 0.65 for weight in found.weights.values())
    assert sum(found.weights.values()) == pytest.approx(1.0)
    alone = min(ensembling.greedy({name: candidates[name]}, judge, seed=1).score for name in ("a", "b"))
    assert found.score < 0.8 * alone  # two independent errors of one size: the root of a half


def test_the_same_candidates_give_the_same_weights() -> None:
    judge, candidates = _regression()
    first, second = (ensembling.greedy(candidates, judge, seed=4) for _ in range(2))
    assert first.weights == second.weights
    assert all(np.array_equal(a, b) for a, b in zip(first.raw, second.raw, strict=True))


def test_a_member_that_adds_next_to_nothing_is_dropped() -> None:
    judge, candidates = _regression()
    twin = [values + 1e-9 for values in candidates["a"]]
    found = ensembling.greedy({**candidates, "twin": twin}, judge, seed=1)
    assert len(found.weights) == 2


def test_label_metrics_are_served_by_probabilities() -> None:
    rng = np.random.default_rng(3)
    y = (rng.random(N) < 0.3).astype(np.int64)
    judge = _judge(Task.BINARY, "f1", y)

    def answer(noise: float) -> list[np.ndarray]:
        p = 1 / (1 + np.exp(-(2.0 * (y - 0.5) + noise * rng.normal(size=N))))
        return _cut(judge, np.column_stack([1 - p, p]))

    found = ensembling.greedy({"good": answer(1.0), "bad": answer(9.0)}, judge, seed=1)
    assert next(iter(found.weights)) == "good"
    assert 0.0 <= found.score <= 1.0


def test_stacked_weights_are_never_negative_and_add_up() -> None:
    judge, candidates = _regression()
    against = [-values for values in candidates["a"]]
    found = ensembling.stacked({**candidates, "against": against}, judge)
    assert "against" not in found.weights
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert all(weight > 0 for weight in found.weights.values())


def test_the_quick_auc_is_the_known_one_with_ties_and_without_a_class() -> None:
    rng = np.random.default_rng(11)
    y = (rng.random(500) < 0.4).astype(np.int64)
    scores = np.round(rng.random(500) + 0.3 * y, 1)  # many ties
    assert ensembling.auc(y, scores) == pytest.approx(roc_auc_score(y, scores), abs=1e-12)
    assert ensembling.auc(np.zeros(5, dtype=np.int64), scores[:5]) == 0.5


def test_a_candidate_without_finite_answers_is_no_member() -> None:
    judge, candidates = _regression()
    broken = [np.full_like(values, np.nan) for values in candidates["a"]]
    found = ensembling.greedy({"broken": broken, **candidates}, judge, seed=1)
    assert "broken" not in found.weights
