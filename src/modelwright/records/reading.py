"""Reading the log: the manifest's files and the segments that are still being written, each row once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from modelwright.core.digests import sha256_file
from modelwright.core.errors import AdapterError
from modelwright.records.columns import FIXED, LABELS
from modelwright.records.contents import Contents, contents, without
from modelwright.records.manifest import LABELS as OF_LABELS
from modelwright.records.manifest import PREDICTIONS, Manifest, SealedFile
from modelwright.records.segments import CLOSED, OPEN, segment_folder

#: what makes a prediction one: a shadow's answer to the same request is another
KEY = ("request_id", "row", "model", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which predictions: of a model (and version), from `since` on and before `until`, in UTC."""

    model: str | None = None
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, file: SealedFile) -> bool:
        """Whether the file can hold rows of it."""
        return (
            self.model in (None, file.model)
            and self.version in (None, file.version)
            and (self.since is None or file.max_us >= microseconds(self.since))
            and (self.until is None or file.min_us < microseconds(self.until))
        )

    def condition(self) -> pl.Expr:
        parts = [pl.lit(value=True)]
        if self.model is not None:
            parts.append(pl.col("model") == self.model)
        if self.version is not None:
            parts.append(pl.col("version") == self.version)
        if self.since is not None:
            parts.append(pl.col("at") >= _utc(self.since))
        if self.until is not None:
            parts.append(pl.col("at") < _utc(self.until))
        return pl.all_horizontal(parts)


def microseconds(at: datetime) -> int:
    return int(_utc(at).timestamp() * 1_000_000)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the log held at one moment."""

    files: list[SealedFile]
    unsealed: list[Contents]
    erasures: dict[str, int]


def snapshot(folder: Path, *, segments: bool = True) -> Snapshot:
    """Segments first, then the manifest: one that is sealed in between is known there, and taken from there."""
    unsealed = _unsealed(folder) if segments else []
    manifest = Manifest(folder)
    sealed = manifest.segments() if unsealed else {}
    return Snapshot(
        files=manifest.files(),
        unsealed=[found for found in unsealed if found.id not in sealed],
        erasures=manifest.erasures(),
    )


def _unsealed(folder: Path) -> list[Contents]:
    found: dict[str, Contents] = {}
    where = segment_folder(folder)
    for path in sorted(where.iterdir()) if where.is_dir() else []:
        if path.suffix not in (OPEN, CLOSED):
            continue
        for name in (path, path.with_suffix(CLOSED)):
            try:
                content = name.read_bytes()
            except FileNotFoundError:  # closed or sealed meanwhile
                continue
            found[path.stem] = contents(name, content)
            break
    return list(found.values())


def predictions(
    folder: Path, window: Window, *, columns: Sequence[str] | None = None, verify: bool = True, distinct: bool = True
) -> pl.LazyFrame:
    """One row per predicted row. `verify` reads every file's checksum first; `distinct` keeps one row where a caller
    has sent the same request id again. Raises AdapterError (`log.damaged`)."""
    now = snapshot(folder)
    files = [file for file in now.files if file.kind == PREDICTIONS and window.holds(file)]
    if verify:
        check(folder, files)
    parts = _scans(folder, files)
    open_frames = [frame for found in now.unsealed for frame in found.predictions.values()]
    parts += [frame.lazy() for frame in without(now.erasures, open_frames)]
    if not parts:
        parts = [pl.LazyFrame(schema=FIXED)]
    rows = pl.concat(parts, how="diagonal_relaxed") if len(parts) > 1 else parts[0]
    rows = rows.filter(window.condition())
    if distinct:
        rows = rows.unique(subset=KEY, keep="any")
    return rows if columns is None else rows.select(columns)


def labels(folder: Path, *, since: datetime | None = None, verify: bool = True) -> pl.LazyFrame:
    """Late labels, one per request and row: the one that arrived last. `since` is about their arrival."""
    now = snapshot(folder)
    files = [file for file in now.files if file.kind == OF_LABELS]
    files = [file for file in files if since is None or file.max_us >= microseconds(since)]
    if verify:
        check(folder, files)
    parts = _scans(folder, files)
    parts += [found.labels.lazy() for found in now.unsealed if found.labels is not None]
    rows = pl.concat(parts) if parts else pl.LazyFrame(schema=LABELS)
    if since is not None:
        rows = rows.filter(pl.col("arrived_at") >= _utc(since))
    return rows.sort("arrived_at", maintain_order=True).unique(["request_id", "row"], keep="last", maintain_order=True)


def _scans(folder: Path, files: Sequence[SealedFile]) -> list[pl.LazyFrame]:
    """One scan per schema: files of the same schema have the same columns."""
    by_schema: dict[str, list[Path]] = {}
    for file in files:
        by_schema.setdefault(file.schema, []).append(folder / file.path)
    return [
        pl.scan_parquet(list(paths), missing_columns="insert", extra_columns="raise", glob=False)
        for paths in by_schema.values()
    ]


def check(folder: Path, files: Sequence[SealedFile]) -> None:
    """Raises AdapterError (`log.damaged`) naming the first file that is not what was sealed."""
    for _, problem in problems(folder, files):
        raise problem


def problems(folder: Path, files: Sequence[SealedFile]) -> list[tuple[SealedFile, AdapterError]]:
    """The files that are not what was sealed, by time."""
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda file: _problem(folder, file), files)
        return [(file, problem) for file, problem in zip(files, found, strict=True) if problem is not None]


def _problem(folder: Path, file: SealedFile) -> AdapterError | None:
    try:
        actual = sha256_file(folder / file.path)
        what = "" if actual == file.sha256 else f"has the SHA-256 {actual[:12]}..., not {file.sha256[:12]}..."
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    if not what:
        return None
    return AdapterError(
        f"The sealed predictions in {file.path} are damaged: the file {what}",
        code="log.damaged",
        hint="restore this file from a copy; `modelwright log verify` names every damaged one",
        subject=f"file:{file.path}",
    )
