from __future__ import annotations

import numpy as np

from modelwright.checks.model import goal, metric_misleading
from modelwright.checks.model._shared import estimate, example
from modelwright.core.nouns import Severity, Task
from modelwright.core.tables import Predictions
from modelwright.evaluation.curves import curves


def test_the_rows_that_would_settle_a_goal_are_named() -> None:
    # 2,000 rows, 0.02 below the value; the goal is 0.01 below: four times the rows
    (found,) = goal.PLUGIN.run(example(test=estimate(0.76), goal=0.75))
    assert found.severity is Severity.MEDIUM
    assert "about 8,000 rows instead of 2,000" in found.advice


def test_no_goal_is_said_and_is_not_a_goal_met() -> None:
    (found,) = goal.PLUGIN.run(example(test=estimate(0.76)))
    assert found.severity is Severity.INFO
    assert found.message.startswith("No goal was set")


def test_a_flattering_accuracy_comes_with_what_another_metric_says() -> None:
    made = example(
        metric="accuracy",
        test=estimate(0.91),
        classes={"no": 9000, "yes": 1000},
        extra={"mcc": estimate(0.05), "f1": estimate(0.1)},
    )
    (found,) = metric_misleading.PLUGIN.run(made)
    assert "Matthews correlation is 0.05" in found.message
    assert found.evidence["other"]["mcc"]["value"] == 0.05


def test_honest_errors_do_not_mislead_and_a_few_gross_ones_do() -> None:
    rng = np.random.default_rng(0)
    line = rng.normal(50, 10, 2000)
    noises = {False: rng.normal(size=2000), True: rng.normal(size=2000) * np.where(rng.random(2000) < 0.01, 30, 1)}
    for expected, noise in noises.items():
        drawn = curves(line + noise, Predictions(values=line), Task.REGRESSION)
        for metric in ("rmse", "r2", "mape"):
            made = example(metric=metric, test=estimate(0.8), curves=drawn)
            found = list(metric_misleading.PLUGIN.run(made))
            assert bool(found) == (expected and metric != "mape"), (metric, expected)


def test_relative_errors_of_targets_near_zero_mislead() -> None:
    rng = np.random.default_rng(1)
    y = np.where(rng.random(1000) < 0.05, 0.0, rng.normal(50, 10, 1000))
    drawn = curves(y, Predictions(values=y + rng.normal(size=1000)), Task.REGRESSION)
    (found,) = metric_misleading.PLUGIN.run(example(metric="mape", curves=drawn))
    assert "close to it in 5" in found.message or "close to it in 4" in found.message
