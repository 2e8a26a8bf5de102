"""Batch predictions in the prediction log: records of a few hundred rows, named so that a repeated one is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.tables import Predictions
from modelwright.lifecycle.scoring import log_folder
from modelwright.records.keys import load_key
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import Prediction, encode
from modelwright.serving.live import Served
from modelwright.spec.serving import ServingSpec

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.bundle import LoadedBundle

_ROWS = 500
_ROUTE = "batch"


class BatchLog:
    """What may be kept of a row is what the run's `serving:` section says."""

    def __init__(
        self, log: PredictionLog, bundle: LoadedBundle, *, name: str, version: int, folder: Path, workspace: Path
    ) -> None:
        from modelwright.spec.serving_file import load_serving

        pipeline = folder.parent / "pipeline.yaml"
        spec = load_serving(pipeline) if pipeline.is_file() else ServingSpec()
        self._log = log
        self._served = Served(bundle, name, version, spec, key=load_key(log_folder(workspace)))
        self._columns = [field.name for field in bundle.signature.inputs]

    def write(self, request_id: str, frame: pl.DataFrame, predictions: Predictions) -> None:
        """`frame`: conformed. Raises AdapterError (`log.full`, `log.failed`)."""
        number = self._log.describe(self._served.schema)
        first = predictions.labels if predictions.labels is not None else predictions.values
        answers: list[Any] = [] if first is None else first.tolist()
        shares = None if predictions.probabilities is None else predictions.probabilities.tolist()
        rows = frame.select(self._columns)
        for start in range(0, frame.height, _ROWS):
            part = slice(start, start + _ROWS)
            record = Prediction(
                request_id=f"{request_id}-{start}",
                at_us=time.time_ns() // 1_000,
                schema=number,
                route=_ROUTE,
                propensity=1.0,
                latency_us=0,
                flags=self._served.flags,
                caller="",
                rows=self._served.redaction.rows(rows[part].rows()),
                answers=tuple(answers[part]),
                probabilities=None if shares is None else tuple(tuple(each) for each in shares[part]),
            )
            self._log.append(encode(record))
            self._log.commit()

    def close(self) -> None:
        self._log.close()
