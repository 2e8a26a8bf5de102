"""A function of your own (module:function) that returns a polars, pandas or Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.adapters.sources._shared import check_header, drawn, keep_columns, version_digest
from modelwright.core.digests import digest
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable

if TYPE_CHECKING:
    import polars as pl


class _Python:
    suffixes: tuple[str, ...] = ()
    schemes = ("python",)

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        """locations: the hook and, optionally, the folder that its module may lie in."""
        from modelwright.spec.hooks import call

        hook = locations[0].removeprefix("python:")
        folder = Path(locations[1]) if len(locations) > 1 else Path.cwd()
        frame = _polars(call(hook, folder), hook)
        check_header(frame.columns, hook)
        content = _content(frame)
        found = drawn(lambda: [keep_columns(frame, options)], options)
        return RawTable(
            frame=found.frame,
            digest=version_digest([digest(content)], options, found),
            source=hook,
            size_bytes=len(content),
            notes=found.notes,
            sample_rate=found.rate,
            counters=found.counters,
        )


def _polars(table: Any, hook: str) -> pl.DataFrame:
    import polars as pl

    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    try:
        if type(table).__module__.split(".")[0] == "pandas":
            return _from_pandas(table)
        if hasattr(table, "__arrow_c_stream__"):
            return pl.DataFrame(table)
    except (pl.exceptions.PolarsError, TypeError, ValueError, ImportError) as error:
        raise _bad(hook, f"returned a table that cannot be read ({error})") from error
    raise _bad(hook, f"returned {type(table).__name__}, not a table")


def _from_pandas(table: Any) -> pl.DataFrame:
    """Column by column through plain values where the Arrow bridge is missing."""
    import polars as pl

    columns = []
    for name in table.columns:
        values = table[name]
        known = values.astype(object).where(values.notna(), None).tolist()
        kind = values.dtype.kind if hasattr(values.dtype, "kind") else "O"
        columns.append(pl.Series(str(name), known, strict=kind in "iufbM"))
    return pl.DataFrame(columns)


def _content(frame: pl.DataFrame) -> bytes:
    import io

    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="uncompressed")
    return buffer.getvalue()


def _bad(hook: str, what: str) -> DataError:
    return DataError(
        f"The source '{hook}' {what}.",
        code="source.hook",
        hint="return a polars, pandas or Arrow table",
        subject="data.source",
    )


PLUGIN: Source = _Python()
