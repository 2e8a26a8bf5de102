"""Delimited text (.csv, .tsv, .txt, also .gz and .zst), read strictly: rows that do not fit are quarantined."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.adapters.sources._shared import Piece, check_header, empty_file, read_files
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import Quarantined, RawTable

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.adapters.sources._scan import Scan

_HEADER_BYTES = 8 << 20
_SNIFFED = (",", ";", "\t", "|")
#: above this share of undecodable rows the encoding is wrong, not the rows
_WRONG_ENCODING_SHARE = 0.05
_BINARY = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a ZIP archive or Excel workbook",
    b"ARROW1": "Arrow",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "PDF",
}


@dataclass(frozen=True, slots=True)
class _Text:
    """A file split into its header and the bytes after it."""

    names: list[str]
    body: bytes
    delimiter: str
    first_line: int  # 1-based line on which the body begins
    notes: tuple[str, ...]


class _Csv:
    suffixes = (".csv", ".tsv", ".txt", ".tab", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zst", ".tsv.zst", ".txt.zst")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece:
    """Every column as String. good rows + quarantined rows = physical rows; blank lines are not rows."""
    text = _open(_content(path, options), path)
    import numpy as np

    from modelwright.adapters.sources._scan import scan

    body = np.frombuffer(text.body, dtype=np.uint8)
    if body.size == 0:
        return _piece(_frame(b"", text), [], text)
    found = scan(body, ord(text.delimiter), path.name)
    _refuse_wrong_encoding(found, text, path)
    if found.broken_quotes or _ragged_quotes(found, text):
        return _line_by_line(text)
    good, quarantined = _sort_out(found, text)
    frame = _frame(good, text)
    if frame.height + len(quarantined) != _physical(found, text):
        return _line_by_line(text)  # polars and the scan disagree: the slow way decides
    return _piece(frame, quarantined, text)


def _content(path: Path, options: ReadOptions) -> bytes:
    """The file's bytes as UTF-8, unpacked, without a byte order mark."""
    if path.suffix == ".gz":
        content = _gunzip(path, options.max_bytes)
    elif path.suffix == ".zst":
        content = _unzstd(path)
    else:
        _refuse_endless_header(path)
        content = path.read_bytes()
    _refuse_binary(content[:512], path)
    content = content.removeprefix(b"\xef\xbb\xbf")
    if options.encoding.lower().replace("-", "") not in ("utf8", "utf8sig", "ascii"):
        content = _recode(content, options.encoding, path)
    if b"\n" not in content[:_HEADER_BYTES] and b"\r" in content[:_HEADER_BYTES]:
        content = content.replace(b"\r", b"\n")
    if not content.strip():
        raise empty_file(path)
    return content


def _gunzip(path: Path, max_bytes: int) -> bytes:
    try:
        with gzip.open(path) as handle:
            content = handle.read(max_bytes + 1)
    except (gzip.BadGzipFile, EOFError) as error:
        raise DataError(
            f"{path.name} is not a complete gzip file.",
            code="data.unreadable",
            hint="download or compress it again",
            subject=f"file:{path.name}",
        ) from error
    if len(content) > max_bytes:
        raise DataError(
            f"{path.name} unpacks to more than {max_bytes:,} bytes.",
            code="data.too_large",
            hint="read a part of it, or convert it to Parquet",
            subject=f"file:{path.name}",
        )
    return content


def _unzstd(path: Path) -> bytes:
    """Through polars, which unpacks Zstandard; Python's own library cannot yet."""
    import polars as pl

    lines = pl.read_lines(path).to_series()
    return "\n".join(lines.fill_null("").to_list()).encode()


def _recode(content: bytes, encoding: str, path: Path) -> bytes:
    try:
        return content.decode(encoding).encode()
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(
            f"{path.name} does not read as {encoding}: {error}.",
            code="data.encoding",
            hint="name the encoding it was written in",
            subject=f"file:{path.name}",
        ) from error


