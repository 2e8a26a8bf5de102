"""Curves, slices and importances of fitted models, against the same numbers counted by hand or by scikit-learn."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions
from modelwright.evaluation.curves import curves
from modelwright.evaluation.importance import permutation
from modelwright.evaluation.slices import groups, slices
from tests.unit.evaluation.evaluation_models import churn, dataset, fitted

FAMILIES = ("logistic", "lightgbm", "random_forest")


@pytest.mark.parametrize("family", FAMILIES)
def test_binary_curves_are_those_of_scikit_learn(family: str) -> None:
    table = churn()
    predicted = fitted(family).predict(table.frame)
    found = curves(table.y, predicted, Task.BINARY)
    p = predicted.probabilities[:, 1]
    assert found["roc"]["auc"] == pytest.approx(sk.roc_auc_score(table.y, p), abs=1e-12)
    false, true = np.array(found["roc"]["false_positive_rate"]), np.array(found["roc"]["true_positive_rate"])
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    fpr, tpr, _ = sk.roc_curve(table.y, p, drop_intermediate=False)
    known = set(zip(fpr.round(9), tpr.round(9), strict=True))
    assert all(point in known for point in zip(false.round(9), true.round(9), strict=True))
    assert found["precision_recall"]["base_rate"] == pytest.approx(table.y.mean())
    assert found["confusion"]["counts"] == sk.confusion_matrix(table.y, predicted.labels).tolist()
    assert found["operating_point"]["recall"] == pytest.approx(sk.recall_score(table.y, predicted.labels))
    assert found["operating_point"]["precision"] == pytest.approx(sk.precision_score(table.y, predicted.labels))
    assert sum(found["calibration"]["rows"]) == table.y.size
    assert sum(sum(counts) for counts in found["scores"]["counts"].values()) == table.y.size
    assert all(
        low <= seen <= high
        for low, seen, high in zip(*(found["calibration"][k] for k in ("low", "observed", "high")), strict=True)
    )
    msgspec.json.encode(found)


def test_curves_of_several_classes_and_of_values() -> None:
    table = churn(Task.MULTICLASS)
    predicted = fitted("lightgbm", Task.MULTICLASS).predict(table.frame)
    found = curves(table.y, predicted, Task.MULTICLASS)
    assert found["confusion"]["classes"] == ["low", "mid", "high"]
    assert found["confusion"]["counts"] == sk.confusion_matrix(table.y, predicted.labels).tolist()
    table = churn(Task.REGRESSION)
    predicted = fitted("random_forest", Task.REGRESSION).predict(table.frame)
    found = curves(table.y, predicted, Task.REGRESSION)
    errors = np.abs(table.y - predicted.values)
    half = found["error_quantiles"]["absolute_error"][9]
    assert found["error_quantiles"]["share"][9] == pytest.approx(0.5)
    assert half == pytest.approx(np.median(errors))
    assert sum(found["residuals"]["counts"]) == table.y.size
    assert min(found["predicted_vs_actual"]["actual"]) == table.y.min()
    assert max(found["predicted_vs_actual"]["actual"]) == table.y.max()
    msgspec.json.encode(found)


def test_curves_of_nothing_and_of_one_class() -> None:
    empty = Predictions(classes=("a", "b"), probabilities=np.zeros((0, 2)), labels=np.zeros(0, dtype=np.int64))
    assert curves(np.zeros(0, dtype=np.int64), empty, Task.BINARY) == {}
    sure = Predictions(classes=("a", "b"), probabilities=np.full((9, 2), 0.5), labels=np.zeros(9, dtype=np.int64))
    found = curves(np.zeros(9, dtype=np.int64), sure, Task.BINARY)
    assert "roc" not in found
    assert found["confusion"]["counts"] == [[9, 0], [0, 0]]


def test_a_group_that_is_served_worse_comes_first() -> None:
    table = churn()
    predicted = fitted("lightgbm").predict(table.frame)
    spoiled = (table.frame["plan"] == "plus").fill_null(False).to_numpy()
    labels = np.where(spoiled & (np.arange(spoiled.size) % 2 == 0), 1 - predicted.labels, predicted.labels)
    worse = Predictions(classes=predicted.classes, probabilities=predicted.probabilities, labels=labels)
    found = slices(dataset(table), table.y, worse, "f1", [], seed=1)
    assert found[0].condition == "plan = plus"
    assert found[0].metric == "balanced_accuracy"  # F1 hangs on how many positives a group has
    assert found[0].n == int(spoiled.sum())
    by_hand = sk.balanced_accuracy_score(table.y[spoiled], labels[spoiled])
    assert found[0].estimate.value == pytest.approx(by_hand)
    assert found[0].whole == pytest.approx(sk.balanced_accuracy_score(table.y, labels))
    assert found[0].difference == pytest.approx(by_hand - found[0].whole)
    assert [one.difference for one in found] == sorted(one.difference for one in found)


def test_values_are_compared_by_their_error_and_less_is_better() -> None:
    table = churn(Task.REGRESSION)
    predicted = fitted("lightgbm", Task.REGRESSION).predict(table.frame)
    late = table.frame["tenure"].to_numpy() > np.quantile(table.frame["tenure"].to_numpy(), 0.75)
    worse = Predictions(values=predicted.values + 3000 * late)
    found = slices(dataset(table), table.y, worse, "r2", ["tenure"], seed=1)
    assert found[0].condition.startswith("tenure > ")
    assert found[0].metric == "rmse"
    assert found[0].difference < 0
    assert found[0].estimate.value > found[0].whole


def test_groups_part_the_rows_and_the_same_rows_are_told_once() -> None:
    table = churn()
    data = dataset(table)
    for column in table.frame.columns:
        rows = np.concatenate([rows for _, rows in groups(data, column)])
        assert sorted(rows.tolist()) == list(range(table.frame.height)), column
    assert "plan is missing" in {condition for condition, _ in groups(data, "plan")}
    twice = table.frame.with_columns(pl.col("plan").alias("plan fee"))
    copy = dataset(table)
    copied = type(copy)(frame=twice, schema=copy.schema, digest="b3:copy")
    predicted = fitted("logistic").predict(table.frame)
    conditions = [one.condition for one in slices(copied, table.y, predicted, "accuracy", ["plan", "plan fee"])]
    assert all(not condition.startswith("plan fee") for condition in conditions)


@pytest.mark.parametrize("family", FAMILIES)
def test_importance_ranks_what_the_truth_uses(family: str) -> None:
    table = churn()
    data = dataset(table)
    found = permutation(fitted(family).predict, data, table.y, "roc_auc", seed=3)
    values = {one.column: one.value for one in found}
    assert [one.value for one in found] == sorted(values.values(), reverse=True)
    assert found[0].column == "tenure"
    assert values["tenure"] > values["plan fee"] > values["noise"]
    assert all(one.low <= one.value <= one.high for one in found)
    assert permutation(fitted(family).predict, data, table.y, "roc_auc", seed=3) == found
    assert found != permutation(fitted(family).predict, data, table.y, "roc_auc", seed=4)


def test_rows_that_a_shuffle_leaves_as_they_are_need_not_be_asked_again() -> None:
    table = churn()
    data, model = dataset(table), fitted("lightgbm")
    asked: list[int] = []

    def predict(frame: pl.DataFrame) -> Predictions:
        asked.append(frame.height)
        return model.predict(frame)

    whole = permutation(predict, data, table.y, "roc_auc", seed=3)
    every = sum(asked)
    asked.clear()
    assert permutation(predict, data, table.y, "roc_auc", seed=3, by_row=True) == whole
    assert sum(asked) < every


def test_importance_of_a_constant_column_is_nothing_and_one_shuffle_has_no_interval() -> None:
    table = churn()
    constant = table.frame.with_columns(flat=pl.lit(0.0))
    data = dataset(table)
    data = type(data)(frame=constant, schema=data.schema, digest="b3:flat")
    found = {
        one.column: one for one in permutation(fitted("logistic").predict, data, table.y, "log_loss", seed=0, repeats=1)
    }
    assert (found["flat"].value, found["flat"].low, found["flat"].high) == (0.0, 0.0, 0.0)
    assert found["tenure"].value > 0  # log loss is better when less, importance is more when it matters
    assert found["tenure"].low is None
