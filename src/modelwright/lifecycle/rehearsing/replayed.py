"""The rows that are replayed, and what each version answers to them, in the form of the prediction log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelwright.core.errors import DataError
from modelwright.core.nouns import ColumnType, ModelVersion, Signature
from modelwright.core.tables import Predictions
from modelwright.lifecycle.rehearsing import faults as on_purpose
from modelwright.lifecycle.rehearsing.faults import Fault
from modelwright.registry import bundle

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_PLAIN_LATENCY_US = 2_000
LOG = "log"


def source(wanted: str, workspace: Path, name: str) -> pl.DataFrame:
    """The model's own log (`log`), or a .parquet, .csv or .jsonl file: one that `log show -o` wrote, or a plain table.

    Raises DataError (`rehearsal.rows`) where there is nothing to replay.
    """
    if wanted == LOG:
        from modelwright.lifecycle.prediction_log import joined

        rows = joined(workspace, name, verify=False).collect()
    else:
        rows = _read(Path(wanted))
    if "route" in rows.columns:
        # what was dealt to anybody is traffic; a shadow's answers and failures are about the same requests again
        rows = rows.filter(pl.col("route").is_in(("champion", "canary", "challenger", "bandit", "pinned")))
        rows = rows.unique(["request_id", "row"], keep="first", maintain_order=True)
    if not rows.height:
        raise DataError(
            f"There is nothing to replay in {wanted}.",
            code="rehearsal.rows",
            hint="serve the model with its log for a while, or give a table with the model's columns",
            subject="log",
        )
    return rows


def _read(path: Path) -> pl.DataFrame:
    readers: dict[str, Any] = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}
    if path.suffix not in readers:
        raise DataError(
            f"{path.name} is no .parquet, .csv or .jsonl file.", code="rehearsal.format", subject=f"file:{path.name}"
        )
    try:
        found: pl.DataFrame = readers[path.suffix](path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path.name} cannot be read: {str(error).splitlines()[0]}",
            code="rehearsal.format",
            hint="`modelwright log show NAME -o FILE.parquet` writes one",
            subject=f"file:{path.name}",
        ) from error
    return found


def as_traffic(rows: pl.DataFrame, signature: Signature, per_second: float) -> pl.DataFrame:
    """One row per request in the order of time: `request_id`, `at`, `latency_us`, `key`, `label`, and the features.

    A plain table gets times at an even pace, one latency for all, and its target as the label.
    """
    names = [field.name for field in signature.inputs]
    logged = all(f"f_{name}" in rows.columns for name in names)
    missing = [name for name in names if name not in rows.columns] if not logged else []
    if missing:
        raise DataError(
            f"The rows lack {', '.join(missing[:5])}, so the versions cannot answer them again.",
            code="rehearsal.columns",
            hint="columns that the log leaves out for privacy cannot be replayed: give a file that has them",
            subject=f"column:{missing[0]}",
        )
    if logged:
        rows = rows.sort("at", "request_id", "row") if "row" in rows.columns else rows.sort("at")
        features = rows.select(pl.col(f"f_{name}").alias(name) for name in names)
        at = (
            rows["at"].cast(pl.Datetime("us", "UTC")) if rows["at"].dtype != pl.String else rows["at"].str.to_datetime()
        )
        latency = rows["latency_us"].fill_null(_PLAIN_LATENCY_US)
        label, number = _column(rows, "label", pl.String), _column(rows, "label_value", pl.Float64)
        known_at = _column(rows, "arrived_at", pl.Datetime("us", "UTC"))
    else:
        features = rows.select(names)
        step = np.arange(rows.height) * (1e6 / per_second)
        at = pl.Series(step.astype(np.int64)).cast(pl.Duration("us")) + _BEGAN
        latency = pl.Series(np.full(rows.height, _PLAIN_LATENCY_US))
        target = _column(rows, signature.target or "", pl.String)
        label, number, known_at = target, target.cast(pl.Float64, strict=False), at
    numbers = [field.name for field in signature.inputs if field.type is ColumnType.NUMBER]
    features = features.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in numbers)
    return features.select(pl.all().name.prefix("f_")).with_columns(
        request_id=pl.int_range(pl.len()).cast(pl.String), row=pl.lit(0, pl.Int32), at=at.alias("at"),
        latency_us=latency.cast(pl.Int64), label=label, label_value=number, known_at=known_at,
    )  # fmt: skip


def _column(rows: pl.DataFrame, name: str, kind: Any) -> pl.Series:
    if name in rows.columns:
        return rows[name].cast(kind, strict=False)
    return pl.Series(name or "none", [None], dtype=kind).new_from_index(0, rows.height)


def answered(
    traffic: pl.DataFrame, root: Path, version: ModelVersion, faults: tuple[Fault, ...], seed: int
) -> pl.DataFrame:
    """What a version says to every row. Raises ModelError (`bundle.*`)."""
    loaded = bundle.load(root / version.bundle_path, expected=version.bundle_digest)
    names = [field.name for field in loaded.signature.inputs]
    features = traffic.select(pl.col(f"f_{name}").alias(name) for name in names)
    numbers = [field.name for field in loaded.signature.inputs if field.type is ColumnType.NUMBER]
    said = _in_log_form(loaded.predict(on_purpose.drifted(features, numbers, faults)), loaded.signature)
    facts = traffic.select("request_id", "row", "at", "latency_us", "label", "label_value", "known_at")
    answers = pl.concat([facts, said], how="horizontal").with_columns(
        version=pl.lit(version.version, pl.Int32), missed=pl.lit(value=False), propensity=pl.lit(1.0)
    )
    return on_purpose.injected(answers, faults, seed)


def _in_log_form(predictions: Predictions, signature: Signature) -> pl.DataFrame:
    if predictions.probabilities is None or predictions.labels is None:
        values = predictions.values if predictions.values is not None else predictions.labels
        return pl.DataFrame({"value": pl.Series(values, dtype=pl.Float64)}).with_columns(
            prediction=pl.lit(None, pl.String)
        )
    classes = pl.Series("prediction", signature.classes, dtype=pl.String)
    shares = {f"p_{name}": predictions.probabilities[:, place] for place, name in enumerate(signature.classes)}
    said = classes.gather(np.asarray(predictions.labels, dtype=np.int64))
    return pl.DataFrame(shares).with_columns(prediction=said, value=pl.lit(None, pl.Float64))
