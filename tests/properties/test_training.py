"""Properties of training: no fit sees the rows it is judged on, and resampling never leaves the learn rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.spec.model import FeaturesSpec
from modelwright.training import bench
from modelwright.training.candidates import Candidate
from modelwright.training.fitting import Fitter
from modelwright.training.request import TrainRequest
from modelwright.training.units import UnitStore
from modelwright.training.weighting import balance, inner_slice

SCHEMA = Schema(
    columns=(
        Column(name="x", type=ColumnType.NUMBER),
        Column(name="kind", type=ColumnType.CATEGORY),
        Column(name="answer", type=ColumnType.CATEGORY, role=Role.TARGET),
    )
)
ROWS = 60


def table(seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(size=ROWS), rng.choice(["a", "b", "c"], ROWS)
    y = ((x + (kind == "a") + rng.normal(size=ROWS)) > 0).astype(np.int64)
    return pl.DataFrame({"x": x, "kind": kind, "answer": [str(value) for value in y]}), y


def judged(frame: pl.DataFrame, y: np.ndarray, fold: tuple[np.ndarray, np.ndarray], weighting: str) -> np.ndarray:
    """Predictions of the fold's judge rows by one unit, fit in this process."""
    with tempfile.TemporaryDirectory() as folder:
        request = TrainRequest(
            frame=frame,
            schema=SCHEMA,
            task=Task.BINARY,
            metric="roc_auc",
            cache=Path(folder),
            y=y,
            classes=("0", "1"),
            folds=[fold],
            features=FeaturesSpec(target="answer"),
        )
        store = UnitStore(Path(folder) / "units")
        fitter = Fitter(bench=bench.lay(request, Path(folder) / "bench"), store=store)
        unit = Candidate(name="decision_tree", family="decision_tree", weighting=weighting).unit(0, 0)  # type: ignore[arg-type]
        return store.predictions(fitter.run(unit).key)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.sampled_from(["none", "class_weight", "oversample", "undersample"]))
def test_what_judge_rows_say_cannot_change_the_fit(seed: int, weighting: str) -> None:
    frame, y = table(seed)
    rng = np.random.default_rng(seed + 1)
    judge = np.sort(rng.permutation(ROWS)[:20])
    learn = np.setdiff1d(np.arange(ROWS), judge)
    first = judged(frame, y, (learn, judge), weighting)
    # every judge row but the first gets other values, and all of them the opposite answer
    flipped = y.copy()
    flipped[judge] = 1 - flipped[judge]
    x, kind = frame["x"].to_numpy().copy(), frame["kind"].to_list()
    x[judge[1:]] += 1e3
    for row in judge[1:]:
        kind[row] = "never seen"
    other = pl.DataFrame({"x": x, "kind": kind, "answer": [str(value) for value in flipped]})
    second = judged(other, flipped, (learn, judge), weighting)
    np.testing.assert_array_equal(first[0], second[0])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=300), st.integers(0, 99))
def test_resampling_stays_inside_and_equals_the_classes(labels: list[int], seed: int) -> None:
    y = np.array(labels, dtype=np.int64)
    for how in ("oversample", "undersample", "class_weight", "none"):
        rows, weight = balance(y, 4, how, seed)  # type: ignore[arg-type]
        assert rows.min() >= 0
        assert rows.max() < y.size
        assert set(y[rows].tolist()) == set(labels)
        if how in ("oversample", "undersample"):
            counts = np.bincount(y[rows], minlength=4)
            assert np.unique(counts[counts > 0]).size == 1
        if weight is not None:
            assert np.isclose(weight.sum(), y.size)


@given(st.integers(1, 900), st.integers(0, 99), st.sampled_from([Task.BINARY, Task.REGRESSION]))
def test_early_stopping_rows_are_a_part_of_the_learn_rows(n: int, seed: int, task: Task) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n) if task is Task.BINARY else rng.normal(size=n)
    kept, held = inner_slice(y, task, seed=seed)
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(n))
    assert kept.size > held.size or n < 300
