"""A copy of a run in MLflow, read back with its own client; and a run that does not need MLflow to be alive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey

PIPELINE = """\
data:
  source: sklearn:breast_cancer
features:
  target: target
model:
  name: tumours
  type: decision_tree
  max_depth: 3
evaluation:
  cv: {{folds: 2}}
training:
  budget_s: 8
tracking:
  mlflow: {uri}
  experiment: journeys
  register: true
"""


@pytest.mark.filterwarnings("ignore")  # other people's libraries
def test_a_run_is_mirrored_and_a_dead_address_fails_nothing(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.format(uri=uri))
    result = cli("run", "pipeline.yaml", "--json").json
    assert any("in MLflow: journeys/" in note for note in result["notes"]), result["notes"]

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("journeys")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["family"] == result["chosen"]["family"]
    judged = result["metrics"]["test"][result["metric"]]["value"]
    assert run.data.metrics[f"test.{result['metric']}"] == pytest.approx(judged)
    assert run.data.metrics["seconds.train"] > 0
    assert run.data.tags["modelwright.bundle_digest"] == result["bundle_digest"]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"report.html", "pipeline.yaml", "bundle"} <= files
    (version,) = client.search_model_versions("name = 'tumours'")
    assert version.run_id == run.info.run_id
    assert version.source.endswith("/bundle")
    assert {file.name for file in tmp_path.iterdir()} <= {"pipeline.yaml", ".modelwright", "mlflow.db", "mlruns"}

    (tmp_path / "pipeline.yaml").write_text(PIPELINE.format(uri="http://user:hush@127.0.0.1:9"))
    second = cli("run", "pipeline.yaml", "--json")
    assert second.code in (0, 3)
    assert second.json["bundle_digest"] == result["bundle_digest"]
    assert any("copy to MLflow failed" in note for note in second.json["notes"])
    assert "hush" not in second.out
