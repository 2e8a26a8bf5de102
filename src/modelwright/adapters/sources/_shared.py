"""What the sources of files have in common: size and header rules, digests, and many files of one format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelwright.core.digests import digest_file, digest_of
from modelwright.core.errors import AdapterError, DataError, nearest
from modelwright.core.ports import ReadOptions
from modelwright.core.tables import Quarantined, RawTable

if TYPE_CHECKING:
    import polars as pl

MOST_COLUMNS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one file gave."""

    frame: pl.DataFrame
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()


ReadOne = Callable[[Path, ReadOptions], Piece]


def read_files(locations: Sequence[str], options: ReadOptions, read_one: ReadOne) -> RawTable:
    """Read the files one after another and stack them. Raises DataError naming the file at fault."""
    paths = [Path(location) for location in locations]
    size = sum(_size(path) for path in paths)
    if size > options.max_bytes:
        raise DataError(
            f"{paths[0].name} and its like hold {size:,} bytes; at most {options.max_bytes:,} are read.",
            code="data.too_large",
            hint="read a part of it, or convert it to Parquet",
            subject="data.source",
        )
    pieces = [_read(path, options, read_one) for path in paths]
    frame = stack(paths, pieces)
    many = len(paths) > 1
    if frame.height == 0:
        _refuse_all_bad(paths, pieces)
    return RawTable(
        frame=keep_columns(frame, options),
        digest=version_digest([digest_file(path) for path in paths if path.is_file()], options),
        source=str(locations[0]) if not many else f"{locations[0]} and {len(paths) - 1} more",
        size_bytes=size,
        quarantined=tuple(
            Quarantined(line=row.line, reason=f"{path.name}: {row.reason}" if many else row.reason, content=row.content)
            for path, piece in zip(paths, pieces, strict=True)
            for row in piece.quarantined
        ),
        notes=tuple(
            f"{path.name}: {note}" if many else note
            for path, piece in zip(paths, pieces, strict=True)
            for note in piece.notes
        ),
    )


def _refuse_all_bad(paths: Sequence[Path], pieces: Sequence[Piece]) -> None:
    """No row is left: where rows were there, say what is wrong with the first."""
    for path, piece in zip(paths, pieces, strict=True):
        if piece.quarantined:
            first = piece.quarantined[0]
            raise DataError(
                f"No row of {path.name} can be read; line {first.line:,}: {first.reason}.",
                code="data.all_quarantined",
                hint="check the delimiter and the header",
                subject=f"line:{first.line}",
            )


def version_digest(contents: Sequence[str], options: ReadOptions) -> str:
    """Names a dataset version: the bytes in order, and the options that change which cells are read.

    Declared types are not part of it: they interpret the cells and are part of the schema.
    """
    chosen = {"columns": options.columns, "table": options.table, "encoding": options.encoding}
    plain = options.columns is None and options.table is None and options.encoding == "utf-8"
    if len(contents) == 1 and plain:
        return contents[0]
    return digest_of([list(contents), chosen])


def keep_columns(frame: pl.DataFrame, options: ReadOptions) -> pl.DataFrame:
    """Only `options.columns`, in that order. Raises DataError `data.missing_column`."""
    if options.columns is None:
        return frame
    for name in options.columns:
        if name not in frame.columns:
            close = nearest(name, frame.columns)
            raise DataError(
                f"The column '{name}' is not in the data.",
                code="data.missing_column",
                hint=f"did you mean '{close}'?" if close else "check the header",
                subject=f"column:{name}",
            )
    return frame.select(options.columns)


def check_header(names: Sequence[str], place: str) -> None:
    """Raises DataError `data.header_...` on too many, empty or repeated names."""
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{place} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read.",
            code="data.header_too_wide",
            hint="check the delimiter, or turn the table so that rows are observations",
            subject="data.header",
        )
    first_seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise DataError(
                f"Column {number} of {place} has no name.",
                code="data.header_empty",
                hint="name it in the header (pandas: write with index=False)",
                subject=f"column:{number}",
            )
        if name in first_seen:
            raise DataError(
                f"{place} names '{name}' twice, in columns {first_seen[name]} and {number}.",
                code="data.header_duplicate",
                hint="give each column its own name (or add a header line if there is none)",
                subject=f"column:{name}",
            )
        first_seen[name] = number


def empty_file(path: Path) -> DataError:
    return DataError(
        f"{path.name} is empty.",
        code="data.empty",
        hint="check the export or the path",
        subject=f"file:{path.name}",
    )


def stack(paths: Sequence[Path], pieces: Sequence[Piece]) -> pl.DataFrame:
    """All rows under one header; an integer column widens to a real one where files differ."""
    import polars as pl

    first = pieces[0].frame
    frames = []
    for path, piece in zip(paths, pieces, strict=True):
        if set(piece.frame.columns) != set(first.columns):
            odd = sorted(set(piece.frame.columns) ^ set(first.columns))[:3]
            raise DataError(
                f"{path.name} has another header than {paths[0].name}: {', '.join(odd)} "
                f"{'is' if len(odd) == 1 else 'are'} in one only.",
                code="data.header_differs",
                hint="give all files of one table the same columns, or narrow the glob",
                subject=f"file:{path.name}",
            )
        frames.append(piece.frame.select(first.columns))
        try:
            pl.concat([frame.clear() for frame in (frames[0], frames[-1])], how="vertical_relaxed")
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{path.name} stores a column as another type than {paths[0].name}: {first_line(error)}.",
                code="data.type_differs",
                hint="write all files of one table with the same types",
                subject=f"file:{path.name}",
            ) from error
    return pl.concat(frames, how="vertical_relaxed") if len(frames) > 1 else frames[0]


def first_line(error: BaseException) -> str:
    """A library's message cut to its first sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")


def corrupt(path: Path, error: BaseException) -> DataError:
    return DataError(
        f"{path.name} cannot be read as {path.suffix.lstrip('.') or 'a table'}: {first_line(error)}.",
        code="data.unreadable",
        hint="check that the file is complete and has the right suffix",
        subject=f"file:{path.name}",
    )


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> AdapterError:
    return AdapterError(
        f"{path.name} cannot be read: {error.strerror or error}.",
        code="source.unreadable",
        hint="check the path and the permissions",
        subject=f"file:{path}",
    )


def _read(path: Path, options: ReadOptions, read_one: ReadOne) -> Piece:
    """One file; a library's own error becomes one sentence with the file's name."""
    import polars as pl

    if path.is_file() and path.stat().st_size == 0:
        raise empty_file(path)
    try:
        return read_one(path, options)
    except OSError as error:
        raise unreadable(path, error) from error
    except pl.exceptions.PolarsError as error:
        raise corrupt(path, error) from error
