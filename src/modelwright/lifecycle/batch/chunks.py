"""A table in chunks of equal size, in order, of which only one is ever whole in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec
import polars as pl

from modelwright.core import plugins
from modelwright.core.digests import digest_file
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions
from modelwright.core.tables import Quarantined
from modelwright.data.detect import format_of

ROWS = 50_000
_COUNTED_BYTES = 16 << 20
_SHOWN = 100


@runtime_checkable
class Pieced(Protocol):
    """Optional on a Source: its rows in pieces, each with `frame` and `quarantined`."""

    def pieces(self, locations: Sequence[str], options: ReadOptions) -> Iterator[Any]: ...


def source_for(files: Sequence[Path]) -> Pieced | None:
    """Who can read these files in pieces; None where nobody can."""
    name = None if files[0].is_dir() else format_of(files[0])
    source = plugins.load_all("sources")[0].get(name) if name is not None else None
    return source if isinstance(source, Pieced) else None


@dataclass(slots=True)
class Chunks:
    """Iterate once. `rows` of frames, cut anew so that the cuts depend on the table alone."""

    source: Pieced
    files: Sequence[Path]
    bad_rows: Path  # every quarantined row as one line of JSON
    rows: int = ROWS
    quarantined: int = 0
    first_bad: list[Quarantined] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        waiting: list[pl.DataFrame] = []
        count = 0
        with self.bad_rows.open("wb") as bad:
            for frame in self._frames(bad):
                waiting.append(frame)
                count += frame.height
                while count >= self.rows:
                    whole = _joined(waiting)
                    yield whole[: self.rows]
                    waiting = [whole[self.rows :]]
                    count -= self.rows
        if count:
            yield _joined(waiting)

    def _frames(self, bad: Any) -> Iterator[pl.DataFrame]:
        columns: list[str] = []
        for file in self.files:
            with closing(_generator(self.source.pieces([str(file)], ReadOptions()))) as pieces:
                for piece in pieces:
                    for row in piece.quarantined:
                        self._keep(row, file, bad)
                    self.notes += [note for note in piece.notes if note not in self.notes]
                    columns = columns or piece.frame.columns
                    if set(columns) != set(piece.frame.columns):
                        raise _other_header(file, self.files[0], set(columns) ^ set(piece.frame.columns))
                    yield piece.frame.select(columns)

    def _keep(self, row: Quarantined, file: Path, bad: Any) -> None:
        self.quarantined += 1
        if len(self.first_bad) < _SHOWN:
            self.first_bad.append(row)
        said = {"line": row.line, "reason": row.reason, "content": row.content}
        bad.write(msgspec.json.encode(said | ({"file": file.name} if len(self.files) > 1 else {})) + b"\n")


def _joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One frame; columns whose type is read off the values may differ from piece to piece."""
    if len(frames) == 1:
        return frames[0]
    try:
        return pl.concat(frames, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"A column changes its type within the table: {str(error).splitlines()[0][:200]}.",
            code="data.type_differs",
            hint="write every value of a column in one way",
            subject="data",
        ) from error


def _other_header(file: Path, first: Path, odd: set[str]) -> DataError:
    return DataError(
        f"{file.name} has another header than {first.name}: {', '.join(sorted(odd)[:3])} in one only.",
        code="data.header_differs",
        hint="give all files of one table the same columns, or narrow the glob",
        subject=f"file:{file.name}",
    )


def _generator(pieces: Iterator[Any]) -> Any:
    """A generator whatever the source gave, so that leaving it early closes its files."""
    yield from pieces


def fingerprint(files: Sequence[Path], *, fetched: bool) -> list[dict[str, Any]]:
    """What must be the same for a run to go on: name, size and time; of fetched files the content instead."""
    found = []
    for file in files:
        state = file.stat()
        mark = digest_file(file) if fetched else str(state.st_mtime_ns)
        found.append({"file": file.name if fetched else str(file.absolute()), "bytes": state.st_size, "mark": mark})
    return found


def about_rows(files: Sequence[Path]) -> int | None:
    """How many rows there will be, for the progress bar: exact for Parquet, else the line ends."""
    total = 0
    for file in files:
        if file.suffix in (".parquet", ".pq"):
            total += int(pl.scan_parquet(file, glob=False).select(pl.len()).collect().item())
            continue
        if file.suffix in (".zst", ".gz"):
            return None
        with file.open("rb") as handle:
            while block := handle.read(_COUNTED_BYTES):
                total += block.count(b"\n")
        total -= file.suffix not in (".jsonl", ".ndjson")
    return total


def unpacked_bytes(files: Sequence[Path]) -> int:
    """What the files hold, roughly: compressed ones several times their size."""
    packed = (".gz", ".zst", ".parquet", ".pq")
    return sum(file.stat().st_size * (4 if file.suffix in packed else 1) for file in files)
