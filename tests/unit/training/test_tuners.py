"""Tuners: inside the space, the same again with the same seed, grids exhausted."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelwright.core import plugins
from modelwright.core.errors import SpecError
from modelwright.core.ports import Choice, Span
from modelwright.spec.model import ModelSpec, TuningSpec
from modelwright.training.candidates import Candidate
from modelwright.training.engine import judge_of, train
from modelwright.training.race import Entry
from modelwright.training.request import Trained, TrainRequest
from modelwright.training.scoring import Judge
from modelwright.training.tuners._shared import SearchPlan, grid_points
from modelwright.training.tuning import Tuning, chosen, read_range

sys.path.insert(0, str(Path(__file__).parent))
import _tables

SPACE = {"rate": Span(0.01, 1.0, log=True), "leaves": Span(2, 64, log=True, integer=True), "kind": Choice(("a", "b"))}


def search(name: str, folder: Path, trials: int = 12) -> list[dict[str, object]]:
    plan = SearchPlan(
        space=SPACE,
        seed=5,
        storage=folder / "study.journal",
        name="s",
        greater_is_better=True,
        trials=trials,
        first=({"rate": 0.1, "leaves": 31, "kind": "b"},) if name != "grid" else (),
    )
    found = plugins.load("tuners", name).start(plan)
    seen = []
    while batch := found.ask(4):
        for one in batch:
            seen.append(one.params)
        for one in batch:
            value = -abs(one.params["rate"] - 0.3) - (one.params["kind"] == "a")
            found.report(one.number, 0, value)
            found.tell(one.number, value, "done")
    assert plan.storage.exists()
    return seen


@pytest.mark.parametrize("name", ["tpe", "random", "grid"])
def test_stays_inside_and_repeats_itself(name: str, tmp_path: Path) -> None:
    first = search(name, tmp_path / "a")
    assert len(first) == 12
    for params in first:
        assert 0.01 <= params["rate"] <= 1.0
        assert isinstance(params["leaves"], int)
        assert 2 <= params["leaves"] <= 64
        assert params["kind"] in ("a", "b")
    assert search(name, tmp_path / "b") == first
    if name != "grid":
        assert first[0] == {"rate": 0.1, "leaves": 31, "kind": "b"}


def test_grid_visits_every_combination_once(tmp_path: Path) -> None:
    seen = search("grid", tmp_path, trials=100)
    assert len(seen) == len({tuple(sorted(one.items())) for one in seen}) == 4 * 4 * 2


def test_a_hopeless_trial_is_stopped(tmp_path: Path) -> None:
    plan = SearchPlan(space=SPACE, seed=1, storage=tmp_path / "s", name="s", greater_is_better=True, trials=6)
    found = plugins.load("tuners", "random").start(plan)
    for one in found.ask(5):
        found.report(one.number, 0, 1.0)
        found.tell(one.number, 1.0, "done")
    (last,) = found.ask(1)
    assert found.report(last.number, 0, 0.1)
    found.tell(last.number, None, "pruned")


def test_ranges_are_read_and_refused() -> None:
    published = Span(0.001, 1.0, log=True)
    assert read_range("r", [0.01, 0.1], published) == Span(0.01, 0.1, log=True)
    assert read_range("n", [1, 9], None) == Span(1, 9, integer=True)
    assert read_range("n", {"low": 1, "high": 9, "log": True}, None) == Span(1, 9, log=True, integer=True)
    assert read_range("c", {"choices": [1, None]}, None) == Choice((1, None))
    for bad in ([2, 1], "x", {"low": 1}, {"choices": []}, [float("nan"), 1], [True, 2]):
        with pytest.raises(SpecError, match="cannot be read"):
            read_range("r", bad, None)


def test_grid_points() -> None:
    assert grid_points(Span(1, 1000, log=True, integer=True)) == [1, 10, 100, 1000]
    assert grid_points(Choice(("x", None))) == ["x", None]


# ------------------------------------------------------------------ searches inside a training


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuned")


def tuned(cache: Path, seed: int = 7, trials: int = 8, **changes: Any) -> TrainRequest:
    spec = TuningSpec(method="random", trials=trials, space={"max_depth": [2, 6]})
    said: dict[str, Any] = {
        "model": ModelSpec(type="decision_tree"),
        "tuning": spec,
        "seed": seed,
        "workers": 1,
        "budget_s": 10_000.0,
    }
    return _tables.request(cache, **{**said, **changes})


@pytest.fixture(scope="module")
def first(cache: Path) -> Trained:
    return train(tuned(cache))


def test_a_search_is_not_repeated_and_starts_from_the_same_points(first: Trained, cache: Path) -> None:
    again = train(tuned(cache))
    assert again.timings_s["fits"] == 0  # every trial was on disk, as after a kill at the very end
    assert _tables.fingerprint(again) == _tables.fingerprint(first)


def test_a_later_search_of_the_same_data_starts_from_what_was_found(
    first: Trained, cache: Path, tmp_path: Path
) -> None:
    done = [one for one in first.trials if one["state"] == "done"]
    best = max(done, key=lambda one: one["score"])
    later = train(tuned(cache, trials=4, model=ModelSpec(type="decision_tree", imbalance="none")))
    known = [one["params"] for one in later.trials]
    assert best["params"] in known[:2]  # the defaults first, unless they are the best themselves
    assert any(step.startswith("first:decision_tree=") for step in later.plan)
    # the plan says where it started, so that a workspace without that memory replays it
    elsewhere = train(
        tuned(tmp_path, trials=4, model=ModelSpec(type="decision_tree", imbalance="none"), replay=later.plan)
    )
    assert _tables.fingerprint(elsewhere) == _tables.fingerprint(later)


def test_other_data_does_not_remember(first: Trained, cache: Path) -> None:
    asked = tuned(cache, trials=4)
    assert first.trials
    other = train(replace(asked, frame=asked.frame.with_columns(a=asked.frame["a"] + 1)))
    assert not any(step.startswith("first:") for step in other.plan)


def test_several_families_share_the_trials(tmp_path: Path) -> None:
    spec = TuningSpec(method="random", trials=13)
    model = ModelSpec(type=["decision_tree", "logistic", "knn"])
    found = train(tuned(tmp_path, tuning=spec, model=model, metric="log_loss"))
    assert [one["number"] for one in found.trials] == list(range(13))
    families = [one["family"] for one in found.trials]
    assert [len(set(families[at : at + 4])) for at in (0, 4, 8)] == [1, 1, 1]
    assert set(families[:12]) == {"decision_tree", "logistic", "knn"}
    assert all(one["seconds"] >= 0 and one["state"] in ("done", "pruned") for one in found.trials)


def test_a_lucky_trial_changes_nothing() -> None:
    """Trials within the noise of the folds leave the choice where it was; clearly better ones move it."""
    judge = a_judge()
    base = entry("tree", (0.80, 0.70, 0.75))
    lucky = entry("tree#001", (0.85, 0.69, 0.73))
    better = entry("tree#002", (0.82, 0.72, 0.771))
    found = Tuning(entries=[lucky])
    assert chosen(found, [base], judge, 5) == []
    assert "more than the noise" in found.notes[0]
    assert chosen(Tuning(entries=[lucky, better]), [base], judge, 5) == [better]


def entry(name: str, scores: tuple[float, ...]) -> Entry:
    return Entry(candidate=Candidate(name=name, family="decision_tree"), units=(), status="done", scores=scores)


def a_judge() -> Judge:
    return judge_of(_tables.request(Path()))
