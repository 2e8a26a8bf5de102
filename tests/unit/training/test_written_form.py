"""Dates and decimals in the form of the file mean at serving what they meant in training, one row at a time too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Task
from modelwright.data.conform import conform
from modelwright.data.read import ReadOptions, read_table
from modelwright.data.schema import infer
from modelwright.registry import bundle
from modelwright.spec.model import FeaturesSpec
from modelwright.training import bench, finishing
from modelwright.training.candidates import Candidate
from modelwright.training.fitting import Fitter
from modelwright.training.request import TrainRequest
from modelwright.training.units import UnitStore

BIKE = Path(__file__).parents[4] / "shared" / "data" / "bike_hourly.csv"


def bike(folder: Path) -> tuple[Path, str]:
    """Five weeks of the real table: most of its dates read both as month first and as day first."""
    if not BIKE.exists():
        pytest.skip("the shared tables are not here")
    file = folder / "bike.csv"
    with BIKE.open() as lines:
        file.write_text("".join(next(lines) for _ in range(900)))
    return file, "cnt"


def commas(folder: Path) -> tuple[Path, str]:
    """Day first with slashes, decimal commas, dots between thousands: most rows alone would mean something else."""
    rng = np.random.default_rng(2)
    lines = ["day;weight;price"]
    for at in range(400):
        day, month, weight = at % 28 + 1, at % 12 + 1, int(rng.integers(1_000, 9_999))
        price = f"{10 * month + day + weight / 100:.2f}".replace(".", ",")
        written = f"{weight // 1000}.{weight % 1000:03d}" + (",50" if at % 3 == 0 else "")
        lines.append(f"{day:02d}/{month:02d}/2023;{written};{price}")
    file = folder / "commas.csv"
    file.write_text("\n".join(lines) + "\n")
    return file, "price"


@pytest.mark.parametrize("table", [bike, commas])
def test_the_bundle_reads_raw_rows_as_training_did(table, tmp_path: Path) -> None:
    file, target = table(tmp_path)
    raw = read_table(str(file), ReadOptions(), base_dir=tmp_path, cache_dir=tmp_path)
    features = FeaturesSpec(target=target, ignore=["instant", "casual", "registered"] if target == "cnt" else [])
    schema = infer(raw.frame, features, {})
    frame = conform(raw, schema).frame
    request = TrainRequest(
        frame=frame,
        schema=schema,
        task=Task.REGRESSION,
        metric="rmse",
        cache=tmp_path,
        y=frame[target].cast(pl.Float64).to_numpy(),
        features=features,
    )
    store = UnitStore(tmp_path / "units")
    candidate = Candidate(name="decision_tree", family="decision_tree", params={"max_depth": 12})
    fitter = Fitter(bench=bench.lay(request, tmp_path / "bench"), store=store)
    model = finishing.assemble(
        request, store, [finishing.Part(family=candidate.family, key=fitter.run(candidate.unit(0, None)).key)]
    )
    trained = model.predict(frame).values
    assert trained is not None
    assert np.unique(trained).size > 50

    contents = bundle.BundleContents(model=model, name="written", sample=frame.head(60), reference=frame)
    bundle.write(tmp_path / "bundle", contents)
    loaded = bundle.load(tmp_path / "bundle", probe=False)
    np.testing.assert_array_equal(loaded.predict(raw.frame).values, trained)
    for row in range(0, frame.height, 61):
        alone = raw.frame.row(row, named=True)
        assert loaded.predict_row(alone).values[0] == pytest.approx(trained[row], rel=1e-12)
        assert loaded.predict(raw.frame[row]).values[0] == pytest.approx(trained[row], rel=1e-12)
