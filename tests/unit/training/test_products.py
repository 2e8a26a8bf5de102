"""The two products: honest out-of-fold predictions, refits where time goes forward, scouts, replay, and `fast`."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.spec.model import ModelSpec
from modelwright.training import ensembling, products
from modelwright.training.candidates import Candidate
from modelwright.training.engine import train
from modelwright.training.race import SCOUTS, enter
from modelwright.training.scoring import judge_of
from modelwright.training.units import UnitResult

sys.path.insert(0, str(Path(__file__).parent))
import _tables

ALL = ModelSpec(type=["lightgbm", "naive_bayes", "logistic"], ensemble="greedy", calibrate=False)
#: far more than any machine needs: nothing here depends on the clock
LONG = 3_600.0


def test_members_answer_as_the_out_of_fold_predictions_say(tmp_path: Path) -> None:
    """Each row's prediction is the weighted mean of the members that have not learned from it, and of no other."""
    asked = _tables.request(tmp_path, model=ALL, budget_s=LONG)
    made = train(asked)
    assert made.chosen_family == products.ENSEMBLE
    assert len(made.model.members) == 3 * len(made.chosen_params["members"])
    for at, (_, rows) in enumerate(asked.folds):
        judges = [member for member in made.model.members if member.fold == at]
        total = sum(member.weight for member in judges)
        frame = asked.frame[rows]
        found = sum(
            member.fitted.predict(member.features.transform(frame).values) * (member.weight / total)
            for member in judges
        )
        places = np.searchsorted(made.oof_rows, rows)
        assert made.oof.probabilities is not None
        np.testing.assert_allclose(made.oof.probabilities[places], found, atol=1e-12)


def test_an_ensemble_is_replayed_to_the_same_bytes(tmp_path: Path) -> None:
    first = train(_tables.request(tmp_path / "a", model=ALL, budget_s=LONG))
    again = train(_tables.request(tmp_path / "b", model=ALL, budget_s=LONG, replay=first.plan))
    assert _tables.fingerprint(first) == _tables.fingerprint(again)
    assert again.fast is not None
    assert first.fast_name == again.fast_name


def test_where_time_goes_forward_the_members_are_fit_on_all_rows(tmp_path: Path) -> None:
    asked = _tables.request(tmp_path, model=ALL, budget_s=LONG)
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - the storage of a date column has no zone
    frame = asked.frame.with_columns(when=pl.Series([start + timedelta(hours=at) for at in range(_tables.N)]))
    schema = Schema(columns=(*asked.schema.columns, Column(name="when", type=ColumnType.DATETIME, role=Role.TIME)))
    ends = [160, 240, 320, 400]
    folds = [(np.arange(a), np.arange(a, b)) for a, b in pairwise(ends)]
    made = train(replace(asked, frame=frame, schema=schema, folds=folds))
    assert made.chosen_family == products.ENSEMBLE
    assert len(made.model.members) == len(made.chosen_params["members"])
    assert all(member.fold is None for member in made.model.members)
    assert any(name.endswith("/refit") for name in made.plan)


@pytest.mark.parametrize(("noise", "student"), [(3.0, True), (0.05, False)])
def test_a_student_stands_in_where_the_target_is_mostly_luck(tmp_path: Path, noise: float, student: bool) -> None:
    asked = _tables.request(tmp_path, task=Task.REGRESSION, budget_s=LONG)
    assert asked.y is not None
    y = asked.y + noise * np.random.default_rng(5).normal(size=asked.y.size)
    made = train(replace(asked, y=y, model=ModelSpec(type=["lightgbm", "knn", "ridge"], ensemble="greedy")))
    assert (made.fast_name == "student") is student
    assert ("fast" in made.scores) is not student  # its teachers have learned from the rows that would judge it
    assert made.fast is not None
    assert len(made.fast.members) == 1


def test_scouts_tell_the_other_folds_for_how_many_rounds_to_learn() -> None:
    entry = enter([Candidate(name="boost", family="lightgbm")], seed=0, n_folds=5)[0]
    first, second, third, *_ = entry.units
    assert entry.with_rounds(first) == first
    assert entry.with_rounds(third) is None
    for unit, rounds in ((first, 80), (second, 121)):
        entry.results[unit.name] = UnitResult(key="", name=unit.name, seconds=1.0, fit_s=1.0, rounds=rounds)
    told = entry.with_rounds(third)
    assert told == msgspec.structs.replace(third, rounds=100, early_stopping=False)
    assert SCOUTS == 2


def test_chosen_features_come_first_where_they_have_helped(tmp_path: Path) -> None:
    judge = judge_of(_tables.request(tmp_path))
    plain, rich = enter(
        [Candidate(name="a", family="lightgbm"), Candidate(name="b", family="lightgbm", recipe="rich")], 0, 3
    )
    waiting = [Candidate(name="c", family="catboost"), Candidate(name="d", family="catboost", recipe="rich")]
    plain.status = rich.status = "done"
    plain.scores, rich.scores = (0.7,), (0.8,)
    assert [one.name for one in products.by_promise(waiting, [plain, rich], judge)] == ["d", "c"]
    rich.scores = (0.6,)
    assert [one.name for one in products.by_promise(waiting, [plain, rich], judge)] == ["c", "d"]
    rich.status = "skipped"
    assert [one.name for one in products.by_promise(waiting, [plain, rich], judge)] == ["c", "d"]


def test_a_plain_model_that_is_as_good_stays_alone(tmp_path: Path) -> None:
    asked = _tables.request(tmp_path, task=Task.REGRESSION, budget_s=LONG)
    y = np.asarray(asked.frame["b"].to_numpy(), dtype=np.float64)  # a straight line
    made = train(replace(asked, y=y, model=ModelSpec(type=["ridge", "decision_tree"], ensemble="greedy")))
    assert made.chosen_family == "ridge"
    assert made.fast is None


@pytest.mark.parametrize(
    ("scores", "asked", "plain_is_the_answer"),
    [
        ((0.80, 0.82, 0.84), "auto", False),  # better on each fold by the same
        ((0.70, 0.90, 0.73), "auto", True),  # better on the mean, within the noise of the folds
        ((0.70, 0.90, 0.73), "greedy", False),  # asked for, and better on the mean
        ((0.60, 0.70, 0.73), "greedy", True),  # not better at all
    ],
)
def test_what_is_simpler_and_as_good_is_the_answer(
    tmp_path: Path, scores: tuple[float, ...], asked: str, plain_is_the_answer: bool
) -> None:
    request = _tables.request(tmp_path, model=ModelSpec(ensemble=asked))  # type: ignore[arg-type]
    plain = enter([Candidate(name="logistic", family="logistic")], 0, 3)[0]
    plain.status, plain.scores = "done", (0.75, 0.77, 0.79)
    blend = ensembling.Blend(weights={"boost": 1.0}, raw=[], scores=scores)
    found = products.Ensemble(blend=blend, entries={})
    assert products.no_better(found, plain, request, judge_of(request)) is plain_is_the_answer
