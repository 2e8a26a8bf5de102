"""No transformer, tuner, threshold or calibrator has seen a test row.

Whatever the test rows hold, training leaves the same bytes behind: model, calibrator, thresholds, out-of-fold
predictions, scores of every candidate and trial. One changed training row does change them.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.digests import digest
from modelwright.evaluation.catalog import resolve
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.prepare import Division, Prepared, divide, prepare
from modelwright.lifecycle.stages import learn, partition
from modelwright.spec.load import load_spec_text
from modelwright.spec.model import Spec

ROWS = 240
MARK = "qzjxwsealedwxjzq"
ODD = 98765.4321

#: one spec for classes, with everything that learns from data; one for times and values, with windows and tuning
SPECS = {
    "classes": """
        data: {source: table.csv, train_split: 0.6, val_split: 0.2, test_split: 0.2, split: {kind: stratified}}
        features: {target: bought, numerical: [size, weight], categorical: [kind, city], text: [words], dates: [seen],
                   crosses: [[kind, city]], target_rates: true, derived: {ratio: size / weight}}
        model: {type: [logistic, decision_tree], imbalance: class_weight}
        evaluation: {metric: f1, threshold: 0.6, cv: {folds: 3}}
        training: {budget_s: 600, workers: 1, seed: 5}
    """,
    "values": """
        data: {source: table.csv, train_split: 0.6, val_split: 0.2, test_split: 0.2, split: {kind: time}}
        features: {target: price, numerical: [size, weight], categorical: [kind, city], ignore: [bought, words],
                   time: seen, target_rates: true,
                   windows: [{name: lately, column: size, entity: city, window: 20rows}]}
        model: {type: ridge}
        tuning: {method: random, trials: 2}
        evaluation: {metric: rmse, cv: {folds: 2}}
        training: {budget_s: 600, workers: 1, seed: 5}
    """,
}


def table() -> pl.DataFrame:
    rng = np.random.default_rng(4)
    size, weight = rng.normal(10, 3, ROWS), rng.uniform(1, 5, ROWS)
    kind, city = rng.choice(["red", "green", "blue"], ROWS), rng.choice([f"town {n}" for n in range(12)], ROWS)
    good = rng.random(ROWS) < 0.5
    words = [f"{'fine new' if yes else 'old worn'} thing with number {at % 17} in it" for at, yes in enumerate(good)]
    signal = size + 4 * (kind == "red") + 3 * good + rng.normal(0, 3, ROWS)
    size = np.where(rng.random(ROWS) < 0.1, np.nan, size)
    return pl.DataFrame(
        {
            "size": pl.Series(size, nan_to_null=True),
            "weight": weight,
            "kind": kind,
            "city": city,
            "words": words,
            "seen": [f"2024-{1 + at // 20:02d}-{1 + at % 20:02d}" for at in range(ROWS)],
            "price": signal,
            "bought": np.where(signal > 14, "yes", "no"),
        }
    )


@dataclass(frozen=True)
class Made:
    spec: Spec
    prepared: Prepared
    division: Division
    kept: dict[str, str]
    where: Path


def made(name: str, folder: Path) -> Made:
    table().write_csv(folder / "table.csv")
    spec = load_spec_text(SPECS[name], "pipeline.yaml").spec
    prepared = prepare(spec, folder)
    division = divide(prepared, spec, folder)
    return Made(spec, prepared, division, trained(spec, prepared, division, folder / "first"), folder)


def trained(spec: Spec, prepared: Prepared, division: Division, folder: Path) -> dict[str, str]:
    """Partition and learn with an empty cache; a digest of everything that training leaves behind."""
    split, learned = folder / "split", folder / "learned"
    split.mkdir(parents=True)
    learned.mkdir()
    partition.write(split, prepared, division)
    order = learn.LearnOrder(
        spec=spec,
        problem=prepared.problem,
        classes=prepared.classes,
        metric=resolve(spec.evaluation.metric, prepared.problem.task)[0],
        base_dir=folder,
        units=folder / "units",
        code="",
    )
    assert learn.write(learned, partition.read(split), order, Context(workspace=folder))
    files = {str(file.relative_to(learned)): file.read_bytes() for file in learned.rglob("*") if file.is_file()}
    files["facts.json"] = json.dumps(without_clock(json.loads(files["facts.json"]))).encode()
    return {name: digest(content) for name, content in files.items()}


def without_clock(value: Any) -> Any:
    """The same JSON value without what was timed."""
    if isinstance(value, dict):
        return {k: without_clock(v) for k, v in value.items() if not any(t in k for t in ("_s", "seconds", "_us"))}
    return [without_clock(one) for one in value] if isinstance(value, list) else value


def with_rows(prepared: Prepared, rows: np.ndarray, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Prepared:
    """The same table with some rows changed, and y as they now say."""
    frame = prepared.dataset.frame
    mask = pl.Series(np.isin(np.arange(frame.height), rows))
    other = change(frame)
    columns = [pl.when(mask).then(other[name]).otherwise(frame[name]).alias(name) for name in frame.columns]
    mixed = frame.select(columns)
    target = mixed[str(prepared.problem.target)]
    if prepared.classes:
        y = np.array([prepared.classes.index(label) for label in target.to_list()], dtype=np.int64)
    else:
        y = target.to_numpy()
    return replace(prepared, dataset=replace(prepared.dataset, frame=mixed), y=y)


def other_features(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        size=pl.lit(1e6),
        weight=-pl.col("weight"),
        kind=pl.lit("never seen"),
        city=pl.lit(None, dtype=pl.String),
        words=pl.lit(MARK),
    )


def other_targets(frame: pl.DataFrame) -> pl.DataFrame:
    flipped = pl.col("bought").replace({"yes": "no", "no": "yes"}) if frame["bought"].dtype == pl.String else "bought"
    return frame.with_columns(bought=flipped, price=-100 * pl.col("price"))


@pytest.fixture(scope="module", params=list(SPECS))
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(request.param, tmp_path_factory.mktemp(request.param))


def test_other_test_rows_leave_the_same_bytes(first: Made, tmp_path: Path) -> None:
    changed = with_rows(first.prepared, first.division.split.test, lambda f: other_targets(other_features(f)))
    assert not changed.dataset.frame.equals(first.prepared.dataset.frame)
    assert not np.array_equal(changed.y, first.prepared.y)
    assert trained(first.spec, changed, first.division, tmp_path) == first.kept
    assert {"model/model.json", "oof_rows.npy", "facts.json"} <= set(first.kept)


def test_one_other_training_row_does_not(first: Made, tmp_path: Path) -> None:
    changed = with_rows(first.prepared, first.division.split.train[:1], lambda f: other_targets(other_features(f)))
    kept = trained(first.spec, changed, first.division, tmp_path)
    different = {name for name in first.kept if kept.get(name) != first.kept[name]}
    assert {"model/model.json", "facts.json"} <= different
    assert any(name.startswith("oof_") for name in different)


def test_what_was_compared_holds_every_learned_part(first: Made) -> None:
    """The proof would be empty if the model had no threshold, target rates, text or filled values to compare."""
    model = (first.where / "first" / "learned" / "model" / "model.json").read_text()
    facts = json.loads((first.where / "first" / "learned" / "facts.json").read_text())
    assert {"fill", "target_rate"} <= set(re.findall(r"fill|target_rate|one_hot", model))
    if first.prepared.classes:
        assert json.loads(model)["decision_threshold"] is not None
        assert '"text"' in model
        assert "calibration" in facts["plan"]
        assert {row["family"] for row in facts["leaderboard"]} >= {"logistic", "decision_tree"}
    else:
        assert len(facts["trials"]) == 2
        assert '"window"' in model


def test_the_split_itself_reads_no_feature(first: Made, tmp_path: Path) -> None:
    """From the file on: other feature values in test rows give the same division and the same types."""
    changed = with_rows(first.prepared, first.division.split.test, other_features)
    changed.dataset.frame.write_csv(tmp_path / "table.csv")
    prepared = prepare(first.spec, tmp_path)
    division = divide(prepared, first.spec, tmp_path)
    for part in ("train", "val", "test"):
        np.testing.assert_array_equal(getattr(division.split, part), getattr(first.division.split, part))
    types = [(column.name, column.type, column.role) for column in prepared.dataset.schema.columns]
    assert types == [(column.name, column.type, column.role) for column in first.prepared.dataset.schema.columns]


def test_no_file_that_training_can_reach_holds_a_test_row(first: Made, tmp_path: Path) -> None:
    """Test rows carry a mark that no other row has; not even as dead bytes in a buffer is it in any other file."""
    if not first.prepared.classes:
        pytest.skip("the table of classes has the texts")
    marked = with_rows(
        first.prepared, first.division.split.test, lambda f: f.with_columns(words=pl.lit(MARK), weight=pl.lit(ODD))
    )
    trained(first.spec, marked, first.division, tmp_path / "work")
    holding = {
        str(file.relative_to(tmp_path / "work"))
        for file in (tmp_path / "work").rglob("*")
        if file.is_file() and any(mark in file.read_bytes() for mark in (MARK.encode(), struct.pack("<d", ODD)))
    }
    assert holding == {"split/sealed/test.arrow"}
    sealed = (tmp_path / "work" / "split" / "sealed" / "test.arrow").read_bytes()
    assert MARK.encode() in sealed
    assert struct.pack("<d", ODD) in sealed
