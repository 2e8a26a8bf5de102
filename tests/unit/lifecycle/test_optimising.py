"""`modelwright optimize` on a bundle made by hand: what it keeps, what it refuses, what it never touches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer

from modelwright.core.errors import DataError, NotFoundError, SpecError
from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load as plugin
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.optimisation.evidence import DataAsked
from modelwright.lifecycle.optimising import Limits, OptimiseOrder, optimise
from modelwright.registry.bundle import BundleContents, load, write
from modelwright.registry.model import Member, Model
from modelwright.spec.model import FeaturesSpec
from modelwright.stats.trees_model import TreeModel
from modelwright.stats.trees_smaller import rounded, rounds_of, shortened

COLUMNS = ("a", "b", "c", "d")
LEARNED = 300


def _table() -> tuple[pl.DataFrame, np.ndarray]:
    data = load_breast_cancer()
    return pl.DataFrame(dict(zip(COLUMNS, data.data[:, [0, 1, 4, 8]].T, strict=True))), data.target.astype(np.int64)


def _model() -> Model:
    frame, y = _table()
    frame, y = frame[:LEARNED], y[:LEARNED]
    columns = [Column(name=name, type=ColumnType.NUMBER) for name in COLUMNS]
    schema = Schema(columns=(*columns, Column(name="kind", type=ColumnType.CATEGORY, role=Role.TARGET)))
    members = []
    for family, params in (("lightgbm", {"n_estimators": 60}), ("xgboost", {"n_estimators": 60}), ("logistic", {})):
        made = plugin("families", family)
        plan = planner.plan(schema, FeaturesSpec(target="kind"), made.needs, Task.BINARY, LEARNED)
        features, matrix = pipeline.fit(plan, frame, y, FitContext(seed=0))
        batch = TrainBatch(X=matrix, y=y, task=Task.BINARY, n_classes=2)
        members.append(
            Member(features=features, family=family, fitted=made.fit(batch, made.Params(**params), FitContext(seed=0)))
        )
    signature = Signature(
        inputs=tuple(SignatureField(name=name, type=ColumnType.NUMBER) for name in COLUMNS),
        task=Task.BINARY,
        target="kind",
        classes=("bad", "good"),
        target_type=ColumnType.CATEGORY,
        positive="good",
    )
    return Model(signature=signature, members=tuple(members), decision_threshold=0.5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "bundle"
    frame, y = _table()
    rows = frame[:LEARNED]
    write(folder, BundleContents(model=_model(), name="cells", sample=rows[:60], reference=rows))
    new = frame[LEARNED:].with_columns(pl.Series("kind", ["bad", "good"])[y[LEARNED:]])
    new.write_csv(folder.parent / "new.csv")
    return folder


@pytest.fixture
def order(bundle: Path, tmp_path: Path) -> Callable[..., OptimiseOrder]:
    def make(**changes: object) -> OptimiseOrder:
        known = OptimiseOrder(
            bundle=bundle,
            output=tmp_path / "small",
            limits=Limits(size_mb=0.05),
            data=DataAsked(source=str(bundle.parent / "new.csv")),
        )
        return replace(known, **changes)  # type: ignore[arg-type]

    return make


def test_a_bundle_within_its_limit_and_the_input_untouched(
    order: Callable[..., OptimiseOrder], bundle: Path, tmp_path: Path
) -> None:
    before = {file: file.read_bytes() for file in bundle.rglob("*") if file.is_file()}
    found = optimise(order(), Context(workspace=tmp_path / "space"))
    assert found["met"], found
    assert found["after"]["size_bytes"] <= 50_000 < found["before"]["size_bytes"]
    made = load(tmp_path / "small")
    assert made.digest == found["after"]["digest"] != found["before"]["digest"]
    assert made.manifest.parent == found["before"]["digest"]
    assert found["cost"]["low"] <= found["cost"]["value"] <= found["cost"]["high"]
    assert "made smaller" in made.card
    assert {file: file.read_bytes() for file in bundle.rglob("*") if file.is_file()} == before
    again = optimise(order(output=tmp_path / "again"), Context(workspace=tmp_path / "space"))
    assert again["steps"] == found["steps"]
    assert _stable(tmp_path / "again") == _stable(tmp_path / "small")


def _stable(folder: Path) -> dict[str, bytes]:
    """The files, less the scorer that was quickest just now."""
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    manifest = json.loads(files.pop("manifest.json"))
    manifest["scorers"].pop("chosen")
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def test_what_cannot_be_met_is_said_and_nothing_is_written(order: Callable[..., OptimiseOrder], tmp_path: Path) -> None:
    found = optimise(order(limits=Limits(size_mb=0.001)), Context(workspace=tmp_path / "space"))
    assert not found["met"]
    assert found["verdict"] == "NEEDS REWORK"
    assert "more than 0.001" in found["why"]
    assert found["reached"]["size_bytes"] < found["before"]["size_bytes"]
    assert not (tmp_path / "small").exists()


def test_mistakes_are_refused_with_a_way_out(order: Callable[..., OptimiseOrder], bundle: Path, tmp_path: Path) -> None:
    context = Context(workspace=tmp_path / "space")
    with pytest.raises(SpecError, match="no limit"):
        optimise(order(limits=Limits()), context)
    with pytest.raises(SpecError, match="never overwritten"):
        optimise(order(output=bundle), context)
    with pytest.raises(NotFoundError, match="no rows"):
        optimise(order(data=DataAsked(source=None)), context)
    without = tmp_path / "without.csv"
    _table()[0].write_csv(without)
    with pytest.raises(DataError, match="no column 'kind'"):
        optimise(order(data=DataAsked(source=str(without))), context)


@pytest.mark.parametrize("at", [0, 1])
def test_rounded_trees_answer_alike_and_shortened_ones_stay_trees(at: int) -> None:
    frame, _ = _table()
    member = _model().members[at]
    X = member.features.transform(frame).values
    assert isinstance(member.fitted, TreeModel)
    small = rounded(member.fitted)
    assert np.abs(small.predict(X) - member.fitted.predict(X)).max() < 1e-6
    assert (small.tables.threshold <= member.fitted.tables.threshold).all()
    cut = shortened(small, 7)
    assert rounds_of(cut) == 7
    restored = plugin("families", member.family).restore(cut.compact_state())
    assert np.array_equal(restored.predict(X), cut.predict(X))
