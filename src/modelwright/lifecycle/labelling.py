"""Late labels of a workspace: taking them in, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.clock import Clock
from modelwright.core.errors import DataError, NotFoundError, did_you_mean
from modelwright.lifecycle.prediction_log import labels as logged_labels
from modelwright.lifecycle.prediction_log import read
from modelwright.lifecycle.scoring import log_folder, prediction_log
from modelwright.records.columns import LABELS
from modelwright.records.prediction import Label, encode

if TYPE_CHECKING:
    import polars as pl

Json = dict[str, Any]

_KEY = ["request_id", "row"]
_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Of a file of labels; `row_id` instead of the first two where callers named their rows."""

    label: str = "label"
    request_id: str = "request_id"
    row: str | None = None
    row_id: str | None = None
    at: str | None = None


def labels_folder(workspace: Path) -> Path:
    return log_folder(workspace) / "labels"


def add(workspace: Path, model: str, source: str, columns: Columns, clock: Clock, base_dir: Path) -> Json:
    """Write the labels of a file to the log. Of several labels of one row the latest counts; those of unknown
    predictions are kept apart and tried again with every later call.

    Raises DataError (`data.missing_column`, `labels.types`), NotFoundError (`labels.unknown_model`).
    """
    import polars as pl

    answers = predicted(workspace, model)
    now = clock.now()
    table, missing = _table(source, columns, now, base_dir)
    waiting = labels_folder(workspace) / "unknown" / f"{model}.jsonl"
    if waiting.is_file() and waiting.stat().st_size:
        table = pl.concat([pl.read_ndjson(waiting, schema=table.schema), table])
    table = _named(table, answers)
    known = table.join(answers.select(_KEY), on=_KEY, how="semi")
    unknown = table.join(answers.select(_KEY), on=_KEY, how="anti")
    last, duplicates, contradictions = _latest(known)
    _check(last, answers, model)
    fresh, repeated, corrected = _against(last, logged_labels(workspace).collect())
    _write(workspace, fresh, now, set(answers["prediction"].drop_nulls().unique()))
    _keep_apart(waiting, unknown)
    return {
        "model": model,
        "rows": table.height,
        "added": fresh.height,
        "duplicates": duplicates + repeated,
        "contradictions": contradictions + corrected,
        "corrected": corrected,
        "unknown": unknown.height,
        "missing": missing,
        "examples": {"unknown": unknown["request_id"].drop_nulls().head(_EXAMPLES).to_list()},
        "paths": {"unknown": str(waiting)} if unknown.height else {},
        "findings": _said(duplicates + repeated, contradictions + corrected, unknown.height, missing),
    }


def _said(duplicates: int, contradictions: int, unknown: int, missing: int) -> list[Json]:
    told = [
        ("labels.duplicate", "info", duplicates, "labels said again what was known"),
        ("labels.contradictory", "medium", contradictions,
         "labels contradicted another of their row: the latest counts"),
        ("labels.unknown", "medium", unknown, "labels are of no logged prediction; they are kept and tried again"),
        ("labels.missing", "info", missing, "rows have no label or no id"),
    ]  # fmt: skip
    return [
        {"code": code, "severity": severity, "subject": "labels", "message": f"{count:,} {text}"}
        for code, severity, count, text in told
        if count
    ]


def predicted(workspace: Path, model: str) -> pl.DataFrame:
    rows = read(workspace, model, columns=None, distinct=False)
    found = rows.select("request_id", "row", "row_id", "prediction", "value").unique(_KEY, keep="any").collect()
    if found.height == 0:
        names = read(workspace, distinct=False).select("model").unique().collect()["model"].to_list()
        raise NotFoundError(
            f"The prediction log holds no prediction of '{model}'.",
            code="labels.unknown_model",
            hint=did_you_mean(model, names) if names else "serve the model, or predict with --log, first",
            subject=f"model:{model}",
        )
    return found


def _table(source: str, columns: Columns, now: datetime, base_dir: Path) -> tuple[pl.DataFrame, int]:
    """request_id, row, row_id, label, at_us; and how many rows had no label or no id."""
    import polars as pl

    from modelwright.lifecycle.decaying import moments
    from modelwright.lifecycle.prepare import read_source
    from modelwright.spec.model import DataSpec, FeaturesSpec, Spec

    frame = read_source(Spec(data=DataSpec(source=source), features=FeaturesSpec(target=columns.label)), base_dir).frame
    wanted = [columns.label, columns.row_id or columns.request_id, columns.row, columns.at]
    for name in (name for name in wanted if name is not None):
        if name not in frame.columns:
            raise DataError(
                f"'{source}' has no column '{name}'.",
                code="data.missing_column",
                hint=did_you_mean(name, frame.columns),
                subject=f"column:{name}",
            )
    row = columns.row or ("row" if "row" in frame.columns and columns.row_id is None else None)
    now_us = int(now.timestamp() * 1_000_000)
    at = pl.Series([None] * frame.height, dtype=pl.Int64)
    if columns.at is not None:
        told = moments(frame[columns.at])
        at = (told.dt.epoch("us") if told.dtype.is_temporal() else told).cast(pl.Int64, strict=False)
    blank = pl.Series([None] * frame.height, dtype=pl.String)
    zeros = pl.Series([0] * frame.height, dtype=pl.Int32)
    label = frame[columns.label]
    if label.dtype == pl.Boolean or label.dtype.is_numeric():
        label = pl.Series([_word(value) for value in label], dtype=pl.String)
    table = pl.DataFrame({
        "request_id": blank if columns.row_id else frame[columns.request_id].cast(pl.String).str.strip_chars(),
        "row": zeros if row is None else frame[row].cast(pl.Int32, strict=False),
        "row_id": frame[columns.row_id].cast(pl.String).str.strip_chars() if columns.row_id else blank,
        "label": label.cast(pl.String).str.strip_chars(),
        "at_us": at.fill_null(now_us),
    })  # fmt: skip
    has_id = pl.col("row_id" if columns.row_id else "request_id").fill_null("") != ""
    kept = table.filter(has_id & (pl.col("label").fill_null("") != "") & pl.col("row").is_not_null())
    return kept, table.height - kept.height


