"""Luck is not skill: answers that know nothing are never better than what costs nothing, whatever the metric."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from modelwright.checks.model import _shared as made
from modelwright.checks.model import baseline
from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog
from modelwright.evaluation.comparison import compare
from modelwright.evaluation.floors import GUESS, SAME, floors
from modelwright.evaluation.scores import estimate

N = 600
SHARES = {
    "two equal": [0.5, 0.5],
    "two, one rare": [0.9, 0.1],
    "ten equal": [0.1] * 10,
    "five, unequal": [0.5, 0.25, 0.15, 0.07, 0.03],
}
LABELLED = ["f1_macro", "f1", "f1_weighted", "balanced_accuracy", "accuracy", "recall", "precision", "mcc"]
MEASURED = ["mae", "median_absolute_error", "mape", "rmse", "rmsle", "r2"]


def dummy(known: np.ndarray, n: int, k: int) -> Predictions:
    shares = np.bincount(known, minlength=k) / known.size
    names = tuple(str(one) for one in range(k))
    return Predictions(
        classes=names, probabilities=np.tile(shares, (n, 1)), labels=np.full(n, shares.argmax(), dtype=np.int64)
    )


def lucky(base: Predictions, rng: np.random.Generator, eager: float) -> Predictions:
    """What a model of shuffled labels answers: the shares, blurred; `eager` lets rare classes be named more often."""
    assert base.probabilities is not None
    blurred = np.log(base.probabilities) * (1 - eager) + rng.gumbel(size=base.probabilities.shape)
    raised = np.exp(blurred - blurred.max(axis=1, keepdims=True))
    return replace(base, probabilities=raised / raised.sum(axis=1, keepdims=True), labels=raised.argmax(axis=1))


def judged(
    known: np.ndarray, y: np.ndarray, model: Predictions, base: Predictions, metric: str, task: Task
) -> set[str]:
    """Codes of what the rule says, and the rivals as the evaluation makes them."""
    judge = catalog.resolve(metric, task)[1]
    rivals = {"dummy": base, **floors(known, y, base, judge, seed=0)}
    comparisons = tuple(compare(y, model, one, metric, against=name) for name, one in rivals.items())
    evidence = made.example(
        metric=metric,
        greater_is_better=judge.greater_is_better,
        baselines={name: estimate(y, one, [metric]) for name, one in rivals.items()},
    )
    record = evidence.record
    assert record is not None
    assert record.report is not None
    record = msgspec.structs.replace(record, report=msgspec.structs.replace(record.report, comparisons=comparisons))
    found = baseline.PLUGIN.run(replace(evidence, record=record))
    return {one.code for one in found if not one.undecided}


@pytest.mark.parametrize("metric", LABELLED)
@pytest.mark.parametrize("kind", SHARES)
def test_classes_by_luck_are_never_good_enough(kind: str, metric: str) -> None:
    shares = SHARES[kind]
    task = Task.BINARY if len(shares) == 2 else Task.MULTICLASS
    for seed, eager in ((0, 0.0), (1, 0.5), (2, 1.0)):
        rng = np.random.default_rng([seed, len(shares)])
        known, y = (rng.choice(len(shares), n, p=shares) for n in (2 * N, N))
        base = dummy(known, N, len(shares))
        eager = 0.0 if metric == "recall" and task is Task.BINARY else eager
        assert judged(known, y, lucky(base, rng, eager), base, metric, task) == {"model.baseline"}, (seed, eager)


@pytest.mark.parametrize("metric", MEASURED)
def test_values_by_luck_are_never_good_enough(metric: str) -> None:
    """A constant that suits the metric, the median for absolute errors, is no skill on a skewed target."""
    for seed in range(3):
        rng = np.random.default_rng([seed, 7])
        known, y = (np.exp(1.5 * rng.normal(size=n)) for n in (2 * N, N))
        base = Predictions(values=np.full(N, known.mean()))
        best = {"rmse": known.mean(), "r2": known.mean(), "rmsle": np.expm1(np.log1p(known).mean())}
        centre = best.get(metric, float(np.median(known)) if metric != "mape" else float(np.quantile(known, 0.1)))
        model = Predictions(values=centre * (1 + 0.05 * rng.normal(size=N)))
        assert judged(known, y, model, base, metric, Task.REGRESSION) == {"model.baseline"}, seed


def test_a_model_that_knows_something_is_let_through() -> None:
    rng = np.random.default_rng(3)
    known, y = (rng.choice(10, n) for n in (2 * N, N))
    base = dummy(known, N, 10)
    labels = np.where(rng.random(N) < 0.3, y, rng.choice(10, N))
    model = replace(base, labels=labels)
    assert judged(known, y, model, base, "f1_macro", Task.MULTICLASS) == set()
    assert set(floors(known, y, base, catalog.resolve("f1_macro", Task.MULTICLASS)[1], seed=0)) == {GUESS}


def test_the_constant_is_the_one_that_the_metric_likes() -> None:
    rng = np.random.default_rng(4)
    known, y = (rng.choice(2, n, p=[0.8, 0.2]) for n in (2 * N, N))
    found = floors(known, y, dummy(known, N, 2), catalog.resolve("f1", Task.BINARY)[1], seed=0)
    assert set(found[SAME].labels.tolist()) == {1}  # type: ignore[union-attr]
    assert SAME not in floors(known, y, dummy(known, N, 2), catalog.resolve("recall", Task.BINARY)[1], seed=0)
    assert floors(known, y, dummy(known, N, 2), catalog.resolve("roc_auc", Task.BINARY)[1], seed=0) == {}
