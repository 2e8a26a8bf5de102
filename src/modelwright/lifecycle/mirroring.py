"""Copy a finished run to an experiment tracker elsewhere."""

from __future__ import annotations

from pathlib import Path

import msgspec

from modelwright.core.run import RunRecord
from modelwright.spec.model import Spec


def mirror(record: RunRecord, spec: Spec, folder: Path) -> list[str]:
    """Mirror the run elsewhere; a tracker that fails never fails the run."""
    from modelwright.core.errors import ModelwrightError
    from modelwright.core.plugins import load

    tracking = spec.tracking
    if tracking is None or tracking.mlflow is None:
        return []
    try:
        tracker = load("trackers", "mlflow")(
            uri=tracking.mlflow, experiment=tracking.experiment, register=tracking.register
        )
        where = tracker.log_run(msgspec.to_builtins(record), folder, folder / "bundle")
    except ModelwrightError as error:
        return [f"The copy to MLflow failed: {error.message} {error.hint}".strip()]
    return [f"A copy of this run is in MLflow: {where}"]
