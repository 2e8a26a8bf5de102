"""A table that would not fit: the run draws rows, says so, and its record draws the same rows again anywhere."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Role
from modelwright.core.tables import Dataset
from modelwright.lifecycle import prepare as preparing
from modelwright.lifecycle.looking import look
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.operations import check_data, init, profile
from modelwright.lifecycle.pipeline import Order, _as_drawn, execute
from modelwright.lifecycle.prepare import prepare
from modelwright.lifecycle.stages import learn
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


def test_the_whole_table_is_gone_before_training(spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training reads the development rows from files; the table would only lie beside them."""
    whole = prepare(spec, tmp_path).dataset.n_rows
    heights: list[int] = []

    def watched(*_arguments: Any) -> bool:
        gc.collect()
        found = [one for one in gc.get_objects() if type(one) in (Dataset, pl.DataFrame)]
        heights.extend(one.frame.height if isinstance(one, Dataset) else one.height for one in found)
        raise ModelError("seen enough", code="training.nothing")

    monkeypatch.setattr(learn, "write", watched)
    order = Order(spec=spec, text="", base_dir=tmp_path, name="seen", register=False)
    with pytest.raises(ModelError, match="seen enough"):
        execute(order, Context(workspace=tmp_path / "workspace"))
    assert whole not in heights
    assert any(0.5 * whole < height < whole for height in heights)


def test_looking_profiling_and_checking_draw_as_a_run_does(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "table_bytes", lambda _share, _workers: 60_000)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(
        "version: 1\ndata: {source: t.parquet}\nfeatures: {target: y, time: day}\n"
        "training: {memory_share: 0.5, seed: 4}\n"
    )
    said: list[str] = []
    context = Context(workspace=tmp_path / "workspace", progress=lambda event: said.append(event.message))
    seen = look("t.parquet", target="y")
    assert any("training.memory_share" in note for note in seen.dataset.notes)
    described = profile.perform(profile.Request(data="t.parquet", target="y"), context)
    proposed = init.perform(init.Request(data="t.parquet", target="y", output="other.yaml"), context)
    checked = check_data.perform(check_data.Request(pipeline="pipeline.yaml"), context)
    assert described["rows"] == proposed["rows"] == seen.dataset.n_rows < 3_000
    assert checked["rows"] == prepare(spec, tmp_path).dataset.n_rows
    assert sum("training.memory_share" in message for message in said) == 3
    assert any("training.memory_share" in note for note in checked["notes"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_counts_the_rows_is_known_after_drawing(tmp_path: Path, kind: str) -> None:
    """Its gaps look like a measurement's; only who drew the rows knows which they were."""
    n = 3_000
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "": np.arange(1, n + 1),
            "instant": np.arange(n),
            "code": [f"{at:05d}" for at in range(n)],
            "ever more": np.cumsum(rng.integers(1, 3, n)),  # sorted and all different as well, but it measures
            "year": np.arange(n),
            "x": rng.normal(size=n),
            "y": rng.choice(["no", "yes"], n),
        }
    ).rename({"": "Unnamed: 0"})
    frame.write_csv(tmp_path / "t.csv") if kind == "csv" else frame.write_parquet(tmp_path / "t.parquet")
    found = []
    for rate in (1.0, 0.2):
        said = Spec(data=DataSpec(source=f"t.{kind}", sample_rate=rate), features=FeaturesSpec(target="y"))
        schema = prepare(said, tmp_path).dataset.schema
        found.append({column.name: (column.type, column.role) for column in schema.columns})
    assert found[0] == found[1]
    assert [name for name, (_, role) in found[1].items() if role is Role.ID] == ["Unnamed: 0", "instant", "code"]
    asked = Spec(
        data=DataSpec(source=f"t.{kind}", sample_rate=0.2),
        features=FeaturesSpec(target="y", numerical=["Unnamed: 0", "x"]),
    )
    assert {one.name for one in prepare(asked, tmp_path).dataset.schema.features} == {"Unnamed: 0", "x"}
