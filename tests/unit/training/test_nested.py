"""Nested cross-validation: rows that had no part in any choice, repeats apart, and a replay that repeats it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from modelwright.core.nouns import Task
from modelwright.spec.model import CvSpec, EvaluationSpec, ModelSpec
from modelwright.training.engine import train
from modelwright.training.nested import outer_folds
from modelwright.training.request import Trained
from modelwright.training.scoring import judge_of

sys.path.insert(0, str(Path(__file__).parent))
import _tables

NESTED = EvaluationSpec(cv=CvSpec(nested=True))
PARTS = np.arange(_tables.N) % 4
FOLDS = [(np.flatnonzero(k != PARTS), np.flatnonzero(k == PARTS)) for k in range(4)]


def request(cache: Path, **changes: object):
    known = {"model": ModelSpec(type="decision_tree"), "evaluation": NESTED, "workers": 1}
    return _tables.request(cache, **{**known, **changes})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nested")


@pytest.fixture(scope="module")
def nested(cache: Path) -> Trained:
    return train(request(cache))


def test_the_whole_procedure_is_estimated_on_every_outer_fold(nested: Trained) -> None:
    assert nested.nested is not None
    assert nested.nested.n == _tables.N
    assert nested.nested.low < nested.nested.value < nested.nested.high
    assert 0.6 < nested.nested.value <= 1.0
    for fold in range(3):
        assert f"outer-{fold}:decision_tree/refit" in nested.plan
    assert any(note.startswith("nested: the whole procedure scores roc_auc") for note in nested.notes)
    assert nested.chosen_family == "decision_tree"


def test_a_replay_repeats_the_estimate_too(nested: Trained, cache: Path) -> None:
    shorter = tuple(name for name in nested.plan if not name.startswith("outer-2:"))
    again = train(request(cache, replay=shorter, budget_s=0.001))
    assert again.plan == shorter
    assert again.nested is not None
    assert again.nested.n == sum(judge.size for _, judge in _tables.request(cache).folds[:2])


def test_no_outer_row_is_inside(tmp_path: Path) -> None:
    repeated = [*_tables.request(tmp_path).folds, *FOLDS]  # two repeats that divide the rows differently
    judge = judge_of(request(tmp_path, folds=repeated))
    found = outer_folds(judge)
    assert [fold.number for fold in found] == [0, 1, 2, 3, 4, 5, 6]
    assert [len(fold.inner) for fold in found] == [2, 2, 2, 3, 3, 3, 3]  # folds of the other repeat overlap
    for fold in found:
        assert not set(fold.learn) & set(fold.judge)
        for learn, inner_judge in fold.inner:
            assert not set(learn) & set(inner_judge)
            assert max(learn.max(), inner_judge.max()) < fold.learn.size


def test_time_folds_never_look_ahead(tmp_path: Path) -> None:
    cuts = np.array_split(np.arange(_tables.N), 4)
    forward = [(np.concatenate(cuts[:k]), cuts[k]) for k in (1, 2, 3)]
    found = outer_folds(judge_of(request(tmp_path, folds=forward, task=Task.REGRESSION)))
    assert [fold.number for fold in found] == [1, 2]  # before the first there is nothing to choose by
    for fold in found:
        for learn, inner_judge in fold.inner:
            assert fold.learn[learn].max() < fold.learn[inner_judge].min() < fold.judge.min()


def test_too_few_folds_cannot_be_nested_and_says_so(tmp_path: Path) -> None:
    halves = [FOLDS[0], FOLDS[0][::-1]]
    assert outer_folds(judge_of(request(tmp_path, folds=halves))) == []
    found = train(request(tmp_path, folds=FOLDS[:1], model=ModelSpec(type="dummy")))
    assert found.nested is None
    assert "nested: left out, it takes three folds or more" in found.notes
