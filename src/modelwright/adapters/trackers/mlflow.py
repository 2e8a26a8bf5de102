"""A copy of every finished run in MLflow: parameters, metrics, artefacts and, if asked, a registered version."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelwright.core.errors import AdapterError
from modelwright.core.plugins import require

#: MLflow refuses longer parameter values
_PARAM_CHARACTERS = 6_000
_REASON_CHARACTERS = 300


class MlflowTracker:
    """MLflow is a mirror here, never the source of truth: a failed copy does not fail the run."""

    def __init__(self, *, uri: str, experiment: str, register: bool = False) -> None:
        self._uri = uri
        self._experiment = experiment
        self._register = register

    def log_run(self, record: Mapping[str, Any], run_folder: Path, bundle: Path | None) -> str:
        """Returns `experiment/run`. Raises MissingExtraError, or AdapterError (`mlflow.failed`)."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its default waits minutes for a dead server
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
        mlflow = require("mlflow", "mlflow", "Tracking with MLflow")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            return self._log(mlflow.MlflowClient(tracking_uri=self._uri), record, run_folder, bundle)
        except Exception as error:
            raise AdapterError(
                f"MLflow at {_shown(self._uri)} did not take the run: {self._reason(error)}.",
                code="mlflow.failed",
                hint="check tracking.mlflow in the file; the run itself is complete in its folder",
                subject="tracking.mlflow",
                retryable=True,
            ) from error

    def _reason(self, error: Exception) -> str:
        """The first line of what MLflow says, without the password that its addresses repeat."""
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return first.replace(self._uri, _shown(self._uri))[:_REASON_CHARACTERS].rstrip(" .")

    def _log(self, client: Any, record: Mapping[str, Any], folder: Path, bundle: Path | None) -> str:
        found = client.get_experiment_by_name(self._experiment)
        experiment = found.experiment_id if found else client.create_experiment(self._experiment)
        tags = {
            "mlflow.runName": str(record["run_id"]),
            "modelwright.verdict": str((record.get("verdict") or {}).get("decision", "")),
            "modelwright.data_digest": str(record.get("data_digest", "")),
            "modelwright.bundle_digest": str(record.get("bundle_digest", "")),
            "modelwright.commit": str(record.get("commit", "")),
        }
        run = client.create_run(experiment, tags=tags)
        run_id: str = run.info.run_id
        for name, value in _flat({"family": record["chosen_family"], **record["chosen_params"]}).items():
            client.log_param(run_id, name, str(value)[:_PARAM_CHARACTERS])
        for split, estimates in ((record.get("report") or {}).get("metrics") or {}).items():
            for name, estimate in estimates.items():
                client.log_metric(run_id, f"{split}.{name}", estimate["value"])
        for name, seconds in record.get("timings_s", {}).items():
            client.log_metric(run_id, f"seconds.{name}", seconds)
        for file in sorted(folder.glob("*.*")):
            client.log_artifact(run_id, str(file))
        if bundle is not None and bundle.is_dir():
            client.log_artifacts(run_id, str(bundle), "bundle")
            if self._register:
                self._register_version(client, run, str(record["name"]))
        client.set_terminated(run_id)
        return f"{self._experiment}/{run_id}"

    def _register_version(self, client: Any, run: Any, name: str) -> None:
        if not client.search_registered_models(filter_string=f"name = '{name}'"):
            client.create_registered_model(name)
        client.create_model_version(name, source=f"{run.info.artifact_uri}/bundle", run_id=run.info.run_id)


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{path}.{key}" if path else key
        flat.update(_flat(value, name) if isinstance(value, Mapping) else {name: value})
    return flat


def _shown(uri: str) -> str:
    """The address without a password."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


PLUGIN = MlflowTracker
