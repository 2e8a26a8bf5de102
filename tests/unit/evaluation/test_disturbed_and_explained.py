"""Robustness, dependence, contributions and worst rows of real models."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.core.nouns import Task
from modelwright.evaluation.contributions import contributions
from modelwright.evaluation.dependence import dependence
from modelwright.evaluation.robustness import Sample, robustness
from modelwright.evaluation.worst_rows import worst_rows
from tests.unit.evaluation.evaluation_models import churn, dataset, fitted


@pytest.mark.parametrize(("task", "metric"), [(Task.BINARY, "roc_auc"), (Task.REGRESSION, "rmse")])
def test_the_field_that_breaks_the_model_is_named(task: Task, metric: str) -> None:
    table, model = churn(task), fitted("lightgbm", task)
    sample = Sample(
        frame=table.frame,
        y=table.y,
        predict=model.predict,
        signature=model.signature,
        important=["tenure", "plan", "plan fee", "noise"],
        metric=metric,
    )
    found = robustness(sample, seed=1)
    missing = {one.subject: one.fall for one in found if one.kind == "missing"}
    assert missing["column:tenure"] > missing["column:noise"]
    assert {one.kind for one in found} >= {
        "missing",
        "noise",
        "shifted",
        "out_of_range",
        "unseen",
        "typos",
        "adversarial",
    }
    assert all(np.isfinite(one.fall) for one in found)
    assert robustness(sample, seed=1) == found


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "random_forest"])
def test_contributions_rank_columns_and_add_up(family: str, task: Task) -> None:
    found = contributions(fitted(family, task), churn(task).frame)
    assert set(found) == set(churn(task).frame.columns)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert found["tenure"] > found["flat"]


def test_dependence_has_numbers_and_categories() -> None:
    table, model = churn(), fitted("lightgbm")
    found = {one.column: one for one in dependence(model.predict, table.frame, model.signature, ["tenure", "plan"])}
    assert found["plan"].values[0] == "basic"
    assert found["tenure"].mean[0] > found["tenure"].mean[-1]
    assert all(
        low <= mean <= high
        for low, mean, high in zip(found["tenure"].low, found["tenure"].mean, found["tenure"].high, strict=True)
    )


def test_worst_rows_show_no_private_values() -> None:
    table, model = churn(), fitted("lightgbm")
    found = worst_rows(dataset(table), table.y, model.predict(table.frame), ["tenure", "plan", "noise"], ["noise"])
    assert len(found) == 10
    assert [one.loss for one in found] == sorted((one.loss for one in found), reverse=True)
    assert all(set(one.values) == {"tenure", "plan"} for one in found)
