"""From a table and a target to a reviewed bundle, and everything a person does with it next."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.journey

KEYS = {
    "run_id", "verdict", "confidence", "findings", "task", "metric", "metrics", "baseline", "timings_s", "paths",
}  # fmt: skip
FINDING_KEYS = {"code", "severity", "blocking", "subject", "observed", "threshold", "evidence", "advice"}


def _small_model(cli: Callable, folder: Path, *extra: str) -> dict:
    """A quick run on a bundled table with a tree, so that the tests of the commands stay fast."""
    if not (folder / "pipeline.yaml").exists():
        said = cli("init", "sklearn:breast_cancer", "--target", "target", "--json")
        assert said.code == 0, said.err + said.out
    said = cli("run", "pipeline.yaml", "--json", "--set", "model.type=decision_tree", "--budget-s", "20", *extra)
    assert said.code in (0, 3), said.err + said.out
    return said.json


def test_init_run_predict_and_look_back(cli: Callable, tmp_path: Path) -> None:
    result = _small_model(cli, tmp_path)
    assert result.keys() >= KEYS
    assert result["verdict"] in {"APPROVE", "CONDITIONAL", "NEEDS REWORK"}
    assert result["task"] == "binary"
    assert set(result["metrics"]) == {"train", "val", "test"}
    judged = result["metrics"]["test"][result["metric"]]
    assert judged["low"] <= judged["value"] <= judged["high"]
    assert judged["value"] > result["baseline"]["all"]["dummy"][result["metric"]]["value"]
    for finding in result["findings"]:
        assert finding.keys() >= FINDING_KEYS
        assert finding["severity"] in {"info", "low", "medium", "high", "critical"}
    for name in ("run", "report", "bundle"):
        assert Path(result["paths"][name]).exists()
    run = Path(result["paths"]["run"])
    for name in (
        "run.json",
        "pipeline.yaml",
        "schema.json",
        "profile.json",
        "findings.json",
        "verdict.json",
        "report.md",
    ):
        assert (run / name).is_file(), name

    _predict(cli, tmp_path, result)
    _look_back(cli, result)


def _predict(cli: Callable, folder: Path, result: dict) -> None:
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True)
    table.data.head(20).to_csv(folder / "new.csv", index=False)
    said = cli("predict", result["paths"]["bundle"], "new.csv", "-o", "out.csv", "--json")
    assert said.code == 0, said.err
    with (folder / "out.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 20
    assert set(rows[0]) == {"prediction", "probability_malignant", "probability_benign"}
    truth = [table.target_names[code] for code in table.target.head(20)]
    assert sum(row["prediction"] == label for row, label in zip(rows, truth, strict=True)) >= 17
    for row in rows:
        assert abs(float(row["probability_malignant"]) + float(row["probability_benign"]) - 1) < 1e-9


def _look_back(cli: Callable, result: dict) -> None:
    assert cli("runs", "list", "--json").json["runs"][0]["run_id"] == result["run_id"]
    assert cli("runs", "show", "--json").json["decision"] == result["verdict"]
    for kind in ("data", "features", "model", "pipeline"):
        review = cli("review", kind, "latest", "--json")
        assert review.code in (0, 3), review.err
        assert review.json["markdown"].startswith("#")
    assert cli("explain", "latest", "--row", "0", "--json").json["row"]["prediction"] in {"malignant", "benign"}
    models = cli("models", "list", "--json").json["models"]
    assert models[0]["run_id"] == result["run_id"]
    assert cli("models", "show", models[0]["name"], "--json").json["version"] == 1
    assert cli("models", "history", models[0]["name"], "--json").json["events"]
    assert cli("data", "versions", "--json").json["versions"][0]["rows"] == 569


def test_a_second_run_reuses_everything_and_says_why(cli: Callable, tmp_path: Path) -> None:
    first = _small_model(cli, tmp_path)
    second = _small_model(cli, tmp_path)
    assert all(step["reused"] for step in second["steps"])
    assert second["bundle_digest"] == first["bundle_digest"]
    assert second["looks"] == 1
    assert second["version"] == first["version"]
    third = _small_model(cli, tmp_path, "--set", "model.max_depth=2")
    reused = {step["name"]: step["reused"] for step in third["steps"]}
    assert reused["split"]
    assert reused["check"]
    assert not reused["train"]
    why = cli("why", "latest", "train", "--json").json["steps"][0]
    assert list(why["changed"]) == ["spec.model"]
    assert third["looks"] == 2
    compared = cli("runs", "compare", first["run_id"], third["run_id"], "--json").json
    assert "spec.model.params.max_depth" in compared["differences"]


def test_a_run_is_reproduced_to_the_last_byte(cli: Callable, tmp_path: Path) -> None:
    _small_model(cli, tmp_path)
    said = cli("reproduce", "latest", "--json")
    assert said.code == 0, said.err + said.out
    assert said.json["reproduced"], said.json
    assert said.json["explanation"] == "The same bundle, byte for byte."


def test_json_is_one_object_and_progress_is_elsewhere(cli: Callable, tmp_path: Path) -> None:
    _small_model(cli, tmp_path)
    said = cli("run", "pipeline.yaml", "--set", "model.type=decision_tree", "--budget-s", "20", "--json")
    json.loads(said.out)
    assert said.err


REAL = {
    "telco_churn.csv": ("Churn", "binary"),
    "bank_marketing.parquet": ("y", "binary"),
    "california_housing.csv": ("median_house_value", "regression"),
    "dry_bean.parquet": ("Class", "multiclass"),
    "mammography.csv": ("class", "binary"),
}


@pytest.mark.parametrize("table", list(REAL))
def test_the_file_of_the_issue_runs_on_real_tables(cli: Callable, shared: Path, tmp_path: Path, table: str) -> None:
    import polars as pl

    target, task = REAL[table]
    path = shared / table
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
    features = [name for name in frame.columns if name not in {target, "customerID"}]
    numerical = [name for name in features if frame[name].dtype.is_numeric() or name == "TotalCharges"]
    categorical = [name for name in features if name not in numerical]
    metric = "r2" if task == "regression" else "f1_score"
    (tmp_path / "pipeline.yaml").write_text(
        f"""\
data:
  source: {path}
  sample_rate: 1.0
  train_split: 0.7
  val_split: 0.15
  test_split: 0.15
features:
  categorical: {json.dumps(categorical)}
  numerical: {json.dumps(numerical)}
  target: {target}
model:
  type: random_forest
  n_estimators: 100
  max_depth: 10
evaluation:
  metric: {metric}
  threshold: 0.75
"""
    )
    said = cli("run", "pipeline.yaml", "--json", "--budget-s", "20")
    assert said.code in (0, 3), said.err + said.out
    result = said.json
    assert result["task"] == task
    assert result["metrics"]["test"].keys() >= {"r2" if task == "regression" else "accuracy"}
    codes = {(finding["code"], finding["subject"]) for finding in result["findings"]}
    if table == "bank_marketing.parquet":
        assert ("leak.post_event", "column:duration") in codes or any(
            code.startswith("leak.") and subject == "column:duration" for code, subject in codes
        )
        assert any(code == "split.hidden_order" for code, _ in codes)
    if table in {"telco_churn.csv"}:
        assert (
            result["verdict"] == "NEEDS REWORK"
        )  # an F1 of 0.75 is out of reach on this table, and the review says so
    if table in {"dry_bean.parquet"}:
        assert result["verdict"] in {"APPROVE", "CONDITIONAL"}
