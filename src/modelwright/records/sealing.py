"""Segments to Parquet: every acknowledged row into exactly one file of the manifest, whatever dies in between.

The order is: file under a temporary name, fsync, rename, one manifest transaction with files and segments, and only
then the segment goes. What a kill leaves is either a file that no manifest names (swept away) or a segment that the
manifest already names (deleted).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import hashlib
import io
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from modelwright.core.errors import AdapterError
from modelwright.records.contents import Contents, contents, without
from modelwright.records.manifest import LABELS, LIVE, PREDICTIONS, REPLACED, Manifest, SealedFile, SealedSegment
from modelwright.records.segments import CLOSED, NEW, OPEN, segment_folder, sync_folder

#: rows in one file, and with it in memory
ROWS_AT_MOST = 200_000
#: how long the manifest remembers a segment whose file is gone: a reader may still have read it
_REMEMBERED_US = 24 * 3_600 * 1_000_000
_REMEMBERED_SEGMENTS = 1_000
_TEMPORARY = ".writing"

#: called with the name of each point a kill may come at
Reached = Callable[[str], None]


def nothing(_point: str) -> None:
    return None


@dataclass(slots=True, kw_only=True)
class Sealed:
    """What one round has done. `damage` says, by segment, what could not be read; those segments are kept."""

    segments: int = 0
    records: int = 0
    rows: int = 0
    labels: int = 0
    files: int = 0
    torn_bytes: int = 0
    erased_rows: int = 0
    damage: dict[str, list[str]] = field(default_factory=dict)


def seal(folder: Path, now_us: int, *, tidy: bool = True, wait_s: float = 30.0, reached: Reached = nothing) -> Sealed:
    """Seal every segment that nobody writes any more; `tidy` also removes what kills have left.

    Raises StateError (`log.busy`), AdapterError (`log.full`, `log.sealing`); then nothing is lost, and nothing doubled.
    """
    done = Sealed()
    if not segment_folder(folder).is_dir():
        return done
    manifest = Manifest(folder)
    with manifest.only_writer(wait_s), disk_problems(folder), _uncollected():
        sweep_segments(folder, manifest, now_us)
        if tidy:
            sweep_files(folder, manifest)
        batch: list[tuple[Path, Contents]] = []
        for path, content in _finished(folder):
            batch.append((path, contents(path, content)))
            if sum(found.rows for _, found in batch) >= ROWS_AT_MOST:
                _seal_batch(folder, manifest, batch, now_us, done, reached)
                batch = []
        _seal_batch(folder, manifest, batch, now_us, done, reached)
    return done


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of small lists without a circle among them: looking for one takes longer than all the rest."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def disk_problems(folder: Path) -> Iterator[None]:
    """What the disk refuses, as an AdapterError."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "full" in str(error)
        raise AdapterError(
            f"The prediction log in {folder} cannot be sealed: {error}.",
            code="log.full" if full else "log.sealing",
            hint="free disk space" if full else "look at the disk and at the rights of the log's folder",
            subject="log:predictions",
            retryable=True,
        ) from error


def _finished(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Closed segments, and open ones whose writer is gone, oldest first."""
    for path in sorted(segment_folder(folder).iterdir()):
        if path.suffix not in (CLOSED, OPEN):
            continue
        with contextlib.suppress(FileNotFoundError), path.open("rb") as handle:  # just closed by its writer
            if path.suffix == CLOSED or is_abandoned(handle.fileno()):
                yield path, handle.read()


def is_abandoned(descriptor: int) -> bool:
    """Whether no writer holds this segment."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _seal_batch(
    folder: Path,
    manifest: Manifest,
    batch: list[tuple[Path, Contents]],
    now_us: int,
    done: Sealed,
    reached: Reached,
) -> None:
    if not batch:
        return
    reached("decoded")
    files = []
    erasures = manifest.erasures()
    for number in dict.fromkeys(number for _, found in batch for number in found.predictions):
        schema = next(found.schemas[number] for _, found in batch if number in found.schemas)
        frames = [found.predictions[number] for _, found in batch if number in found.predictions]
        before = sum(frame.height for frame in frames)
        frame = pl.concat(without(erasures, frames), how="diagonal_relaxed")
        done.erased_rows += before - frame.height
        done.rows += frame.height
        if frame.height:
            key = (PREDICTIONS, f"{number:016x}", schema.model, schema.version)
            files.append(write_file(folder, frame, *key, now_us=now_us, reached=reached))
    labels = [found.labels for _, found in batch if found.labels is not None]
    if labels:
        frame = pl.concat(labels)
        done.labels += frame.height
        files.append(write_file(folder, frame, LABELS, "", "", 0, now_us=now_us, reached=reached))
    reached("files")
    with manifest.change() as change:
        for _, found in batch:
            for schema in found.schemas.values():
                change.add_schema(schema)
            change.add_segment(
                SealedSegment(
                    id=found.id,
                    sealed_us=now_us,
                    records=found.records,
                    rows=found.rows,
                    torn_bytes=found.torn_bytes,
                    damage="; ".join(found.damage),
                )
            )
        for file in files:
            change.add_file(file)
        reached("transaction")
    reached("manifest")
    for path, found in batch:
        put_away(folder, path, damaged=bool(found.damage))
        reached("segment")
        done.segments += 1
        done.records += found.records
        done.torn_bytes += found.torn_bytes
        if found.damage:
            done.damage[found.id] = found.damage
    done.files += len(files)


