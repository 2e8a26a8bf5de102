from __future__ import annotations

import numpy as np
import pytest

from modelwright.core.errors import SpecError
from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog, costs
from modelwright.evaluation.curves import curves
from modelwright.evaluation.scores import estimate
from modelwright.spec.model import CostSpec
from modelwright.stats import thresholds

COST = CostSpec(false_positive=1.0, false_negative=10.0, true_positive=-2.0)


def _drawn(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=n) - 1.5
    return (rng.random(n) < 1 / (1 + np.exp(-2 * z))).astype(np.int64), 1 / (1 + np.exp(-2 * z))


def _binary(p: np.ndarray, cut: float) -> Predictions:
    return Predictions(
        classes=("no", "yes"), probabilities=np.column_stack([1 - p, p]), labels=(p >= cut).astype(np.int64)
    )


def test_the_cost_is_the_mean_of_what_each_answer_costs() -> None:
    y, p = _drawn()
    predicted = _binary(p, 0.2)
    answered = predicted.labels
    spent = np.where(y == 1, np.where(answered == 1, -2.0, 10.0), np.where(answered == 1, 1.0, 0.0))
    with costs.charged(COST, ("no", "yes")):
        found = estimate(y, predicted, ["cost"])["cost"]
        drawn = curves(y, predicted, Task.BINARY)["cost"]
        assert "cost" in catalog.default_metrics(Task.BINARY)
    assert found.value == pytest.approx(spent.mean())
    assert found.low < found.value < found.high
    assert drawn["always"]["no"] == pytest.approx(10 * y.mean())
    assert drawn["saved"] == pytest.approx(min(drawn["always"].values()) - found.value)
    assert drawn["cost"][19] == pytest.approx(found.value)  # at 0.2
    assert "cost" not in catalog.default_metrics(Task.BINARY)


def test_the_threshold_follows_the_costs() -> None:
    y, p = _drawn()
    matrix = costs.matrix_of(COST, ("no", "yes"))
    assert thresholds.by_matrix(matrix) == pytest.approx(1 / 13)
    found = thresholds.tune(y, p**2, "roc_auc", costs=matrix)  # squared: too low, the formula alone would be wrong
    assert found.objective == "cost"
    assert found.score < found.default_score
    assert found.value < 1 / 13
    assert thresholds.tune(y[:30], p[:30], costs=matrix).value == pytest.approx(1 / 13)


def test_several_classes_are_answered_by_the_least_expected_cost() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet([1, 1, 1], size=500)
    y = np.array([rng.choice(3, p=row) for row in p])
    spec = CostSpec(matrix={"a": {"b": 20.0}})
    predicted = Predictions(classes=("a", "b", "c"), probabilities=p, labels=p.argmax(axis=1))
    with costs.charged(spec, predicted.classes):
        found = estimate(y, predicted, ["cost"])["cost"]
        plain = estimate(y, Predictions(classes=predicted.classes, labels=p.argmax(axis=1)), ["cost"])["cost"]
    assert found.value < plain.value


@pytest.mark.parametrize(
    ("spec", "classes", "code", "subject"),
    [
        (CostSpec(matrix={"a": {"x": 1.0}}), ("a", "b"), "cost.unknown_label", "evaluation.cost.matrix.a"),
        (CostSpec(matrix={"x": {"a": 1.0}}), ("a", "b"), "cost.unknown_label", "evaluation.cost.matrix"),
        (CostSpec(), ("a", "b", "c"), "cost.no_matrix", "evaluation.cost"),
        (CostSpec(false_positive=0.0, false_negative=0.0), ("a", "b"), "cost.pointless", "evaluation.cost"),
        (CostSpec(), (), "cost.misfit", "evaluation.cost"),
    ],
)
def test_costs_that_cannot_be_meant_are_refused(
    spec: CostSpec, classes: tuple[str, ...], code: str, subject: str
) -> None:
    with pytest.raises(SpecError) as caught, costs.charged(spec, classes):
        pass
    assert caught.value.code == code
    assert caught.value.subject == subject
    assert caught.value.hint


def test_each_class_gets_its_curves() -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet([1, 1, 1], size=400)
    y = np.array([rng.choice(2, p=row[:2] / row[:2].sum()) for row in p])  # `c` never occurs
    drawn = curves(y, Predictions(classes=("a", "b", "c"), probabilities=p, labels=p.argmax(axis=1)), Task.MULTICLASS)
    for name in ("roc_by_class", "precision_recall_by_class"):
        assert set(drawn[name]) == {"a", "b"}
        for curve in drawn[name].values():
            assert len(curve["x"]) == len(curve["y"]) <= 61
            assert 0.5 < curve["area"] <= 1.0
