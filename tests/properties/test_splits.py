"""Whatever the table: no row on two sides, groups and duplicates whole, time never reversed, same seed same split."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset
from modelwright.data.split import Split, folds, split
from modelwright.data.units import duplicate_units
from modelwright.spec.model import DataSpec, FeaturesSpec, Spec, SplitKind, SplitSpec

KINDS = [SplitKind.RANDOM, SplitKind.STRATIFIED, SplitKind.TIME, SplitKind.GROUP, SplitKind.GROUP_TIME]
RELAXED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def table(n: int, seed: int, groups: int, values: int) -> Dataset:
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "a": random.integers(0, values, n).astype(float),
            "b": random.integers(0, 3, n).astype(float),
            "g": [f"g{i}" for i in random.integers(0, groups, n)],
            "t": random.integers(0, max(2, n // 2), n),
            "y": random.choice(["no", "yes"], n, p=[0.7, 0.3]),
        }
    )
    columns = (
        Column(name="a", type=ColumnType.NUMBER),
        Column(name="b", type=ColumnType.NUMBER),
        Column(name="g", type=ColumnType.CATEGORY, role=Role.GROUP),
        Column(name="t", type=ColumnType.NUMBER, role=Role.TIME),
        Column(name="y", type=ColumnType.CATEGORY, role=Role.TARGET),
    )
    return Dataset(frame=frame, schema=Schema(columns=columns), digest="b3:0")


def without_time(dataset: Dataset) -> Dataset:
    """Time counts among the values that make two rows the same; leave it out so that there are duplicates."""
    columns = tuple(column for column in dataset.schema.columns if column.name != "t")
    return Dataset(frame=dataset.frame.drop("t"), schema=Schema(columns=columns), digest=dataset.digest)


def divided(dataset: Dataset, kind: SplitKind, seed: int, gap: str | None = None) -> tuple[Split, Spec, Problem]:
    spec = Spec(data=DataSpec(source="x", split=SplitSpec(kind=kind, gap=gap)), features=FeaturesSpec(target="y"))
    problem = Problem(task=Task.BINARY, reason="", metric="roc_auc", metric_reason="", target="y")
    try:
        return split(dataset, spec, problem, seed), spec, problem
    except ModelwrightError:
        assume(False)
        raise


sizes = st.integers(60, 400)
seeds = st.integers(0, 10_000)


@RELAXED
@given(n=sizes, seed=seeds, kind=st.sampled_from(KINDS), groups=st.integers(5, 60))
def test_no_row_is_on_two_sides_and_none_is_lost_silently(n: int, seed: int, kind: SplitKind, groups: int) -> None:
    found, _, _ = divided(table(n, seed, groups, 50), kind, seed)
    rows = np.concatenate([found.train, found.val, found.test])
    assert np.unique(rows).size == rows.size
    left_out = n - rows.size
    assert (left_out == 0) or any(f"{left_out:,} rows are in no part" in note for note in found.notes)
    if kind is not SplitKind.GROUP_TIME:
        assert left_out == 0


@RELAXED
@given(n=sizes, seed=seeds, kind=st.sampled_from([SplitKind.GROUP, SplitKind.GROUP_TIME]), groups=st.integers(5, 60))
def test_groups_are_never_split(n: int, seed: int, kind: SplitKind, groups: int) -> None:
    dataset = table(n, seed, groups, 50)
    found, _, _ = divided(dataset, kind, seed)
    names = [set(dataset.frame["g"][rows].to_list()) for rows in (found.train, found.val, found.test)]
    assert not (names[0] & names[1])
    assert not (names[0] & names[2])
    assert not (names[1] & names[2])


@RELAXED
@given(
    n=sizes,
    seed=seeds,
    kind=st.sampled_from([SplitKind.TIME, SplitKind.GROUP_TIME]),
    gap=st.sampled_from([None, "5rows", "3s"]),
)
def test_time_is_never_reversed(n: int, seed: int, kind: SplitKind, gap: str | None) -> None:
    dataset = table(n, seed, 100, 50)
    found, _, _ = divided(dataset, kind, seed, gap)
    times = dataset.frame["t"].to_numpy()
    assert times[found.train].max() < times[found.val].min()
    assert times[found.val].max() < times[found.test].min()
    if gap == "3s":  # a counting time column takes the gap in its own unit
        assert times[found.train].max() + 3 <= times[found.val].min()


@RELAXED
@given(n=sizes, seed=seeds, kind=st.sampled_from([SplitKind.RANDOM, SplitKind.STRATIFIED]))
def test_duplicates_stay_together(n: int, seed: int, kind: SplitKind) -> None:
    dataset = without_time(table(n, seed, 20, max(20, n // 2)))
    found, _, _ = divided(dataset, kind, seed)
    units = duplicate_units(dataset)
    sides = [set(units[rows]) for rows in (found.train, found.val, found.test)]
    assert not (sides[0] & sides[1])
    assert not (sides[0] & sides[2])
    assert not (sides[1] & sides[2])


@RELAXED
@given(n=st.integers(200, 600), seed=seeds, kind=st.sampled_from([SplitKind.RANDOM, SplitKind.STRATIFIED]))
def test_shares_are_kept(n: int, seed: int, kind: SplitKind) -> None:
    found, _, _ = divided(table(n, seed, 40, 1000), kind, seed)
    for rows, share in ((found.train, 0.7), (found.val, 0.15), (found.test, 0.15)):
        assert abs(rows.size - share * n) <= 3


@RELAXED
@given(n=sizes, seed=seeds, kind=st.sampled_from(KINDS))
def test_the_seed_decides(n: int, seed: int, kind: SplitKind) -> None:
    dataset = table(n, seed, 40, 50)
    first, _, _ = divided(dataset, kind, seed)
    again, _, _ = divided(dataset, kind, seed)
    assert all(np.array_equal(getattr(first, part), getattr(again, part)) for part in ("train", "val", "test"))


@RELAXED
@given(n=st.integers(150, 400), seed=seeds, kind=st.sampled_from(KINDS))
def test_folds_stay_inside_train_and_val_and_keep_the_rules(n: int, seed: int, kind: SplitKind) -> None:
    dataset = table(n, seed, 60, 1000)
    found, spec, _ = divided(dataset, kind, seed)
    y: Any = (dataset.frame["y"] == "yes").to_numpy().astype(np.int64)
    try:
        pairs = folds(found, dataset, spec, y, seed)
    except ModelwrightError:
        assume(False)
        raise
    inside = {*found.train.tolist(), *found.val.tolist()}
    groups = dataset.frame["g"].to_numpy()
    times = dataset.frame["t"].to_numpy()
    for learn, judge in pairs:
        assert learn.size
        assert judge.size
        assert not set(learn.tolist()) & set(judge.tolist())
        assert {*learn.tolist(), *judge.tolist()} <= inside
        if kind in (SplitKind.GROUP, SplitKind.GROUP_TIME):
            assert not set(groups[learn]) & set(groups[judge])
        if kind in (SplitKind.TIME, SplitKind.GROUP_TIME):
            assert times[learn].max() < times[judge].min()


def test_repeats_that_cannot_be_kept_together_are_said() -> None:
    dataset = without_time(table(300, 1, 3, 2))
    found, _, _ = divided(
        Dataset(
            frame=dataset.frame.drop("g", "b"),
            schema=Schema(columns=tuple(c for c in dataset.schema.columns if c.name not in ("g", "b"))),
            digest="b3:0",
        ),
        SplitKind.STRATIFIED,
        0,
    )
    assert any("could not be kept on one side" in note for note in found.notes)


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.2), (0.5, 0.1, 0.1)])
def test_shares_that_do_not_add_up_are_refused(shares: tuple[float, float, float]) -> None:
    data = DataSpec(source="x", train_split=shares[0], val_split=shares[1], test_split=shares[2])
    problem = Problem(task=Task.BINARY, reason="", metric="roc_auc", metric_reason="", target="y")
    with pytest.raises(ModelwrightError, match="add up to"):
        split(table(100, 0, 10, 50), Spec(data=data), problem, 0)
