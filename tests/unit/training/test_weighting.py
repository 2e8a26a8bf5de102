"""Weights, resampling and early-stopping slices stay inside the rows they are given."""

from __future__ import annotations

import numpy as np

from modelwright.core.nouns import Task
from modelwright.training.weighting import balance, inner_slice

Y = np.array([0] * 90 + [1] * 10, dtype=np.int64)


def test_class_weights_give_each_class_the_same_total() -> None:
    rows, weight = balance(Y, 2, "class_weight", 0)
    assert rows.size == 100
    assert weight is not None
    assert np.isclose(weight[Y == 0].sum(), weight[Y == 1].sum())
    assert np.isclose(weight.mean(), 1.0)


def test_resampling_equals_counts_and_keeps_every_row_when_it_adds() -> None:
    more, _ = balance(Y, 2, "oversample", 0)
    assert np.bincount(Y[more]).tolist() == [90, 90]
    assert set(more.tolist()) == set(range(100))
    fewer, _ = balance(Y, 2, "undersample", 0)
    assert np.bincount(Y[fewer]).tolist() == [10, 10]
    assert np.unique(fewer).size == 20


def test_a_class_missing_from_the_rows_is_no_error() -> None:
    rows, weight = balance(Y[:90], 2, "class_weight", 0)
    assert rows.size == 90
    assert weight is None


def test_inner_slice_is_stratified_and_disjoint() -> None:
    y = np.array(([0] * 9 + [1]) * 100, dtype=np.int64)
    kept, held = inner_slice(y, Task.BINARY, seed=1)
    assert not set(kept.tolist()) & set(held.tolist())
    assert kept.size + held.size == y.size
    assert abs(y[held].mean() - 0.1) < 0.01


def test_inner_slice_takes_the_latest_rows_and_whole_groups() -> None:
    y = np.arange(1000.0)
    order = np.arange(1000)[::-1].copy()
    _, held = inner_slice(y, Task.REGRESSION, seed=1, order=order)
    assert held.max() < 200
    groups = np.repeat(np.arange(100), 10)
    kept, held = inner_slice(y, Task.REGRESSION, seed=1, groups=groups)
    assert not set(groups[kept]) & set(groups[held])
    assert held.size


def test_few_rows_have_no_inner_slice() -> None:
    kept, held = inner_slice(Y, Task.BINARY, seed=0)
    assert kept.size == 100
    assert held.size == 0
