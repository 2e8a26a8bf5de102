"""Excel and OpenDocument workbooks (.xlsx, .xls, .xlsb, .ods); `data.table` names the sheet, the first by default."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.adapters.sources._shared import Piece, check_header, first_line, read_files
from modelwright.core.errors import DataError, did_you_mean
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable

if TYPE_CHECKING:
    import polars as pl


class _Excel:
    suffixes = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece:
    import fastexcel

    try:
        book = fastexcel.read_excel(str(path))
    except fastexcel.FastExcelError as error:
        raise DataError(
            f"{path.name} cannot be opened as a workbook: {first_line(error)}.",
            code="data.unreadable",
            hint="save it again as .xlsx, without a password",
            subject=f"file:{path.name}",
        ) from error
    sheet = _sheet(book.sheet_names, options.table, path)
    names = _header(book, sheet, path)
    frame: pl.DataFrame = book.load_sheet(sheet, header_row=0, column_names=None).to_polars()
    frame.columns = names
    frame = _whole_numbers(frame)
    notes = []
    if options.table is None and len(book.sheet_names) > 1:
        notes.append(f"read the first of {len(book.sheet_names)} sheets, '{sheet}'; name another in data.table")
    return Piece(frame=_without_blank_rows(frame), notes=tuple(notes))


def _sheet(known: Sequence[str], wanted: str | None, path: Path) -> str:
    if wanted is None:
        return known[0]
    if wanted not in known:
        raise DataError(
            f"{path.name} has no sheet '{wanted}'.",
            code="data.unknown_sheet",
            hint=did_you_mean(wanted, known),
            subject="data.table",
        )
    return wanted


def _header(book: Any, sheet: str, path: Path) -> list[str]:
    """The first row as it is written: the library itself would rename repeated and empty names."""
    head: pl.DataFrame = book.load_sheet(sheet, header_row=None, n_rows=1, dtypes="string").to_polars()
    if head.height == 0:
        raise DataError(
            f"The sheet '{sheet}' of {path.name} is empty.",
            code="data.empty",
            hint="name the sheet that holds the table in data.table",
            subject="data.table",
        )
    names = ["" if value is None else str(value).strip() for value in head.row(0)]
    check_header(names, f"{path.name}, sheet '{sheet}',")
    return names


def _whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Excel knows real numbers only: columns that hold whole ones throughout are integers."""
    import polars as pl

    found = []
    for series in frame:
        known = series.drop_nulls()
        whole = series.dtype.is_float() and known.len() > 0 and bool(known.is_finite().all())
        if whole and bool((known == known.round(0)).all()) and float(known.abs().max() or 0) < 2**53:  # type: ignore[arg-type]
            series = series.cast(pl.Int64)
        found.append(series)
    return pl.DataFrame(found)


def _without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Formatted but empty rows at the end are no rows."""
    import polars as pl

    return frame.filter(~pl.all_horizontal(pl.all().is_null())) if frame.width else frame


PLUGIN: Source = _Excel()
