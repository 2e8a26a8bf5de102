"""One row by bit masks: the same bits as the walk that defines what a tree says, on hostile rows too."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.stats import trees_native, trees_one_row
from modelwright.stats.trees_bits import Bits, needs
from modelwright.stats.trees_model import TreeModel
from tests.unit.stats_trees.test_tree_tables import fitted, table
from tests.unit.stats_trees.test_trees_bits import SMALL, chain
from tests.unit.stats_trees.test_trees_together import hostile_rows


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_masks_answer_a_row_as_the_walk_does_bit_for_bit(family: str, task: Task) -> None:
    tables = fitted(family, task, **SMALL[family]).tables
    rows = hostile_rows([fitted(family, task, **SMALL[family])], np.asarray(table(task)[0]))
    score = trees_one_row.row(Bits(tables), tables)
    expected = tables.raw(rows)
    for values, said in zip(rows.tolist(), expected, strict=True):
        assert score(values).tobytes() == said.tobytes()


@pytest.mark.parametrize("n_leaves", [2, 32, 33, 64])
def test_every_width_of_mask_and_every_place(n_leaves: int) -> None:
    tables = chain(n_leaves)
    score = trees_one_row.row(Bits(tables), tables)
    for value in [*np.arange(-2.0, n_leaves + 2, 0.5), np.nan, np.inf, -np.inf, 1e-40, -0.0]:
        assert score([float(value)]).tobytes() == tables.raw(np.array([[value]]))[0].tobytes()


def many(tables: TreeModel, times: int) -> TreeModel:
    """The same trees so many times over."""
    t = tables.tables
    starts = np.concatenate([t.starts[:-1] + at * t.starts[-1] for at in range(times)] + [[times * t.starts[-1]]])

    def moved(children: NDArray[np.int32]) -> NDArray[np.int32]:
        parts = [children + (children >= 0) * at * t.starts[-1] for at in range(times)]
        return np.concatenate(parts).astype(np.int32)

    made = dataclasses.replace(
        t, feature=np.tile(t.feature, times), threshold=np.tile(t.threshold, times), left=moved(t.left),
        right=moved(t.right), value=np.tile(t.value, (times, 1)), cover=np.tile(t.cover, times),
        missing_left=np.tile(t.missing_left, times), starts=starts,
    )  # fmt: skip
    return TreeModel(made, tables.link)


def test_hundreds_of_trees_take_masks_in_both_forms_of_a_row_and_few_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = fitted("lightgbm", Task.BINARY, n_estimators=25)
    model = many(few, 60)
    assert not trees_one_row.pays(few.tables)
    assert not trees_one_row.pays(chain(65))
    assert trees_one_row.pays(model.tables)
    rows = hostile_rows([model], np.asarray(table(Task.BINARY)[0]))[:40]
    expected = np.concatenate([model.predict(rows[at : at + 1]) for at in range(len(rows))])
    by_array, by_bytes = model.row_scorer(), model.packed_scorer()
    for values, said in zip(rows, expected, strict=True):
        assert np.array_equal(np.asarray(by_array(values)), said)
        assert np.array_equal(np.asarray(by_bytes(values.tobytes())), said)
    with pytest.raises(ModelError, match="values, not"):
        by_array(rows[0][:1])
    monkeypatch.setattr(trees_native, "Bits", None)  # what a server has made before it forks is not made again
    assert np.array_equal(np.asarray(model.packed_scorer()(rows[0].tobytes())), expected[0])


def test_an_ensemble_has_no_more_masks_than_memory_is_meant_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    few = fitted("lightgbm", Task.BINARY, n_estimators=25)
    model = many(few, 60)
    tables = {0: few.tables, 1: model.tables, 2: model.tables, 3: model.tables}
    assert trees_one_row.affordable(tables) == {1, 2, 3}
    found = needs(model.tables)
    assert found is not None
    monkeypatch.setattr(trees_one_row, "_MOST_BYTES", 2 * found.size_bytes)
    assert trees_one_row.affordable(tables) == {1, 2}
