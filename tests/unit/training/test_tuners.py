"""Tuners: inside the space, the same again with the same seed, grids exhausted."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core import plugins
from modelwright.core.errors import SpecError
from modelwright.core.ports import Choice, Span
from modelwright.training.tuners._shared import SearchPlan, grid_points
from modelwright.training.tuning import read_range

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
