"""Delta Lake tables (a folder with _delta_log); needs the extra `delta`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelwright.adapters.sources._shared import aligned, check_header, drawn, first_line, keep_columns, version_digest
from modelwright.core.digests import digest_file, digest_of
from modelwright.core.errors import DataError
from modelwright.core.plugins import require
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable


class _Delta:
    suffixes: tuple[str, ...] = ()
    schemes = ("delta",)

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        """The latest version, or the one given as `data.table: version=3`. Files read one by one, as listed by the
        log, so rows that were deleted or rewritten do not come back."""
        from pathlib import Path

        import polars as pl

        library = require("deltalake", "delta", "Reading Delta tables")
        folder = Path(locations[0].removeprefix("delta://")).expanduser()
        version = _version(options.table)
        try:
            table = library.DeltaTable(str(folder), version=version)
            paths = sorted(_local(uri) for uri in table.file_uris())
        except Exception as error:  # the library raises its own and built-in kinds alike
            raise DataError(
                f"{folder.name} cannot be read as a Delta table: {first_line(error)}.",
                code="data.unreadable",
                hint="check that the folder holds _delta_log and all files of the table",
                subject=f"file:{folder.name}",
            ) from error
        if not paths:
            raise DataError(f"The Delta table {folder.name} is empty.", code="data.empty", subject="data.source")
        partitions = bool(table.metadata().partition_columns)

        def frames() -> Iterator[pl.DataFrame]:
            first: pl.DataFrame | None = None
            for path in paths:
                frame = pl.read_parquet(path, hive_partitioning=partitions, glob=False)
                first = frame.clear() if first is None else first
                yield keep_columns(aligned(path, frame, paths[0], first), options)

        found = drawn(frames, options)
        check_header(found.frame.columns, folder.name)
        contents = digest_of([digest_file(path) for path in paths])
        return RawTable(
            frame=found.frame,
            digest=version_digest([contents], options, found),
            source=str(folder),
            size_bytes=sum(path.stat().st_size for path in paths),
            notes=(f"Delta version {table.version()}", *found.notes),
            sample_rate=found.rate,
            counters=found.counters,
        )


def _local(uri: str):  # type: ignore[no-untyped-def]
    from pathlib import Path
    from urllib.parse import unquote, urlparse

    return Path(unquote(urlparse(uri).path) if uri.startswith("file:") else uri)


def _version(table: str | None) -> int | None:
    if table is None:
        return None
    number = table.removeprefix("version=").strip()
    if not number.isdigit():
        raise DataError(
            f"data.table is '{table}', but a Delta table takes a version.",
            code="data.unknown_version",
            hint="write version=3",
            subject="data.table",
        )
    return int(number)


PLUGIN: Source = _Delta()
