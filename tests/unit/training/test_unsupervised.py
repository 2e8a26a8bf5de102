"""Without a target: the number of clusters found, anomalies scored, the same again the second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import SpecError
from modelwright.core.nouns import Column, ColumnType, Schema, Task
from modelwright.spec.model import ModelSpec
from modelwright.training.engine import train
from modelwright.training.request import TrainRequest


def blobs(cache: Path, task: Task, **changes: Any) -> TrainRequest:
    rng = np.random.default_rng(3)
    centre = rng.integers(0, 3, 300)
    frame = pl.DataFrame({"a": centre * 8 + rng.normal(size=300), "b": (centre % 2) * 8 + rng.normal(size=300)})
    schema = Schema(columns=tuple(Column(name=name, type=ColumnType.NUMBER) for name in "ab"))
    known = {"frame": frame, "schema": schema, "metric": "", "cache": cache, "budget_s": 120.0, "workers": 1, "seed": 7}
    return TrainRequest(**{**known, "task": task, **changes})


def test_three_clusters_are_found(tmp_path: Path) -> None:
    asked = blobs(tmp_path, Task.CLUSTERING, model=ModelSpec(type="kmeans"))
    found = train(asked)
    assert found.chosen_family == "kmeans"
    assert 3 in found.chosen_params.values()
    assert found.leaderboard[0].chosen
    assert np.unique(found.model.predict(asked.frame).labels).size == 3
    assert found.oof.labels is not None
    np.testing.assert_array_equal(found.oof.labels, found.model.predict(asked.frame).labels)
    assert train(asked).plan == found.plan


def test_anomalies_are_scored_higher(tmp_path: Path) -> None:
    asked = blobs(tmp_path, Task.ANOMALY)
    found = train(asked)
    strange = asked.frame.vstack(pl.DataFrame({"a": [100.0], "b": [-100.0]}))
    values = found.model.predict(strange).values
    assert values is not None
    assert values.argmax() == 300


def test_a_family_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be used"):
        train(blobs(tmp_path, Task.CLUSTERING, model=ModelSpec(type="lightgbm")))
