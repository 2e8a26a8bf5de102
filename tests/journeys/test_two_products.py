"""An ensemble through the real door: two products, scored by name, made again byte for byte, resumed after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

#: few families and far more time than they need: nothing here depends on how fast the machine is
FILE = """\
data: {source: "sklearn:breast_cancer"}
features: {target: target}
model: {type: [logistic, lightgbm, naive_bayes], ensemble: greedy}
evaluation: {cv: {folds: 3}}
training: {budget_s: 600, proof_share: 0.0}
"""


def _write(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text(FILE, encoding="utf-8")


@pytest.fixture
def run(cli: Callable[..., Any], tmp_path: Path) -> Any:
    _write(tmp_path)
    said = cli("run", "pipeline.yaml", "--json")
    assert said.code in (0, 3), said.out
    return said.json


def test_a_run_makes_two_products_and_says_what_speed_costs(
    cli: Callable[..., Any], tmp_path: Path, run: dict[str, Any]
) -> None:
    best, fast = run["products"]
    assert (best["name"], fast["name"]) == ("best", "fast")
    assert run["chosen"]["family"] == "ensemble"
    assert sum(run["chosen"]["params"]["members"].values()) == pytest.approx(1.0, abs=1e-3)
    for product in (best, fast):
        assert 0.9 < product["oof"] <= 1.0
        assert 0.9 < product["test"] <= 1.0
        assert product["us_per_row"] > 0
        assert product["size_bytes"] == _size(tmp_path, run, product["name"])
    assert fast["size_bytes"] < best["size_bytes"]
    assert best["digest"] == run["bundle_digest"] != fast["digest"]
    report = Path(run["paths"]["report"]).read_text(encoding="utf-8")
    assert "Two products of one run" in report


def _size(tmp_path: Path, run: dict[str, Any], name: str) -> int:
    folder = Path(run["paths"]["bundle" if name == "best" else "fast"])
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_both_products_answer_by_name(cli: Callable[..., Any], tmp_path: Path, run: dict[str, Any]) -> None:
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    frame.drop(columns=["target"]).head(40).to_csv(tmp_path / "new.csv", index=False)
    for name in (f"run:{run['run_id']}", f"run:{run['run_id']}/fast", f"{run['name']}/fast"):
        said = cli("predict", name, "new.csv", "-o", "answers.csv", "--json")
        assert said.code == 0, said.out
        assert len((tmp_path / "answers.csv").read_text().splitlines()) == 41


def test_the_run_is_made_again_to_the_last_byte_also_where_the_process_beside_evaluation_dies(
    cli: Callable[..., Any], tmp_path: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelwright.lifecycle.stages import learn
    from modelwright.lifecycle.stages.trying import Trial

    monkeypatch.setattr("modelwright.lifecycle.stages.trying.cores", lambda: 2)
    monkeypatch.setattr("modelwright.lifecycle.stages.trying._crowded", lambda: False)
    steps = {json.loads(file.read_text())["name"]: file.parent for file in tmp_path.rglob("cache/steps/*/step.json")}
    about = (steps["split"], steps["train"], learn.read(steps["train"]), 2)
    with Trial() as trial:
        trial.begin(*about)
        found = trial.gates(None)
    for name, folder in (("best", "bundle"), ("fast", "fast")):
        manifest = json.loads(Path(run["paths"][folder], "manifest.json").read_bytes())
        assert msgspec.to_builtins(found[name].scorers.evidence) == manifest["scorers"]["evidence"]
    with Trial() as orphan:
        orphan.begin(*about)
        assert orphan._child is not None
        assert orphan._child.stdin is not None
        orphan._child.stdin.close()
        assert orphan._child.wait(120) == 1

    begin, dead = Trial.begin, []

    def begin_and_die(trial: Trial, *about: Any) -> None:
        begin(trial, *about[:-1], 2)
        assert trial._child is not None
        trial._child.kill()
        dead.append(trial)

    monkeypatch.setattr(Trial, "begin", begin_and_die)
    said = cli("reproduce", run["run_id"], "--json")
    assert said.code == 0, said.out
    assert said.json["reproduced"] is True
    assert len(dead) == 1


def test_a_run_killed_in_training_ends_with_the_same_digest(
    cli: Callable[..., Any], tmp_path: Path, run: dict[str, Any]
) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    _write(folder)
    command = [sys.executable, "-m", "modelwright", "run", "pipeline.yaml", "--json"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    units = folder / ".modelwright" / "cache" / "units" / "units"
    while process.poll() is None and len(list(units.glob("*/result.json"))) < 4:
        time.sleep(0.02)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {file.parent.name for file in units.glob("*/result.json")}
    assert kept
    second = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert second.returncode in (0, 3), second.stdout
    answer = json.loads(second.stdout)
    assert answer["chosen"]["params"]["members"] == run["chosen"]["params"]["members"]
    model = {file.name: file.read_bytes() for file in Path(run["paths"]["bundle"], "model").iterdir()}
    again = {file.name: file.read_bytes() for file in Path(answer["paths"]["bundle"], "model").iterdir()}
    assert model == again
    assert Path(answer["paths"]["fast"], "model", "model.json").read_bytes() == (
        Path(run["paths"]["fast"], "model", "model.json").read_bytes()
    )


def test_a_single_family_makes_one_product(cli: Callable[..., Any], tmp_path: Path) -> None:
    _write(tmp_path)
    said = cli("run", "pipeline.yaml", "--set", "model.type=logistic", "--set", "model.ensemble=auto", "--json")
    assert said.code in (0, 3), said.out
    (only,) = said.json["products"]
    assert only["name"] == "best"
    wrong = cli("predict", f"run:{said.json['run_id']}/fast", "new.csv", "-o", "answers.csv", "--json")
    assert wrong.code == 2
    assert wrong.json["error"]["code"] == "bundle.no_fast"
