"""A process that serves rows loads no table library and nothing that only training needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelwright.core.errors import ModelError
from modelwright.registry import bundle
from modelwright.serving import live
from tests.unit.registry import bundle_parts as parts
from tests.unit.serving.served_models import ROW

_SERVE = """
import json, sys
from pathlib import Path
from modelwright.serving import live
from modelwright.serving.asking import Ask
from modelwright.serving.plane import Plane

plane = Plane()
plane.put(live.load(Path(sys.argv[1]), "lean", 1, probe=False))
body = json.dumps({"rows": [json.loads(sys.argv[2])]}).encode()
answers = [json.loads(plane.answer(Ask(model="lean", body=body)).body) for _ in range(10)]
many = json.dumps({"rows": [json.loads(sys.argv[2])] * 50}).encode()
answers.append(json.loads(plane.answer(Ask(model="lean", body=many)).body))
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024
print(json.dumps({"modules": sorted(sys.modules), "predictions": answers[-1]["predictions"][:2], "mb": peak}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = parts.mixed()
    made = parts.model(table, ["lightgbm", "random_forest"], decision_threshold=0.4)
    where = tmp_path_factory.mktemp("lean") / "bundle"
    bundle.write(where, parts.contents(made, table, choose="compiled"))
    return where


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_rows_are_served_without_tables_or_training_libraries(folder: Path) -> None:
    command = [sys.executable, "-I", "-c", _SERVE, str(folder), json.dumps(ROW)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    roots = {name.split(".")[0] for name in found["modules"]}
    heavy = {"polars", "pandas", "pyarrow", "sklearn", "scipy", "onnx", "onnxruntime", "lightgbm", "mlflow", "uvicorn"}
    assert not roots & heavy
    assert "numpy" in roots
    assert found["mb"] < 65


def test_golden_rows_are_rechecked_by_the_road_that_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = live.load(folder, "lean", 1, probe=False)
    assert one.scoring.lean
    assert one.batch_gain > 0
    row = one.scoring.row
    assert row is not None

    def off(values: object) -> object:
        outcome = row(values)  # type: ignore[arg-type]
        assert outcome.probabilities is not None
        outcome.probabilities = [[no - 0.001, yes + 0.001] for no, yes in outcome.probabilities]
        return outcome

    monkeypatch.setattr(one.scoring, "row", off)
    with pytest.raises(ModelError) as caught:
        one.recheck()
    assert caught.value.code == "bundle.golden"