def _refuse_binary(head: bytes, path: Path) -> None:
    for mark, what in _BINARY.items():
        if head.startswith(mark):
            raise DataError(
                f"{path.name} is {what}, not text.",
                code="data.wrong_format",
                hint="give the file the suffix of its format",
                subject=f"file:{path.name}",
            )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{path.name} is UTF-16, not UTF-8.",
            code="data.encoding",
            hint=f"iconv -f UTF-16 -t UTF-8 {path.name} > utf8.csv",
            subject=f"file:{path.name}",
        )


def _open(content: bytes, path: Path) -> _Text:
    start = len(content) - len(content.lstrip(b"\r\n"))
    skipped = content[:start].count(b"\n")
    end = _header_end(content, start, path)
    try:
        header = content[start:end].decode("utf-8").strip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"The header of {path.name} is not UTF-8 (byte 0x{content[start + error.start]:02x}).",
            code="data.encoding",
            hint=f"convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.csv",
            subject="line:1",
        ) from error
    if "\0" in header:
        raise DataError(
            f"The header of {path.name} holds a NUL byte: this is not plain text.",
            code="data.nul",
            hint="if it is UTF-16, convert it: iconv -f UTF-16 -t UTF-8; if it is binary, check the suffix",
            subject="line:1",
        )
    delimiter = "\t" if {".tsv", ".tab"} & set(path.suffixes) else _sniff(content[start : start + 65_536], header)
    names = next(csv.reader(header.splitlines(keepends=True), delimiter=delimiter), [])
    stripped = [name.strip() for name in names]
    check_header(stripped, path.name)
    notes = []
    if delimiter not in (",", "\t"):
        notes.append(f"fields are separated by '{delimiter}'")
    if _looks_like_data(stripped):
        notes.append(f"the first line was taken as the header, but reads like data: {', '.join(stripped[:4])}")
    first_line = skipped + content[start:end].count(b"\n") + 1
    return _Text(stripped, content[end:], delimiter, first_line, tuple(notes))


def _refuse_endless_header(path: Path) -> None:
    """Before a gigabyte without a line end is read into memory."""
    with path.open("rb") as handle:
        head = handle.read(_HEADER_BYTES + 1)
    if len(head) > _HEADER_BYTES and b"\n" not in head and b"\r" not in head:
        _refuse_binary(head[:512], path)
        raise _long_header(path)


def _long_header(path: Path) -> DataError:
    return DataError(
        f"The header of {path.name} is longer than {_HEADER_BYTES >> 20} MB.",
        code="data.header_too_wide",
        hint="check the delimiter and the line ends, or turn the table so that rows are observations",
        subject="line:1",
    )


def _header_end(content: bytes, start: int, path: Path) -> int:
    """Behind the first line end outside quotes, within the first 8 MB."""
    position, quotes = start, 0
    while True:
        end = content.find(b"\n", position)
        if end < 0 or end - start > _HEADER_BYTES:
            if min(len(content), end if end >= 0 else len(content)) - start > _HEADER_BYTES:
                raise _long_header(path)
            return len(content)
        quotes += content.count(b'"', position, end)
        if quotes % 2 == 0:
            return end + 1
        position = end + 1


def _sniff(head: bytes, header: str) -> str:
    """The delimiter that the header has most of, among those whose count stays the same in the next lines."""
    lines = head.decode("utf-8", errors="replace").splitlines()[1:30]
    best, best_score = ",", (0.0, 0)
    for mark in _SNIFFED:
        count = _outside_quotes(header, mark)
        if count == 0:
            continue
        same = sum(_outside_quotes(line, mark) == count for line in lines) / max(1, len(lines))
        score = (round(same, 1), count)
        if score > best_score:
            best, best_score = mark, score
    return best


def _outside_quotes(line: str, mark: str) -> int:
    return sum(part.count(mark) for part in line.split('"')[::2])


def _looks_like_data(names: Sequence[str]) -> bool:
    def number(text: str) -> bool:
        try:
            float(text)
        except ValueError:
            return False
        return True

    return len(names) > 1 and sum(number(name) for name in names) > 0.5 * len(names)


