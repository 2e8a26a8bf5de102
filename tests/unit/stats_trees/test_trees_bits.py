"""Many rows by bit masks: the same bits as the walk that defines what a tree says, on hostile rows too."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modelwright.core.nouns import Task
from modelwright.stats.trees import TreeTables
from modelwright.stats.trees_bits import FEWEST, Bits, fits
from modelwright.stats.trees_native import Engine
from tests.unit.stats_trees.test_tree_tables import fitted, table
from tests.unit.stats_trees.test_trees_together import hostile_rows

SMALL = {
    "lightgbm": {"n_estimators": 25, "num_leaves": 31},
    "xgboost": {"n_estimators": 15, "max_depth": 5},
    "extra_trees": {"n_estimators": 6, "max_depth": 6},
}


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_masks_answer_as_the_walk_does_bit_for_bit(family: str, task: Task) -> None:
    model = fitted(family, task, **SMALL[family])
    if model.tables.value.shape[1] > 1:
        assert not fits(model.tables)
        return
    assert fits(model.tables)
    X, _ = table(task)
    rows = hostile_rows([model], np.asarray(X))
    made = Bits(model.tables)
    for n in (FEWEST, FEWEST + 1, rows.shape[0]):
        assert made.raw(rows[:n]).tobytes() == model.tables.raw(rows[:n]).tobytes()
    many = np.tile(rows, (6, 1))  # over the size of a chunk, and not a multiple of it
    assert made.raw(many).tobytes() == model.tables.raw(many).tobytes()


def test_the_engine_takes_masks_for_many_rows_and_the_booster_for_few() -> None:
    model = fitted("lightgbm", Task.BINARY, **SMALL["lightgbm"])
    X, _ = table(Task.BINARY)
    rows = hostile_rows([model], np.asarray(X))
    engine = Engine(model.tables)
    many = engine.raw(rows)
    assert "booster" not in engine.__dict__  # no text was written for it
    few = np.concatenate([engine.raw(rows[i : i + 1]) for i in range(40)])
    assert "booster" in engine.__dict__
    assert many[:40].tobytes() == few.tobytes()


def chain(n_leaves: int) -> TreeTables:
    """One tree that goes right until it stops: x <= 0, x <= 1, ..."""
    n = 2 * n_leaves - 1
    feature, left, right = np.full(n, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    threshold, value = np.zeros(n), np.arange(n, dtype=np.float64).reshape(-1, 1)
    for split in range(n_leaves - 1):
        node = 2 * split
        feature[node], threshold[node], left[node], right[node] = 0, split, node + 1, node + 2
    return TreeTables(
        feature=feature, threshold=threshold, missing_left=np.arange(n) % 4 == 0, left=left, right=right, value=value,
        cover=np.ones(n), starts=np.array([0, n], dtype=np.int64), n_features=1,
    )  # fmt: skip


@pytest.mark.parametrize("n_leaves", [2, 31, 32, 33, 63, 64])
def test_every_width_of_mask(n_leaves: int) -> None:
    tables = chain(n_leaves)
    X = np.concatenate([np.arange(-2.0, n_leaves + 2, 0.5), [np.nan, np.inf, -np.inf]] * 2).reshape(-1, 1)
    X = np.vstack([X, X, X, X])[: max(FEWEST, 4 * len(X))]
    assert fits(tables)
    assert Bits(tables).raw(X).tobytes() == tables.raw(X).tobytes()


def test_what_would_not_pay_is_left_to_the_walk() -> None:
    assert not fits(chain(65))
    assert not fits(dataclasses.replace(chain(3), value=np.zeros((5, 2)), n_outputs=2, base=(0.0, 0.0)))
    alone = chain(2)
    stump = dataclasses.replace(
        alone, feature=np.array([-1], np.int32), left=np.array([-1], np.int32), right=np.array([-1], np.int32),
        threshold=np.zeros(1), missing_left=np.zeros(1, bool), value=np.ones((1, 1)), cover=np.ones(1),
        starts=np.array([0, 1]),
    )  # fmt: skip
    assert not fits(stump)
