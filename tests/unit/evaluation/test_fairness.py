"""Fairness: gaps that are there are measured, chance is not one, and small groups are never rated."""

from __future__ import annotations

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role, Schema
from modelwright.core.tables import Predictions
from modelwright.evaluation.fairness import Sides, balanced, candidates, fairness, own_thresholds


def answers(p: np.ndarray) -> Predictions:
    return Predictions(
        classes=("no", "yes"), probabilities=np.column_stack([1 - p, p]), labels=(p >= 0.5).astype(np.int64)
    )


def test_a_gap_is_measured_and_the_mitigation_tried() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    sex = rng.choice(["F", "M"], n)
    y = rng.integers(0, 2, n)
    p = np.clip(0.35 + 0.3 * y - 0.15 * (sex == "F") + rng.normal(0, 0.1, n), 0.01, 0.99)
    found = fairness(pl.Series("sex", sex), y, answers(p))
    gap = {one.measure: one for one in found.gaps}["true_positive_rate"]
    assert (gap.best, gap.worst) == ("M", "F")
    assert gap.difference.low is not None
    assert gap.difference.low > 0.3
    side = Sides(groups=pl.Series("sex", sex), y=y, p=p)
    said = own_thresholds(side, side, 0.5, balanced)
    assert "a threshold for each group" in said


def test_equal_groups_have_no_gap_beyond_chance() -> None:
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y, p = rng.integers(0, 2, 1000), rng.random(1000)
        groups = pl.Series("g", rng.integers(0, 6, 1000).astype(str))
        gaps = {one.measure: one for one in fairness(groups, y, answers(p), seed=seed).gaps}
        alarms += (gaps["accuracy"].difference.low or 0) > 0
    assert alarms <= 5


def test_small_groups_are_listed_not_rated() -> None:
    rng = np.random.default_rng(1)
    names = ["A"] * 200 + ["B"] * 200 + ["alone"] + [None] * 2
    y = np.r_[rng.integers(0, 2, 200), np.zeros(203, dtype=np.int64)]
    found = fairness(pl.Series("g", names), y, answers(rng.random(403)))
    assert {one.group for one in found.groups} == {"A", "B"}
    assert any("alone (1 rows)" in one for one in found.too_small)
    assert "true_positive_rate" not in {one.measure for one in found.gaps}  # B has no positives
    many = fairness(pl.Series("g", [f"k{k}" for k in range(403)]), y, answers(rng.random(403)))
    assert many.groups == ()
    assert len(many.too_small) < 30


def test_regression_and_several_classes() -> None:
    rng = np.random.default_rng(2)
    age = pl.Series("age", rng.uniform(18, 80, 1000))
    y = rng.normal(size=1000)
    error = np.where(age.to_numpy() > 60, 3.0, 0.5) * rng.normal(size=1000)
    found = fairness(age, y, Predictions(values=y + error))
    assert {one.measure for one in found.gaps} == {"mean_error", "mae"}
    assert found.gaps[1].worst.startswith("above")
    labels = rng.integers(0, 3, 1000)
    several = Predictions(classes=("a", "b", "c"), probabilities=np.eye(3)[labels], labels=labels)
    assert [one.measure for one in fairness(age, rng.integers(0, 3, 1000), several).gaps] == ["accuracy"]


def test_protected_attributes_are_known_by_name() -> None:
    names = [
        "Sex",
        "customer_age",
        "housing_median_age",
        "SeniorCitizen",
        "maritalStatus",
        "race_time",
        "page",
        "essex",
    ]
    columns = [Column(name=name, type=ColumnType.CATEGORY, role=Role.FEATURE) for name in names]
    assert candidates(Schema(columns=tuple(columns))) == ("Sex", "customer_age", "SeniorCitizen", "maritalStatus")
