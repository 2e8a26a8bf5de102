"""More than sixty pipelines through the predict plane: what is served equals the training path, and so does its log.

Bit for bit where all members are trees, to 1e-9 otherwise; decisions are equal but where both sides are within 1e-9 of
the threshold. Everything goes through JSON, one row at a time and together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import ColumnType, Task
from modelwright.core.tables import Predictions
from modelwright.records.prediction import Prediction, decode
from modelwright.registry import adversarial, scorers
from modelwright.registry.model import Model, from_files, to_files
from modelwright.serving.asking import Ask
from modelwright.serving.live import Served
from modelwright.serving.plane import Plane
from tests.contracts import test_pipeline_zoo as pipelines
from tests.unit.serving.served_models import Kept, served

TREES = {"decision_tree", "random_forest", "extra_trees", "hist_gb", "lightgbm", "xgboost", "catboost"}
_EPOCH = datetime.fromisoformat("1970-01-01")
_SINGLES = 8


def rows_of(model: Model, frame: pl.DataFrame) -> pl.DataFrame:
    """Ordinary rows and a few of each adversarial kind."""
    kinds = adversarial.rows_by_kind(frame.head(40), model.signature, seed=23)
    return pl.concat([frame.head(6), *(rows.head(6) for rows in kinds.values() if rows.height)], how="vertical_relaxed")


def in_json(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def replies(plane: Plane, rows: list[dict[str, Any]]) -> Iterator[tuple[slice, dict[str, Any]]]:
    """All rows in one request, then some of them alone."""
    every = {name: [row[name] for row in rows] for name in rows[0]}
    yield slice(0, len(rows)), json.loads(plane.answer(Ask(model="zoo", body=_body({"rows": rows}))).body)
    yield slice(0, len(rows)), json.loads(plane.answer(Ask(model="zoo", body=_body({"columns": every}))).body)
    for at in range(0, len(rows), max(1, len(rows) // _SINGLES)):
        body = _body({"rows": [rows[at]]})
        yield slice(at, at + 1), json.loads(plane.answer(Ask(model="zoo", body=body)).body)


def _body(request: dict[str, Any]) -> bytes:
    return json.dumps(request, allow_nan=False).encode()


def compare(model: Model, names: str, truth: Predictions, part: slice, reply: dict[str, Any]) -> None:
    exact = set(names.split("+")) <= TREES
    signature, threshold = model.signature, model.decision_threshold
    if signature.task is Task.REGRESSION:
        assert truth.values is not None
        wanted, found = truth.values[part], np.array(reply["predictions"])
        close = np.array_equal(found, wanted) if exact else np.allclose(found, wanted, rtol=1e-9, atol=1e-9)
        assert close, f"off by {np.abs(found - wanted).max()}"
        return
    assert truth.probabilities is not None
    assert truth.labels is not None
    wanted = truth.probabilities[part]
    found = np.array([[row[name] for name in signature.classes] for row in reply["probabilities"]])
    if exact:
        assert np.array_equal(found, wanted), f"off by {np.abs(found - wanted).max()}"
    else:
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    labels = [signature.classes[label] for label in truth.labels[part]]
    differ = [at for at, (ours, theirs) in enumerate(zip(reply["predictions"], labels, strict=True)) if ours != theirs]
    for at in differ:
        top = np.sort(wanted[at])[::-1]
        gap = abs(wanted[at, 1] - threshold) if threshold is not None else top[0] - top[1]
        assert not exact
        assert gap <= 1e-9


@pytest.mark.parametrize(("names", "task", "recipe"), pipelines.zoo())
def test_what_is_served_equals_the_training_path(names: str, task: Task, recipe: str) -> None:
    trained = pipelines.built(names, task, recipe)
    model = from_files(to_files(trained))
    frame = rows_of(model, pipelines.table(task, recipe).frame)
    truth = trained.predict(frame)
    one, log = served(model), Kept()
    assert one.scoring.lean
    plane = Plane(log)
    plane.put(one)
    rows = in_json(frame)
    for part, reply in replies(plane, rows):
        compare(trained, names, truth, part, reply)
    replayed(one, frame, log)


def replayed(one: Served, frame: pl.DataFrame, log: Kept) -> None:
    """What stands in the log leads to the features of the training path, bit for bit."""
    moments = [at for at, field in enumerate(one.signature.inputs) if field.type is ColumnType.DATETIME]
    record = decode(log.records[0])
    assert isinstance(record, Prediction)
    assert record.schema == one.schema.number
    wanted = [member.features.transform(frame).values for member in one.model.members]
    distinct = {id(member.features): values for member, values in zip(one.model.members, wanted, strict=True)}
    for number, stored in enumerate(record.rows):
        assert stored is not None
        values = list(stored)
        for at in moments:
            values[at] = None if values[at] is None else _EPOCH + timedelta(microseconds=values[at])
        key = one.scoring.key(tuple(values))
        assert key is not None
        found = np.frombuffer(key)
        assert np.array_equal(found, np.concatenate([m[number] for m in distinct.values()]), equal_nan=True)


def test_trees_walked_together_answer_as_the_training_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large ensembles walk all trees of a row at once; here they are small, and made to."""
    monkeypatch.setattr(scorers, "_CACHED", 0)
    names = "lightgbm+xgboost+extra_trees"
    trained = pipelines.built(names, Task.BINARY, "gaps")
    frame = rows_of(trained, pipelines.table(Task.BINARY, "gaps").frame)
    plane = Plane()
    plane.put(served(trained))
    for part, reply in replies(plane, in_json(frame)):
        compare(trained, names, trained.predict(frame), part, reply)


@pytest.mark.parametrize("chosen", ["onnx", "reference"])
@pytest.mark.parametrize("batch_only", [False, True])
def test_other_scorers_and_tables_answer_as_the_training_path(chosen: str, batch_only: bool) -> None:
    trained = pipelines.built("lightgbm", Task.BINARY, "gaps")
    frame = rows_of(trained, pipelines.table(Task.BINARY, "gaps").frame)
    plane = Plane()
    one = served(trained, chosen=chosen, batch_only=batch_only)
    assert not one.scoring.lean
    plane.put(one)
    for part, reply in replies(plane, in_json(frame)):
        compare(trained, "close enough", trained.predict(frame), part, reply)
