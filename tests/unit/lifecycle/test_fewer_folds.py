"""Many rows and few seconds: training and its proofs judge on the same fewer folds, unless the file says how many."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from modelwright.core.run import SplitSummary
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.prepare import divide, prepare
from modelwright.lifecycle.stages import learn, partition, prove
from modelwright.spec.model import CvSpec, DataSpec, EvaluationSpec, FeaturesSpec, ModelSpec, Spec, TrainingSpec
from modelwright.training import capacity
from modelwright.training.proving import Doubts


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A table of 500 rows, of which 400 are many and a tenth of a second is little."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=500)
    pl.DataFrame({"x": x, "y": np.where(x + rng.normal(size=500) > 0, "yes", "no")}).write_csv(tmp_path / "t.csv")
    monkeypatch.setattr(capacity, "MANY_ROWS", 100)
    return Spec(
        data=DataSpec(source="t.csv"),
        features=FeaturesSpec(target="y"),
        model=ModelSpec(type="naive_bayes"),
        training=TrainingSpec(budget_s=0.1, workers=1),
    )


def cut(spec: Spec, folder: Path) -> tuple[partition.Partition, learn.LearnOrder]:
    prepared = prepare(spec, folder)
    to = folder / "split"
    to.mkdir()
    partition.write(to, prepared, divide(prepared, spec, folder))
    order = learn.LearnOrder(
        spec=spec,
        problem=prepared.problem,
        classes=prepared.classes,
        metric="roc_auc",
        base_dir=folder,
        units=folder / "units",
        code="",
    )
    return partition.read(to), order


def test_training_and_proofs_judge_on_the_same_fewer_folds_and_say_so(spec: Spec, tmp_path: Path) -> None:
    parts, order = cut(spec, tmp_path)
    context = Context(workspace=tmp_path)
    assert len(parts.folds) == 5
    asked = learn.request_of(parts, order, context), prove.request_of(parts, order, context)
    assert [request.folds for request in asked] == [parts.folds[:1]] * 2
    (tmp_path / "learned").mkdir()
    learn.write(tmp_path / "learned", parts, order, context)
    learned = learn.read(tmp_path / "learned")
    (note,) = (one for one in learned.facts.notes if "folds" in one)
    assert note.startswith(f"judged on 1 of 5 folds: {parts.folds[0][1].size} of {parts.frame.height} rows")
    assert "0.1 seconds" in note
    assert not any("fold-1" in name for name in learned.facts.plan)
    proving = prove.ProveOrder(learning=order, doubts=Doubts())
    (tmp_path / "proved").mkdir()
    prove.write(tmp_path / "proved", parts, learned, proving, context)
    assert not any(name.endswith(("@2", "@5")) for name in prove.read(tmp_path / "proved").plan)


@pytest.mark.parametrize(
    "cv", [CvSpec(folds=5), CvSpec(kind="stratified"), CvSpec(repeats=2), CvSpec(folds=3, nested=True)]
)
def test_what_the_file_says_of_folds_is_done(spec: Spec, tmp_path: Path, cv: CvSpec) -> None:
    said = msgspec.structs.replace(spec, evaluation=EvaluationSpec(cv=cv))
    parts, order = cut(said, tmp_path)
    request = learn.request_of(parts, order, Context(workspace=tmp_path))
    assert len(request.folds) == len(parts.folds) == (cv.folds or 5) * cv.repeats


def test_enough_seconds_or_few_rows_keep_all_folds(spec: Spec, tmp_path: Path) -> None:
    parts, _ = cut(spec, tmp_path)
    kept = [
        len(learn.folds_of(parts, msgspec.structs.replace(spec, training=TrainingSpec(budget_s=seconds))))
        for seconds in (0.1, 0.2, 0.6)
    ]
    assert kept == [1, 3, 5]
    assert parts.summary.kind == "stratified"


def test_folds_forward_in_time_are_kept_from_the_last(spec: Spec, tmp_path: Path) -> None:
    import dataclasses

    parts, _ = cut(spec, tmp_path)
    summary = SplitSummary(kind="time", reason="", rows={})
    forward = dataclasses.replace(parts, summary=summary)
    assert learn.folds_of(forward, spec) == parts.folds[-1:]
