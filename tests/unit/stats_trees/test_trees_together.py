"""Trees of several models walked at once: the same bits as each model's own single-row call."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.stats.trees_model import TreeModel
from modelwright.stats.trees_together import Together, depths, fits
from tests.unit.stats_trees.test_tree_tables import fitted, table

FEW = {
    "lightgbm": {"n_estimators": 12},
    "xgboost": {"n_estimators": 9},
    "extra_trees": {"n_estimators": 7},
    "decision_tree": {},
}


def models(task: Task) -> list[TreeModel]:
    return [fitted(name, task, **params) for name, params in FEW.items()]


def hostile_rows(made: list[TreeModel], X: np.ndarray) -> np.ndarray:
    """Rows of the table, rows exactly on thresholds, and rows of values that compare oddly."""
    rng = np.random.default_rng(0)
    rows = [X[:40]]
    for one in made:
        inner = np.flatnonzero(one.tables.feature >= 0)[:20]
        on = np.repeat(X[:1], inner.size, axis=0)
        on[np.arange(inner.size), one.tables.feature[inner]] = one.tables.threshold[inner]
        rows.append(on)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 1e300, -1e300, 3.4e38])
    return np.vstack([*rows, rng.choice(odd, size=(60, X.shape[1]))])


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_together_equals_each_alone_bit_for_bit(task: Task) -> None:
    made = [one for one in models(task) if fits(one.tables)]
    assert len(made) >= 2
    width = table(task)[0].shape[1]
    rows = hostile_rows(made, table(task)[0])
    # Each reads its own part of the long row, two of them the same one.
    offsets = [width * (at // 2) for at in range(len(made))]
    long = width * (1 + (len(made) - 1) // 2)
    walk = Together([one.tables for one in made], offsets, long).row()
    alone = [one._engine.row() for one in made]
    rng = np.random.default_rng(1)
    for _ in range(80):
        x = np.concatenate([rows[rng.integers(len(rows))] for _ in range(long // width)])
        found = walk(x)
        for raw, call, start in zip(found, alone, offsets, strict=True):
            np.testing.assert_array_equal(raw, call(x[start : start + width]), strict=True)


def test_leaves_of_several_outputs_are_left_to_others_and_widths_are_checked() -> None:
    forest, boosted = (fitted(name, Task.MULTICLASS, **FEW[name]) for name in ("extra_trees", "lightgbm"))
    assert not fits(forest.tables)
    assert fits(boosted.tables)
    width = boosted.tables.n_features
    walk = Together([boosted.tables], [0], width).row()
    with pytest.raises(ModelError, match="values, not"):
        walk(np.zeros(width + 1))


def test_depths_are_the_longest_ways() -> None:
    tables = fitted("decision_tree", Task.REGRESSION, max_depth=5).tables
    deepest = np.zeros(len(tables.feature), dtype=int)
    for at in range(len(tables.feature)):  # children come after their parent
        for child in (tables.left[at], tables.right[at]):
            if child >= 0:
                deepest[child] = deepest[at] + 1
    assert depths(tables).tolist() == [int(deepest.max())]
