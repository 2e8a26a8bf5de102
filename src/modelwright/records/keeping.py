"""What becomes of sealed predictions: compacted by the hour, removed by age, erased by person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

from modelwright.records.contents import erased
from modelwright.records.manifest import LABELS, PREDICTIONS, REPLACED, Manifest, SealedFile
from modelwright.records.reading import check, problems
from modelwright.records.sealing import Reached, disk_problems, nothing, write_file

_HOUR_US = 3_600 * 1_000_000
_DAY_US = 24 * _HOUR_US
#: rows in one compacted file, and with it in memory
_ROWS_AT_MOST = 1_000_000
#: a replaced file stays this long for whoever began to read it
GRACE_US = 15 * 60 * 1_000_000


@dataclass(slots=True, kw_only=True)
class Kept:
    """What one round of keeping has done."""

    merged_files: int = 0
    new_files: int = 0
    removed_files: int = 0
    removed_rows: int = 0
    removed_labels: int = 0
    damaged: tuple[str, ...] = ()  # files that were left alone because they are not what was sealed


def compact(
    folder: Path, now_us: int, *, grace_us: int = GRACE_US, wait_s: float = 30.0, reached: Reached = nothing
) -> Kept:
    """Merge the files of each past hour, by schema, and remove what was replaced long enough ago."""
    manifest, done = Manifest(folder), Kept()
    with manifest.only_writer(wait_s), disk_problems(folder):
        for group in _groups(manifest.files(), now_us):
            bad = {file.path for file, _ in problems(folder, group)}
            done.damaged += tuple(sorted(bad))
            whole = [file for file in group if file.path not in bad]
            if len(whole) > 1:
                _swap(folder, manifest, whole, now_us, reached)
                done.merged_files += len(whole)
                done.new_files += 1
        _remove_replaced(folder, manifest, now_us - grace_us, reached)
    return done


def _groups(files: list[SealedFile], now_us: int) -> Iterator[list[SealedFile]]:
    """Files of one hour and schema, together no larger than a file may be."""

    def kind(file: SealedFile) -> tuple[str, str, int]:
        return file.kind, file.schema, file.min_us // _HOUR_US

    for (_, _, hour), found in groupby(sorted(files, key=kind), kind):
        if (hour + 1) * _HOUR_US > now_us:
            continue
        group: list[SealedFile] = []
        for file in found:
            if group and sum(each.rows for each in group) + file.rows > _ROWS_AT_MOST:
                yield group
                group = []
            group.append(file)
        yield group


def _swap(folder: Path, manifest: Manifest, files: list[SealedFile], now_us: int, reached: Reached) -> None:
    order = "arrived_at" if files[0].kind == LABELS else "at"
    frame = pl.concat([_read(folder, file) for file in files], how="diagonal_relaxed").sort(order)
    new = _written_like(folder, files[0], frame, now_us, reached)
    with manifest.change() as change:
        change.replace([file.path for file in files], now_us)
        change.add_file(new)
        reached("transaction")
    reached("manifest")


def _read(folder: Path, file: SealedFile) -> pl.DataFrame:
    return pl.read_parquet(folder / file.path, glob=False, hive_partitioning=False)


def _written_like(
    folder: Path, file: SealedFile, frame: pl.DataFrame, now_us: int, reached: Reached = nothing
) -> SealedFile:
    key = (file.kind, file.schema, file.model, file.version)
    return write_file(folder, frame, *key, now_us=now_us, reached=reached)


def _remove_replaced(folder: Path, manifest: Manifest, before_us: int, reached: Reached = nothing) -> None:
    """Files go before their rows in the manifest: what a kill leaves is removed by the next round."""
    gone = [file.path for file in manifest.files(state=REPLACED) if file.changed_us <= before_us]
    _remove(folder, manifest, gone, reached)


def _remove(folder: Path, manifest: Manifest, paths: Collection[str], reached: Reached = nothing) -> None:
    if not paths:
        return
    for path in paths:
        (folder / path).unlink(missing_ok=True)
        reached("removed")
    with manifest.change() as change:
        change.forget_files(paths)


def retain(folder: Path, now_us: int, days: Mapping[str, int], *, wait_s: float = 30.0) -> Kept:
    """Remove sealed predictions whose latest row is older than the days of their model, and labels older than all of
    these; `*` is any other model. A model of which nothing is said keeps everything."""
    manifest, done = Manifest(folder), Kept()
    longest = max(days.values(), default=None)
    with manifest.only_writer(wait_s), disk_problems(folder):
        old = []
        for file in manifest.files():
            limit = longest if file.kind == LABELS else days.get(file.model, days.get("*"))
            if limit is not None and file.max_us < now_us - limit * _DAY_US:
                old.append(file)
        with_rows = [file.path for file in old]
        if with_rows:
            with manifest.change() as change:
                change.replace(with_rows, 0)  # read no more from here on, and due for removal at once
        _remove_replaced(folder, manifest, 0)
        done.removed_files = len(old)
        done.removed_rows = sum(file.rows for file in old if file.kind == PREDICTIONS)
        done.removed_labels = sum(file.rows for file in old if file.kind == LABELS)
    return done


def erase(folder: Path, now_us: int, subjects: Collection[str], *, wait_s: float = 30.0) -> Kept:
    """Remove every row of these persons (by hash) up to now, their labels too, from what is sealed; what still stands
    in segments is hidden at once and goes when they are sealed. Raises AdapterError (`log.damaged`): then nothing was
    changed but that the rows are hidden."""
    manifest, done = Manifest(folder), Kept()
    with manifest.only_writer(wait_s), disk_problems(folder):
        with manifest.change() as change:
            change.erase(subjects, now_us)
        files = manifest.files()
        check(folder, files)
        until = dict.fromkeys(subjects, now_us)
        requests = _drop(folder, manifest, [f for f in files if f.kind == PREDICTIONS], erased(until), now_us, done)
        if requests is not None:
            theirs = pl.col("request_id").is_in(requests["request_id"].implode())
            _drop(folder, manifest, [file for file in files if file.kind == LABELS], theirs, now_us, done)
        _remove_replaced(folder, manifest, now_us)  # also those of compactions that nobody waits for any more
        _forget_damaged(folder, subjects)
    return done


def _drop(
    folder: Path, manifest: Manifest, files: list[SealedFile], gone: pl.Expr, now_us: int, done: Kept
) -> pl.DataFrame | None:
    """Write files without these rows and put them in the old ones' place; returns the requests that lost a row."""
    dropped: list[pl.DataFrame] = []
    swaps: list[tuple[SealedFile, SealedFile | None]] = []
    for file in files:
        hit = pl.scan_parquet(folder / file.path, glob=False).filter(gone).select("request_id", "row").collect()
        if not hit.height:
            continue
        dropped.append(hit)
        keep = _read(folder, file).filter(~gone)
        swaps.append((file, _written_like(folder, file, keep, now_us) if keep.height else None))
        if file.kind == LABELS:
            done.removed_labels += hit.height
        else:
            done.removed_rows += hit.height
    if not swaps:
        return None
    with manifest.change() as change:
        change.replace([old.path for old, _ in swaps], now_us)
        for _, new in swaps:
            if new is not None:
                change.add_file(new)
    done.merged_files += len(swaps)
    return pl.concat(dropped).unique()


def _forget_damaged(folder: Path, subjects: Collection[str]) -> None:
    """Segments that were kept for their damage hold the same rows once more."""
    for path in (folder / "damaged").glob("*"):
        content = path.read_bytes()
        if any(subject.encode() in content for subject in subjects):
            path.unlink()