def write_file(
    folder: Path,
    frame: pl.DataFrame,
    kind: str,
    schema: str,
    model: str,
    version: int,
    *,
    now_us: int,
    reached: Reached = nothing,
) -> SealedFile:
    """A Parquet file on the disk, in no manifest yet. The checksum is of the bytes in memory, so that it also tells
    of a disk that wrote others."""
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd", compression_level=1, row_group_size=128 * 1_024)
    content = stream.getbuffer()
    time = frame["arrived_at" if kind == LABELS else "at"].dt.epoch("us")
    least, most = int(time.min() or 0), int(time.max() or 0)  # type: ignore[arg-type]
    path = new_path(folder, kind, least)
    temporary = path.with_suffix(_TEMPORARY)
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
            handle.write(content)
            handle.flush()
            reached("written")
            os.fsync(handle.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    reached("renamed")
    return SealedFile(
        path=str(path.relative_to(folder)),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        kind=kind,
        schema=schema,
        model=model,
        version=version,
        rows=frame.height,
        min_us=least,
        max_us=most,
        changed_us=now_us,
    )


def new_path(folder: Path, kind: str, at_us: int) -> Path:
    """A name for a sealed file whose first row is of this time; its folder is there afterwards."""
    try:
        at = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):  # a caller's clock may say anything
        at = datetime.fromtimestamp(0, UTC)
    parent = folder / "sealed" / kind / f"{at:%Y-%m-%d}"
    if not parent.is_dir():
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for above in (parent.parent, parent.parent.parent, folder):
            sync_folder(above)
    return parent / f"{at:%H}-{secrets.token_hex(6)}.parquet"


def put_away(folder: Path, segment: Path, *, damaged: bool) -> None:
    """A sealed segment goes; one with damage is kept for whoever wants to look at it."""
    if damaged:
        keep = folder / "damaged"
        keep.mkdir(exist_ok=True, mode=0o700)
        segment.rename(keep / segment.name)
    else:
        segment.unlink(missing_ok=True)


def sweep_segments(folder: Path, manifest: Manifest, now_us: int) -> None:
    """Remove segments that the manifest already holds, and beginnings of segments whose writer has died."""
    sealed = manifest.segments()
    there = set()
    for path in segment_folder(folder).iterdir():
        there.add(path.stem)
        if path.suffix in (OPEN, CLOSED) and path.stem in sealed:
            put_away(folder, path, damaged=bool(sealed[path.stem].damage))
        elif path.suffix == NEW:
            with contextlib.suppress(FileNotFoundError), path.open("rb") as handle:
                if handle.read(1) and is_abandoned(handle.fileno()):
                    path.unlink(missing_ok=True)
    old = [one for one, what in sealed.items() if what.sealed_us < now_us - _REMEMBERED_US and one not in there]
    if len(old) > _REMEMBERED_SEGMENTS:
        with manifest.change() as change:
            change.forget_segments(old)


def sweep_files(folder: Path, manifest: Manifest) -> None:
    """Remove files that no manifest names."""
    named = {file.path for state in (LIVE, REPLACED) for file in manifest.files(state=state)}
    for path in (folder / "sealed").rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in named:
            path.unlink()
