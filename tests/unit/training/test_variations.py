"""Refits under a change: what is changed, what is reused, what the clock leaves out, and what a plan repeats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Role, Task
from modelwright.spec.model import ModelSpec
from modelwright.training import bench as benches
from modelwright.training.candidates import Candidate
from modelwright.training.changed import apply
from modelwright.training.changes import Change
from modelwright.training.proving import CURVE, LATER, SHUFFLED, Doubts, prove
from modelwright.training.scoring import judge_of
from modelwright.training.variations import LATE, UNCHANGED, RefitOrder, Variation, refit
from tests.unit.training._tables import N, request


def order(cache: Path, *, variations: tuple[Variation, ...] = (), **changes: Any) -> RefitOrder:
    asked = request(cache, model=ModelSpec(type="naive_bayes"), **changes)
    return RefitOrder(
        request=asked,
        judge=judge_of(asked),
        candidate=Candidate(name="naive_bayes", family="naive_bayes"),
        variations=variations,
        train_score=0.9,
    )


def test_a_column_left_out_is_empty_and_no_feature_any_more(tmp_path: Path) -> None:
    bench = benches.lay(request(tmp_path), tmp_path / "bench")
    made = apply(bench, Change(without=("b",)))
    assert made.frame["b"].null_count() == N
    assert made.job.schema["b"].role is Role.IGNORED
    assert bench.frame["b"].null_count() == 0


def test_smaller_shares_lie_inside_larger_ones_and_keep_each_class(tmp_path: Path) -> None:
    bench = benches.lay(request(tmp_path), tmp_path / "bench")
    half, eighth = (apply(bench, Change(share=share)).folds[0] for share in (0.5, 0.125))
    assert set(eighth[0]) < set(half[0]) < set(bench.folds[0][0])
    assert abs(half[0].size - bench.folds[0][0].size / 2) <= 2
    assert bench.y is not None
    assert set(bench.y[eighth[0]]) == {0, 1}
    assert np.array_equal(half[1], bench.folds[0][1])


def test_the_latest_rows_are_judged_by_what_came_before(tmp_path: Path) -> None:
    bench = benches.lay(request(tmp_path), tmp_path / "bench")
    ((learn, judge),) = apply(bench, Change(folds="order")).folds
    assert learn.max() < judge.min()
    assert judge.size == pytest.approx(N / 3, abs=1)
    when = pl.Series("when", np.arange(N)[::-1] // 10)
    timed = replace(bench, frame=bench.frame.with_columns(when))
    ((learn, judge),) = apply(timed, Change(folds="time", by="when")).folds
    moments = when.to_numpy()
    assert moments[learn].max() < moments[judge].min()


def test_no_group_is_learned_from_and_judged(tmp_path: Path) -> None:
    bench = benches.lay(request(tmp_path), tmp_path / "bench")
    who = pl.Series("who", [None if row < 5 else row % 17 for row in range(N)])
    folds = apply(replace(bench, frame=bench.frame.with_columns(who)), Change(folds="group", by="who")).folds
    assert sum(judge.size for _, judge in folds) == N
    for learn, judge in folds:
        assert not set(who[learn].drop_nulls()) & set(who[judge].drop_nulls())


def test_one_group_alone_cannot_be_divided(tmp_path: Path) -> None:
    change = Change(folds="group", by="kind")
    made = order(tmp_path, variations=(Variation(name="groups", change=change),))
    lone = made.request.frame.with_columns(pl.lit("red").alias("kind"))
    found = refit(replace(made, request=replace(made.request, frame=lone)))
    assert found.missing["groups"] == "its rows cannot be divided"
    assert UNCHANGED in found.done


def test_a_second_time_nothing_is_fit_again(tmp_path: Path) -> None:
    variations = (Variation(name="without b", change=Change(without=("b",))),)
    first = refit(order(tmp_path, variations=variations))
    units = {path: path.stat().st_mtime_ns for path in (tmp_path / "units").glob("*/result.json")}
    second = refit(order(tmp_path, variations=variations))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "units").glob("*/result.json")} == units
    for name in (UNCHANGED, "without b"):
        assert np.array_equal(_p(first, name), _p(second, name))
    assert not np.array_equal(_p(first, UNCHANGED), _p(first, "without b"))
    assert first.plan == second.plan == ("unchanged@3", "without b@3")


def test_a_failing_variation_is_named_and_takes_nothing_down(tmp_path: Path) -> None:
    bare = Variation(name="bare", change=Change(without=("a", "b", "kind")))
    found = refit(order(tmp_path, variations=(bare,)))
    assert "it failed" in found.missing["bare"]
    assert UNCHANGED in found.done


def test_without_time_everything_is_missing_with_the_reason(tmp_path: Path) -> None:
    found = prove(order(tmp_path, budget_s=0.2), Doubts(suspects=("b",)))
    assert not found.proofs
    assert found.plan == ()
    assert found.missing == {"without b": LATE, SHUFFLED: LATE, CURVE: LATE}


def test_proofs_tell_what_the_doubts_are_worth(tmp_path: Path) -> None:
    found = prove(order(tmp_path), Doubts(suspects=("b", "a"), by_order=True))
    proofs = {(one.kind, one.subject): one for one in found.proofs}
    assert set(proofs) == {
        ("without_column", "columns:a,b"),
        ("without_column", "column:b"),
        ("without_column", "column:a"),
        ("out_of_time", "split"),
        ("shuffled_target", "pipeline"),
    }
    gone = proofs["without_column", "columns:a,b"]
    assert gone.columns == ("b", "a")
    assert gone.difference.high is not None
    assert gone.difference.high < 0
    assert gone.score.value < 0.6 < gone.unchanged.value
    assert proofs["out_of_time", "split"].n == pytest.approx(N / 3, abs=1)
    control = proofs["shuffled_target", "pipeline"]
    assert control.p_value is not None
    assert control.p_value > 0.001
    assert control.chance is not None
    assert control.chance.value == pytest.approx(0.5, abs=0.02)
    curve = found.learning_curve
    assert curve is not None
    assert [point.n for point in curve.points] == sorted(point.n for point in curve.points)
    assert len(curve.points) == 4
    assert curve.last_gain is not None
    assert found.missing == {}


def test_a_plan_repeats_exactly_what_was_finished(tmp_path: Path) -> None:
    doubts = Doubts(suspects=("b",), by_order=True)
    first = prove(order(tmp_path / "one"), doubts)
    plan = tuple(name for name in first.plan if not name.startswith((LATER, CURVE)))
    again = prove(order(tmp_path / "two", replay=plan, budget_s=0.001), doubts)
    assert again.plan == plan
    kept = [one for one in first.proofs if one.kind != "out_of_time"]
    assert list(again.proofs) == kept
    assert again.missing == {LATER: LATE, CURVE: LATE}


def test_regression_is_proven_too(tmp_path: Path) -> None:
    asked = request(tmp_path, task=Task.REGRESSION)
    made = RefitOrder(
        request=asked, judge=judge_of(asked), candidate=Candidate(name="ridge", family="ridge"), variations=()
    )
    found = prove(made, Doubts(suspects=("a",)))
    gone = next(one for one in found.proofs if one.kind == "without_column")
    assert gone.difference.value < 0
    control = next(one for one in found.proofs if one.kind == "shuffled_target")
    assert control.p_value is not None
    assert control.p_value > 0.001


def _p(found: object, name: str) -> np.ndarray:
    from modelwright.training.variations import Refits

    assert isinstance(found, Refits)
    probabilities = found.done[name].predicted.probabilities
    assert probabilities is not None
    return probabilities
