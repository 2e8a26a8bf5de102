"""A table that would not fit: the run draws rows, says so, and its record draws the same rows again anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelwright.lifecycle import prepare as preparing
from modelwright.lifecycle.pipeline import _as_drawn
from modelwright.lifecycle.prepare import prepare
from modelwright.spec.model import DataSpec, FeaturesSpec, Spec, TrainingSpec


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    rng = np.random.default_rng(2)
    day = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 6, 30), "1h", eager=True)
    frame = pl.DataFrame({"day": day, "x": rng.normal(size=day.len()), "y": rng.choice(["no", "yes"], day.len())})
    frame.write_parquet(tmp_path / "t.parquet")
    return Spec(
        data=DataSpec(source="t.parquet"), features=FeaturesSpec(target="y", time="day"), training=TrainingSpec(seed=4)
    )


def test_what_memory_forces_is_recorded_and_repeated(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepare(spec, tmp_path)
    assert whole.sample_rate == 1.0
    assert _as_drawn(spec, whole) == spec
    monkeypatch.setattr(preparing, "table_bytes", lambda _share, _workers: 60_000)
    drawn = prepare(spec, tmp_path)
    assert 0.1 < drawn.sample_rate < 1.0
    assert drawn.dataset.frame["day"].is_sorted()
    assert any("training.memory_share" in note for note in drawn.dataset.notes)
    assert drawn.digest != whole.digest
    assert drawn.dataset.digest != whole.dataset.digest
    monkeypatch.undo()
    again = prepare(_as_drawn(spec, drawn), tmp_path)
    assert again.dataset.frame.equals(drawn.dataset.frame)
    assert (again.digest, again.dataset.digest) == (drawn.digest, drawn.dataset.digest)
