"""The rows of a retraining: to learn from, recent ones to compare on, and frozen ones that no retraining ever sees.

Frozen are the sealed test rows of the version that was in charge when the first retraining began; they are taken out
of every later table, so that each challenger and each champion meets them for the first time. Of rows that the
champion did not have, a share by the hash of the row itself is kept aside: the same rows at every retraining.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.digests import digest_file
from modelwright.core.errors import StateError
from modelwright.core.nouns import ColumnType, ModelVersion, Role, Schema
from modelwright.core.run import RunRecord
from modelwright.lifecycle.declared import Declared
from modelwright.lifecycle.workspace import Workspace, write_atomically
from modelwright.spec.monitoring import RetrainingSpec

if TYPE_CHECKING:
    import polars as pl

TRAIN, RECENT, OLD, NEW = "train.parquet", "recent.parquet", "old.parquet", "new.parquet"
#: what stands in the column that names sources for rows of the log
LOGGED = "prediction log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Facts of the rows that a job works with."""

    train: int
    recent: int
    frozen: int
    new: int
    logged: int
    digest: str


def gather(
    workspace: Workspace, declared: Declared, champion: ModelVersion, spec: RetrainingSpec, folder: Path
) -> Gathered:
    """Write the job's tables to `folder`. Raises DataError, SpecError, StateError (`retraining.holdout`)."""
    import polars as pl

    record = workspace.read_run(champion.run_id)
    schema = schema_of(record)
    holdout = frozen_rows(workspace, declared.name, champion)
    known = _known(workspace, record)
    table, logged = _table(workspace, declared, schema, spec)
    keys, frozen_keys = row_keys(table, schema), row_keys(holdout, schema)
    open_rows = ~keys.is_in(frozen_keys.implode())
    fresh = open_rows & ~keys.is_in(_keys_of_run(workspace, record, known, schema).implode())
    aside = fresh & ((keys % 1_000) < int(spec.recent_share * 1_000))
    folder.mkdir(parents=True, exist_ok=True)
    parts = {TRAIN: table.filter(open_rows & ~aside), RECENT: table.filter(aside), NEW: table.filter(fresh), OLD: known}
    for name, part in parts.items():
        _write(part.select(pl.all()), folder / name)
    return Gathered(
        train=parts[TRAIN].height,
        recent=parts[RECENT].height,
        frozen=holdout.height,
        new=int((fresh & ~aside).sum()),
        logged=logged,
        digest=digest_file(folder / TRAIN),
    )


def schema_of(record: RunRecord) -> Schema:
    if record.schema is None:
        raise StateError(f"The record of run {record.run_id} has no schema.", code="run.damaged",
                         hint="train a first version again", subject=f"run:{record.run_id}")  # fmt: skip
    return record.schema


def frozen_rows(workspace: Workspace, name: str, champion: ModelVersion) -> pl.DataFrame:
    """The rows that no retraining sees; taken from the champion's sealed test rows at the first call.

    Raises StateError (`retraining.holdout`) where those are gone or were changed.
    """
    import polars as pl

    file = holdout_file(workspace, name)
    said = [e for e in workspace.journal().read() if e.kind == "holdout.frozen" and e.subject == f"retraining:{name}"]
    if said and file.exists():
        if digest_file(file) != said[-1].payload["digest"]:
            raise _no_holdout(name, "it was changed since it was frozen")
        return pl.read_parquet(file)
    if said:
        raise _no_holdout(name, f"{file.name} is gone")
    from modelwright.data.sealed import open_sealed
    from modelwright.lifecycle.stages import partition
    from modelwright.lifecycle.stages.judge import record_look

    record = workspace.read_run(champion.run_id)
    split = split_folder(workspace, record)
    journal = workspace.journal()
    dataset, _ = open_sealed(
        split / "sealed", lambda: record_look(journal, partition.seal_digest(split), champion.run_id)
    )
    _write(dataset.frame, file)
    payload = {"digest": digest_file(file), "rows": dataset.n_rows, "version": champion.version}
    journal.append("holdout.frozen", f"retraining:{name}", payload)
    return dataset.frame


def holdout_file(workspace: Workspace, name: str) -> Path:
    return workspace.root / "retraining" / name / "holdout.parquet"


def split_folder(workspace: Workspace, record: RunRecord) -> Path:
    """Where a run's divided rows lie. Raises StateError (`retraining.holdout`)."""
    key = next((step.key for step in record.steps if step.name == "split"), "")
    folder = workspace.steps / key.removeprefix("b3:")[:32]
    if not key or not (folder / "sealed").is_dir():
        raise _no_holdout(record.name, f"the divided rows of run {record.run_id} are no longer in the cache")
    return folder


