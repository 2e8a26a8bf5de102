"""What the sources of files have in common: size and header rules, digests, and many files of one format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import digest_file, digest_of
from modelwright.core.errors import AdapterError, DataError, nearest
from modelwright.core.ports import ReadOptions
from modelwright.core.tables import Quarantined, RawTable

if TYPE_CHECKING:
    import polars as pl

    from modelwright.adapters.sources._draw import Drawn

MOST_COLUMNS = 50_000
#: files larger than this are read in pieces of about this size
PIECE_BYTES = 32 << 20
BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one file gave."""

    frame: pl.DataFrame
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()


ReadOne = Callable[[Path, ReadOptions], Piece | Iterable[Piece]]


@dataclass(slots=True)
class _Files:
    """Files of one table, read one after another, a large one in pieces; what came besides rows is kept."""

    paths: Sequence[Path]
    options: ReadOptions
    read_one: ReadOne
    unit: str
    quarantined: list[tuple[Path, Quarantined]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, with the columns of the first file in its order."""
        self.quarantined, self.notes = [], []
        first: pl.DataFrame | None = None
        for path in self.paths:
            bad, notes = len(self.quarantined), list[str]()
            for piece in _read(path, self.options, self.read_one):
                self.quarantined += [(path, row) for row in piece.quarantined]
                notes += [note for note in piece.notes if note not in notes]
                first = piece.frame.clear() if first is None else first
                yield keep_columns(aligned(path, piece.frame, self.paths[0], first), self.options)
            if bad := len(self.quarantined) - bad:
                notes.append(f"{bad:,} {self.unit} could not be read and are in quarantine")
            self.notes += [f"{path.name}: {note}" if len(self.paths) > 1 else note for note in notes]


def read_files(locations: Sequence[str], options: ReadOptions, read_one: ReadOne, *, unit: str = "rows") -> RawTable:
    """Read the files one after another and stack them. Raises DataError naming the file at fault.

    `read_one` gives a file whole, or in pieces of which no more are kept than the options allow."""
    paths = [Path(location) for location in locations]
    size = sum(_size(path) for path in paths)
    if size > options.max_bytes and options.memory_bytes is None:
        raise DataError(
            f"{paths[0].name} and its like hold {size:,} bytes; at most {options.max_bytes:,} are read.",
            code="data.too_large",
            hint="read a part of it, or convert it to Parquet",
            subject="data.source",
        )
    files = _Files(paths, options, read_one, unit)
    found = drawn(files.frames, options)
    if found.frame.height == 0:
        _refuse_all_bad(files.quarantined)
    many = len(paths) > 1
    return RawTable(
        frame=found.frame,
        digest=version_digest([digest_file(path) for path in paths if path.is_file()], options, found),
        source=str(locations[0]) if not many else f"{locations[0]} and {len(paths) - 1} more",
        size_bytes=size,
        quarantined=tuple(
            Quarantined(line=row.line, reason=f"{path.name}: {row.reason}" if many else row.reason, content=row.content)
            for path, row in files.quarantined
        ),
        notes=(*files.notes, *found.notes),
        sample_rate=found.rate,
        counters=found.counters,
    )


def pieces_of(locations: Sequence[str], options: ReadOptions, read_one: ReadOne) -> Iterator[Piece]:
    """The rows of files one after another, in pieces of which none need be kept, with what could not be read."""
    first: pl.DataFrame | None = None
    for location in locations:
        for piece in _read(Path(location), options, read_one):
            first = piece.frame.clear() if first is None else first
            frame = aligned(Path(location), piece.frame, Path(locations[0]), first)
            yield Piece(frame=keep_columns(frame, options), quarantined=piece.quarantined, notes=piece.notes)


def _refuse_all_bad(quarantined: Sequence[tuple[Path, Quarantined]]) -> None:
    """No row is left: where rows were there, say what is wrong with the first."""
    for path, first in quarantined[:1]:
        raise DataError(
            f"No row of {path.name} can be read; line {first.line:,}: {first.reason}.",
            code="data.all_quarantined",
            hint="check the delimiter and the header",
            subject=f"line:{first.line}",
        )


def version_digest(contents: Sequence[str], options: ReadOptions, found: Drawn | None = None) -> str:
    """Names a dataset version: the bytes in order, the options that change which cells are read, and the draw.

    Declared types are not part of it: they interpret the cells and are part of the schema.
    """
    chosen: dict[str, Any] = {"columns": options.columns, "table": options.table, "encoding": options.encoding}
    plain = options.columns is None and options.table is None and options.encoding == "utf-8"
    if found is not None and found.rate < 1.0:
        chosen["draw"] = [found.rate, options.seed, found.group, options.target]
        plain = False
    if len(contents) == 1 and plain:
        return contents[0]
    return digest_of([list(contents), chosen])


def drawn(chunks: Callable[[], Iterable[pl.DataFrame]], options: ReadOptions) -> Drawn:
    """The rows that the options draw from a table that `chunks` gives piece by piece, each time it is called."""
    from modelwright.adapters.sources._draw import draw

    return draw(chunks, options)


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


def aligned(path: Path, frame: pl.DataFrame, first_path: Path, first: pl.DataFrame) -> pl.DataFrame:
    """The frame with the columns of the first file in its order. Raises DataError where columns or types differ."""
    import polars as pl

    if set(frame.columns) != set(first.columns):
        odd = sorted(set(frame.columns) ^ set(first.columns))[:3]
        raise DataError(
            f"{path.name} has another header than {first_path.name}: {', '.join(odd)} "
            f"{'is' if len(odd) == 1 else 'are'} in one only.",
            code="data.header_differs",
            hint="give all files of one table the same columns, or narrow the glob",
            subject=f"file:{path.name}",
        )
    frame = frame.select(first.columns)
    try:
        pl.concat([first, frame.clear()], how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path.name} stores a column as another type than {first_path.name}: {first_line(error)}.",
            code="data.type_differs",
            hint="write all files of one table with the same types",
            subject=f"file:{path.name}",
        ) from error
    return frame


def batches(scan: pl.LazyFrame) -> Iterator[Piece]:
    """The rows of a file in order, without ever holding all of them; an empty table gives its header."""
    empty = True
    for frame in scan.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True, lazy=True):
        empty = False
        yield Piece(frame=frame)
    if empty:
        yield Piece(frame=scan.head(0).collect())


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


def _read(path: Path, options: ReadOptions, read_one: ReadOne) -> Iterator[Piece]:
    """One file; a library's own error becomes one sentence with the file's name."""
    import polars as pl

    if path.is_file() and path.stat().st_size == 0:
        raise empty_file(path)
    try:
        found = read_one(path, options)
        yield from [found] if isinstance(found, Piece) else found
    except OSError as error:
        raise unreadable(path, error) from error
    except pl.exceptions.PolarsError as error:
        raise corrupt(path, error) from error
