"""The figures that evaluation makes are the figures that documents can draw: no picture is lost to a renamed key."""

from __future__ import annotations

import msgspec
import numpy as np

from modelwright.core.nouns import Task
from modelwright.core.report import Report
from modelwright.core.tables import Predictions
from modelwright.documents import curve_figures, report
from modelwright.evaluation import costs
from modelwright.evaluation.curves import curves
from modelwright.spec.model import CostSpec
from tests.unit.documents import document_samples as samples

RNG = np.random.default_rng(5)


def _drawn(task: Task, y: np.ndarray, predictions: Predictions) -> list[str]:
    base = samples.binary().report
    assert base is not None
    made: Report = msgspec.structs.replace(base, task=task, curves=curves(y, predictions, task))
    assert "How good it is" in report.html(samples.binary(report=made))
    return [figure.title for figure in curve_figures.curves(made)]


def test_binary() -> None:
    y = RNG.integers(0, 2, 400)
    p = np.clip(0.25 + 0.5 * y + RNG.normal(0, 0.2, 400), 0.01, 0.99)
    predictions = Predictions(classes=("no", "yes"), probabilities=np.column_stack([1 - p, p]))
    assert _drawn(Task.BINARY, y, predictions) == [
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Confusion matrix",
        "Scores by class",
        "Choice of the threshold",
    ]


def test_multiclass() -> None:
    y = RNG.integers(0, 3, 300)
    p = RNG.dirichlet((1, 1, 1), 300) + 2 * np.eye(3)[y]
    predictions = Predictions(classes=("a", "b", "c"), probabilities=p / p.sum(axis=1, keepdims=True))
    by_class = ["ROC curve by class", "Precision and recall by class"]
    assert _drawn(Task.MULTICLASS, y, predictions) == [*by_class, "Calibration", "Confusion matrix"]


def test_regression() -> None:
    y = RNG.normal(size=500)
    predictions = Predictions(values=y + RNG.normal(0, 0.3, 500))
    assert _drawn(Task.REGRESSION, y, predictions) == [
        "Predicted and actual",
        "Residuals by prediction",
        "Residuals",
        "Size of the errors",
        "What few rows decide",
    ]


def test_costs() -> None:
    y = RNG.integers(0, 2, 400)
    p = np.clip(0.25 + 0.5 * y + RNG.normal(0, 0.2, 400), 0.01, 0.99)
    predictions = Predictions(classes=("no", "yes"), probabilities=np.column_stack([1 - p, p]))
    with costs.charged(CostSpec(false_positive=1.0, false_negative=5.0), ("no", "yes")):
        assert _drawn(Task.BINARY, y, predictions)[-2:] == ["What answers cost", "Cost by threshold"]