def _word(value: Any) -> str | None:
    """As class labels are written in the log."""
    if value is None or value != value:  # NaN
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _named(table: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Rows that were named by their caller get their request; where a name was used twice, the first request's."""
    import polars as pl

    if table["row_id"].null_count() == table.height:
        return table
    names = answers.filter(pl.col("row_id").is_not_null()).sort(_KEY).unique("row_id", keep="first")
    names = names.select("row_id", pl.col("request_id").alias("_request"), pl.col("row").alias("_row"))
    both = table.join(names, on="row_id", how="left", maintain_order="left")
    return both.with_columns(
        pl.coalesce("_request", "request_id").alias("request_id"), pl.coalesce("_row", "row").alias("row")
    ).drop("_request", "_row")


def _latest(known: pl.DataFrame) -> tuple[pl.DataFrame, int, int]:
    """One label per row: the last in the file (arrival), and how many others said the same or something else."""
    import polars as pl

    last = known.unique(_KEY, keep="last", maintain_order=True)
    both = known.join(last.select(*_KEY, pl.col("label").alias("_last")), on=_KEY)
    different = both.filter(pl.col("label") != pl.col("_last")).height
    return last, known.height - last.height - different, different


def _check(last: pl.DataFrame, answers: pl.DataFrame, model: str) -> None:
    import polars as pl

    if answers["prediction"].null_count() < answers.height:
        return
    wrong = last.filter(pl.col("label").cast(pl.Float64, strict=False).is_null())
    if wrong.height:
        raise DataError(
            f"'{model}' predicts numbers, but {wrong.height:,} labels are none, such as '{wrong['label'][0]}'.",
            code="labels.types",
            hint="name the right column with --label; nothing was written",
            subject="column:label",
        )


def _against(last: pl.DataFrame, logged: pl.DataFrame) -> tuple[pl.DataFrame, int, int]:
    import polars as pl

    before = logged.select(*_KEY, pl.col("label").alias("_before"), pl.col("label_value").alias("_value"))
    both = last.join(before, on=_KEY, how="left", maintain_order="left")
    equal = (both["_before"] == both["label"]) | (both["_value"] == both["label"].cast(pl.Float64, strict=False))
    same = both["_before"].is_not_null() & equal.fill_null(value=False)
    corrected = int((both["_before"].is_not_null() & ~same).sum())
    return both.filter(~same).drop("_before", "_value"), int(same.sum()), corrected


def _write(workspace: Path, fresh: pl.DataFrame, now: datetime, classes: set[str]) -> None:
    if fresh.height == 0:
        return
    arrived_us = int(now.timestamp() * 1_000_000)
    log = prediction_log(workspace)
    try:
        for one in fresh.iter_rows(named=True):
            value = one["label"] if one["label"] in classes else _number(one["label"])
            log.append(encode(Label(one["request_id"], one["row"], value, one["at_us"], arrived_us, "labels add")))
        log.commit()
    finally:
        log.close()


def _number(text: str) -> str | float:
    """A number where the text is one, so that 1.0 is the class 1 and distances can be taken."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if np.isfinite(value) else text


def _keep_apart(path: Path, unknown: pl.DataFrame) -> None:
    from modelwright.lifecycle.workspace import write_atomically

    if unknown.height == 0 and not path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, unknown.unique(maintain_order=True).write_ndjson().encode())


# ---------------------------------------------------------------- what is known


def known_rows(workspace: Path, model: str) -> pl.DataFrame:
    """Predictions that answered somebody (no shadows), in time order, with their latest label."""
    import polars as pl

    rows = read(workspace, model).filter(pl.col("route") != "shadow")
    both = rows.join(logged_labels(workspace), on=_KEY, how="left").sort("at", "request_id", "row").collect()
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in LABELS.items() if name not in both.columns]
    return both.with_columns(missing)


def errors_of(labelled: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """0 or 1 for classes, distances for numbers; every row has a label."""
    if labelled.height == 0:
        return np.empty(0)
    if labelled["prediction"].null_count() < labelled.height:
        wrong = (labelled["prediction"] != labelled["label"]).fill_null(value=True)
        return np.asarray(wrong.to_numpy(), dtype=np.float64)
    return np.asarray(np.abs(labelled["value"].to_numpy() - labelled["label_value"].to_numpy()), dtype=np.float64)
