"""A student learns its teacher's answers, in every task, and what it learns is named by its content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from modelwright.core.errors import StateError
from modelwright.core.nouns import Task
from modelwright.core.plugins import load
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.core.tables import Matrix
from modelwright.training import bench, distilling, soft_targets
from modelwright.training.candidates import Candidate
from modelwright.training.fitting import Fitter
from modelwright.training.units import UnitStore

from ._tables import request


def _batch(n: int = 600, classes: int = 2) -> tuple[TrainBatch, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    raw = np.stack([np.zeros(n), *(1.5 * X[:, at] for at in range(classes - 1))], axis=1)
    shares = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    y = (rng.random(n)[:, None] > shares.cumsum(axis=1)).sum(axis=1).astype(np.int64)
    task = Task.BINARY if classes == 2 else Task.MULTICLASS
    return TrainBatch(X=Matrix(values=X, names=("a", "b", "c")), y=y, task=task, n_classes=classes), shares


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_a_student_is_nearer_to_the_shares_than_one_that_learned_labels(name: str, classes: int) -> None:
    family = load("families", name)
    batch, shares = _batch(classes=classes)
    params, context = family.Params(n_estimators=60), FitContext(seed=0)
    taught = family.fit(soft_targets.taught(batch, shares, family), params, context)
    plain = family.fit(batch, params, context)
    X = batch.X.values
    assert np.abs(taught.predict(X) - shares).mean() < 0.5 * np.abs(plain.predict(X) - shares).mean()
    assert np.array_equal(family.restore(taught.state()).predict(X), taught.predict(X))


def test_values_replace_values() -> None:
    batch = replace(_batch()[0], task=Task.REGRESSION, y=np.zeros(600), n_classes=0)
    assert soft_targets.taught(batch, np.ones(600), None).y is not None
    assert np.array_equal(np.asarray(soft_targets.taught(batch, np.ones(600), None).y), np.ones(600))


def test_the_noisier_the_labels_the_more_the_teacher_counts() -> None:
    rng = np.random.default_rng(1)
    signal = rng.normal(size=500)
    quiet, loud = (distilling.noise(signal + rng.normal(scale=s, size=500), signal) for s in (0.1, 1.0))
    assert quiet < 0.05 < 0.3 < loud <= 1.0
    y = (rng.random(500) < 0.5).astype(np.int64)
    even = np.full((500, 2), 0.5)
    assert distilling.noise(y, even) == pytest.approx(1.0, abs=0.01)


def test_units_of_a_student_are_named_by_what_they_learn(tmp_path: Path) -> None:
    made = request(tmp_path)
    laid = bench.lay(made, tmp_path / "bench")
    rows = np.arange(0, 400, 2)
    answers = np.full((rows.size, 2), 0.5)
    taught = distilling.teach(laid, rows, answers, share=0.5)
    assert distilling.teach(laid, rows, answers, share=0.5) == taught
    stored = soft_targets.load(laid.folder, taught)
    assert np.array_equal(stored[1::2].argmax(axis=1), np.asarray(made.y)[1::2])
    assert set(np.unique(stored[::2])) == {0.25, 0.75}
    candidate = distilling.student(taught, n_rows=400, n_columns=3, n_classes=2, share=0.05)
    unit, other = candidate.unit(7, 0), replace_teacher(candidate, "").unit(7, 0)
    assert unit.key(laid.job) != other.key(laid.job)
    fitter = Fitter(bench=bench.read(laid.folder), store=UnitStore(tmp_path / "units"))
    student, plain = (fitter.store.predictions(fitter.run(one).key) for one in (unit, other))
    assert student.shape == plain.shape
    assert not np.array_equal(student, plain)


def replace_teacher(candidate: Candidate, teacher: str) -> Candidate:
    return msgspec.structs.replace(candidate, teacher=teacher)


def test_a_teacher_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="not on the bench") as raised:
        soft_targets.load(tmp_path, "0" * 32)
    assert raised.value.code == "teacher.missing"
