"""What a table does by nature is not taken for copying, waiting or belonging; what is beyond it is."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from modelwright.checks.data import group, missingness, near_duplicates, time
from modelwright.checks.strengths import table
from modelwright.core.nouns import Column, ColumnType, Role, Severity
from modelwright.data import assign, roles
from modelwright.spec.model import FeaturesSpec
from modelwright.stats import resplit


@pytest.mark.parametrize(("filled", "found"), [((0.95, 0.02), True), ((0.8, 0.35), False)])
def test_missingness_tells_beside_strong_columns(filled: tuple[float, float], found: bool) -> None:
    rng, n = np.random.default_rng(0), 800
    y = (rng.random(n) < 0.4).astype(int)
    known = rng.random(n) < np.where(y == 1, *filled)
    columns = {f"m{at}": y * 2.5 + rng.normal(size=n) for at in range(4)}
    note = [float(v) if k else None for v, k in zip(rng.normal(size=n), known, strict=True)]
    listed = list(missingness.PLUGIN.run(table({**columns, "note": note, "y": y}, target="y")))
    assert [(one.subject, one.severity) for one in listed] == ([("column:note", Severity.HIGH)] if found else [])


def test_a_question_put_to_one_group_only_is_no_leak() -> None:
    rng, n = np.random.default_rng(1), 1200
    owner = rng.random(n) < 0.5
    y = np.where(rng.random(n) < 0.03, ~owner, owner).astype(int)
    age = [float(v) if k else None for v, k in zip(rng.integers(1, 20, n), owner, strict=True)]
    evidence = table({"owner": owner, "car_age": age, "x": rng.normal(size=n), "y": y}, target="y")
    assert not [one for one in missingness.PLUGIN.run(evidence) if one.severity.rank >= Severity.HIGH.rank]


def test_a_coarse_table_repeats_by_nature_and_so_does_one_with_a_row_number() -> None:
    rng, n = np.random.default_rng(2), 1500
    family = rng.integers(0, 500, n)  # families share fare, class and harbour, not age
    shared = rng.integers(0, [3, 40, 3], (500, 3))[family]
    columns = {
        "grade": shared[:, 0],
        "fare": shared[:, 1] * 1.25,
        "harbour": [f"h{v}" for v in shared[:, 2]],
        "sex": rng.integers(0, 2, n),
        "age": rng.integers(1, 70, n),
        "y": rng.integers(0, 2, n),
    }
    for more in ({}, {"record": rng.permutation(10**6)[:n].astype(float)}):
        found = near_duplicates.PLUGIN.run(table(columns | more, target="y"))
        assert not [one for one in found if one.severity.rank >= Severity.MEDIUM.rank]


def _levels(moves: bool, n: int = 2400) -> dict[str, object]:
    rng = np.random.default_rng(3)
    at, x = np.arange(n), rng.normal(size=(n, 3))
    z = 1.5 * x[:, 0] + x[:, 1] + np.where(at > 0.67 * n, 1.5, -0.7) * moves
    return {
        "step": at // 8,
        **{f"x{k}": x[:, k] for k in range(3)},
        "y": (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int),
    }


@pytest.mark.parametrize("moves", [True, False])
def test_a_level_that_moves_is_told_although_the_ranking_holds(moves: bool) -> None:
    found = list(time.PLUGIN.run(table(_levels(moves), target="y", roles={"step": Role.TIME})))
    assert [(one.code, one.evidence["level_only"]) for one in found] == ([("leak.time", True)] if moves else [])


def test_a_proper_score_is_nought_for_the_truth_and_one_for_knowing_nothing() -> None:
    y = np.array([0, 1, 1, 0, 1])
    assert resplit.brier(y, np.eye(2)[y], 2) == 0.0
    assert resplit.brier(y, np.tile(np.eye(2)[y].mean(axis=0), (5, 1)), 2) == pytest.approx(1.0)


@pytest.mark.parametrize("coded", [True, False])
def test_a_date_that_parts_the_classes_is_no_clock(coded: bool) -> None:
    rng, n = np.random.default_rng(5), 400
    y = rng.integers(0, 2, n)
    days = y * 200 + rng.integers(0, 30, n) if coded else rng.integers(0, 300, n)
    frame = pl.DataFrame({"updated": [dt.date(2021, 1, 1) + dt.timedelta(days=int(d)) for d in days], "y": y})
    columns = [
        Column(name="updated", type=ColumnType.DATETIME),
        Column(name="y", type=ColumnType.NUMBER, role=Role.TARGET),
    ]
    proposed = roles.propose(frame, columns, FeaturesSpec(target="y"))
    assert (proposed[0].role is Role.TIME) is not coded


def test_one_large_unit_of_repeats_leaves_the_rare_class_its_shares() -> None:
    units = np.concatenate([np.zeros(3000, np.int64), 1 + np.arange(7000)])
    strata = np.concatenate([np.zeros(9760, np.int64), np.ones(240, np.int64)])
    for seed in range(5):
        parts = assign.by_units(units, strata, (0.7, 0.15, 0.15), np.random.default_rng(seed))
        assert np.bincount(parts[strata == 1], minlength=3).tolist() == pytest.approx([168, 36, 36], abs=2)


@pytest.mark.parametrize("own", [True, False])
def test_groups_that_only_their_features_give_away(own: bool) -> None:
    rng = np.random.default_rng(12)
    thing = np.repeat(np.arange(150), 6)
    X = rng.normal(size=(150, 5))[thing] + 0.03 * rng.normal(size=(900, 5))
    label = (rng.random(150) > 0.5)[thing] if own else rng.random(900) > 0.5
    evidence = table({**{f"x{k}": X[:, k] for k in range(5)}, "y": label.astype(int)}, target="y")
    found = list(group.PLUGIN.run(evidence))
    assert [(one.code, one.subject) for one in found] == ([("leak.group", "rows")] if own else [])