def _refuse_wrong_encoding(found: Scan, text: _Text, path: Path) -> None:
    import numpy as np

    if not found.undecodable:
        return
    bad = np.unique(np.searchsorted(found.ends, found.undecodable))
    share = bad.size / max(1, found.ends.size)
    if (bad.size > 20 and share > _WRONG_ENCODING_SHARE) or share > 0.5:
        line = text.first_line + text.body[: found.undecodable[0]].count(b"\n")
        raise DataError(
            f"{path.name} is not UTF-8: {bad.size:,} rows do not decode, the first on line {line:,} "
            f"(byte 0x{text.body[found.undecodable[0]]:02x}).",
            code="data.encoding",
            hint=f"convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.csv",
            subject=f"line:{line}",
        )


def _ragged_quotes(found: Scan, text: _Text) -> bool:
    """A record of the wrong width that holds a quote may hide an unclosed one."""
    import numpy as np

    for record in np.flatnonzero(found.fields != len(text.names)):
        if b'"' in text.body[found.starts[record] : found.ends[record]]:
            return True
    return False


def _blank(found: Scan, text: _Text) -> NDArray[np.bool_]:
    """Empty lines, which are not rows."""
    import numpy as np

    body = np.frombuffer(text.body, dtype=np.uint8)
    length = found.ends - found.starts
    lone_return = (length == 1) & (body[np.minimum(found.starts, body.size - 1)] == 13)
    return np.asarray((length == 0) | lone_return)


def _physical(found: Scan, text: _Text) -> int:
    return int((~_blank(found, text)).sum())


def _sort_out(found: Scan, text: _Text) -> tuple[bytes, list[Quarantined]]:
    """The bytes of the rows that fit, and the others with their line numbers."""
    import numpy as np

    from modelwright.adapters.sources._lines import quarantine, undecodable, wrong_width

    blank = _blank(found, text)
    reasons: dict[int, str] = {}
    for misfit in np.flatnonzero((found.fields != len(text.names)) & ~blank):
        reasons[int(misfit)] = wrong_width(int(found.fields[misfit]), len(text.names))
    for position in found.undecodable:
        reasons[int(np.searchsorted(found.ends, position))] = undecodable(text.body[position])
    if not reasons and not blank.any():
        return text.body, []
    drop = blank.copy()
    drop[list(reasons)] = True
    body = np.frombuffer(text.body, dtype=np.uint8)
    newlines = np.cumsum(body == 10)
    quarantined = []
    for record in sorted(reasons):
        start, end = int(found.starts[record]), int(found.ends[record])
        line = text.first_line + (int(newlines[start - 1]) if start else 0)
        quarantined.append(quarantine(line, reasons[record], text.body[start:end].removesuffix(b"\r")))
    return _without(text.body, found, drop), quarantined


def _without(body: bytes, found: Scan, drop: NDArray[np.bool_]) -> bytes:
    import numpy as np

    parts, begin = [], 0
    for record in np.flatnonzero(drop):
        parts.append(body[begin : found.starts[record]])
        begin = int(found.ends[record]) + 1
    parts.append(body[begin:])
    return b"".join(parts)


def _frame(content: bytes, text: _Text) -> pl.DataFrame:
    import polars as pl

    schema: dict[str, Any] = dict.fromkeys(text.names, pl.String())
    if not content:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(content, has_header=False, schema=schema, separator=text.delimiter)


def _line_by_line(text: _Text) -> Piece:
    import polars as pl

    from modelwright.adapters.sources._lines import salvage

    found = salvage(text.body, len(text.names), text.delimiter, text.first_line)
    columns = list(zip(*found.rows, strict=True)) if found.rows else [()] * len(text.names)
    frame = pl.DataFrame(
        [pl.Series(name, values, dtype=pl.String) for name, values in zip(text.names, columns, strict=True)]
    )
    return _piece(frame, found.quarantined, text)


def _piece(frame: pl.DataFrame, quarantined: list[Quarantined], text: _Text) -> Piece:
    notes = list(text.notes)
    if quarantined:
        notes.append(f"{len(quarantined):,} rows could not be read and are in quarantine")
    return Piece(frame=frame, quarantined=tuple(quarantined), notes=tuple(notes))


PLUGIN: Source = _Csv()