def _no_holdout(name: str, why: str) -> StateError:
    return StateError(
        f"The rows that '{name}' is judged on cannot be used: {why}.",
        code="retraining.holdout",
        hint="restore the workspace from a backup, or train a first version again by hand",
        subject=f"retraining:{name}",
    )


def _known(workspace: Workspace, record: RunRecord) -> pl.DataFrame:
    """What the champion learned from, without its sealed rows."""
    from modelwright.lifecycle.stages import partition

    return partition.read(split_folder(workspace, record)).frame


def _keys_of_run(workspace: Workspace, record: RunRecord, known: pl.DataFrame, schema: Schema) -> pl.Series:
    """Of every row that a run had. The sealed ones are read to be recognised only: nothing is measured on them, so
    this is no look at them."""
    import polars as pl

    sealed = pl.read_ipc(split_folder(workspace, record) / "sealed" / "test.arrow")
    return pl.concat([row_keys(known, schema), row_keys(sealed, schema)])


def _table(workspace: Workspace, declared: Declared, schema: Schema, spec: RetrainingSpec) -> tuple[pl.DataFrame, int]:
    """The source as it is now, in the champion's types, and the logged rows with labels where they are wanted."""
    import polars as pl

    from modelwright.lifecycle.prepare import prepare
    from modelwright.spec.hooks import at_home

    types = {column.name: column.type for column in schema.columns} | dict(declared.spec.data.types)
    data = msgspec.structs.replace(declared.spec.data, types=types)
    if declared.spec.data.prepare is not None:
        data = msgspec.structs.replace(data, types=declared.spec.data.types)
    with at_home(declared.base_dir):
        prepared = prepare(msgspec.structs.replace(declared.spec, data=data), declared.base_dir)
    table = prepared.dataset.frame
    if not spec.logged_rows:
        return table, 0
    logged = _logged(workspace, declared.name, schema, table)
    if spec.source_column is not None and logged.height:
        logged = logged.with_columns(pl.lit(LOGGED).alias(spec.source_column))
    return pl.concat([table, logged], how="diagonal_relaxed").select(table.columns), logged.height


def _logged(workspace: Workspace, name: str, schema: Schema, like: pl.DataFrame) -> pl.DataFrame:
    """Logged rows that have a label, as rows of the table; a column that the log does not keep makes them unusable."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import joined

    target = schema.target
    if target is None:
        return like.clear()
    rows = joined(workspace.root, name).collect()
    if rows.height == 0:
        return like.clear()
    numeric = like[target].dtype.is_numeric()
    # classes are kept by their text, also those that are numbers in the table
    number = pl.coalesce("label_value", pl.col("label").cast(pl.Float64, strict=False))
    label = number if numeric else pl.coalesce("label", pl.col("label_value").cast(pl.String))
    wanted = [column for column in schema.features if column.name in like.columns]
    if any(f"f_{column.name}" not in rows.columns for column in wanted):
        return like.clear()
    return rows.filter(label.is_not_null()).select(
        *(_cell(f"f_{column.name}", like.schema[column.name]).alias(column.name) for column in wanted),
        label.cast(like.schema[target], strict=False).alias(target),
    )  # fmt: skip


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    import polars as pl

    return (
        pl.from_epoch(pl.col(name), "us").cast(dtype) if dtype.is_temporal() else pl.col(name).cast(dtype, strict=False)
    )


def row_keys(frame: pl.DataFrame, schema: Schema) -> pl.Series:
    """A number per row from what it says: features and target, not names and numbers of rows."""
    import polars as pl

    names = sorted(
        column.name
        for column in schema.columns
        if column.role in (Role.FEATURE, Role.TARGET) and column.name in frame.columns
    )
    if not frame.height:
        return pl.Series("key", [], dtype=pl.UInt64)
    # text first: the hash of a float depends on -0.0 and the type, that of its text does not
    texts = frame.select(pl.col(name).cast(pl.String).fill_null("\0") for name in names)
    return texts.hash_rows(seed=7).alias("key")


def _write(frame: pl.DataFrame, file: Path) -> None:
    import io

    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    write_atomically(file, buffer.getvalue())


def kinds_of(schema: Schema) -> Mapping[str, ColumnType]:
    return {column.name: column.type for column in schema.features}
