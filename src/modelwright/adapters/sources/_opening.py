"""Open delimited text: bytes as UTF-8, unpacked, with the header told from the rows and the delimiter found."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from modelwright.adapters.sources._shared import check_header, empty_file
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions

HEADER_BYTES = 8 << 20
_SNIFFED = (",", ";", "\t", "|")
UTF8 = ("utf8", "utf8sig", "ascii")
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
class Text:
    """A file split into its header and the bytes after it."""

    names: list[str]
    body: bytes
    delimiter: str
    first_line: int  # 1-based line on which the body begins
    notes: tuple[str, ...]


def content_of(path: Path, options: ReadOptions) -> bytes:
    """The file's bytes as UTF-8, unpacked, without a byte order mark."""
    if path.suffix == ".gz":
        content = _gunzip(path, options.max_bytes)
    elif path.suffix == ".zst":
        content = _unzstd(path)
    else:
        refuse_endless_header(path)
        content = path.read_bytes()
    refuse_binary(content[:512], path)
    content = content.removeprefix(b"\xef\xbb\xbf")
    if options.encoding.lower().replace("-", "") not in UTF8:
        content = _recode(content, options.encoding, path)
    if b"\n" not in content[:HEADER_BYTES] and b"\r" in content[:HEADER_BYTES]:
        content = content.replace(b"\r", b"\n")
    if not content.strip():
        raise empty_file(path)
    return content


def _gunzip(path: Path, max_bytes: int) -> bytes:
    try:
        with gzip.open(path) as handle:
            content = handle.read(max_bytes + 1)
    except (gzip.BadGzipFile, EOFError) as error:
        raise broken_gzip(path) from error
    if len(content) > max_bytes:
        raise DataError(
            f"{path.name} unpacks to more than {max_bytes:,} bytes.",
            code="data.too_large",
            hint="read a part of it, or convert it to Parquet",
            subject=f"file:{path.name}",
        )
    return content


def broken_gzip(path: Path) -> DataError:
    return DataError(
        f"{path.name} is not a complete gzip file.",
        code="data.unreadable",
        hint="download or compress it again",
        subject=f"file:{path.name}",
    )


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


def refuse_binary(head: bytes, path: Path) -> None:
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


def opened(content: bytes, path: Path) -> Text:
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
    return Text(stripped, content[end:], delimiter, first_line, tuple(notes))


def refuse_endless_header(path: Path) -> None:
    """Before a gigabyte without a line end is read into memory."""
    with path.open("rb") as handle:
        head = handle.read(HEADER_BYTES + 1)
    if len(head) > HEADER_BYTES and b"\n" not in head and b"\r" not in head:
        refuse_binary(head[:512], path)
        raise _long_header(path)


def _long_header(path: Path) -> DataError:
    return DataError(
        f"The header of {path.name} is longer than {HEADER_BYTES >> 20} MB.",
        code="data.header_too_wide",
        hint="check the delimiter and the line ends, or turn the table so that rows are observations",
        subject="line:1",
    )


def _header_end(content: bytes, start: int, path: Path) -> int:
    """Behind the first line end outside quotes, within the first 8 MB."""
    position, quotes = start, 0
    while True:
        end = content.find(b"\n", position)
        if end < 0 or end - start > HEADER_BYTES:
            if min(len(content), end if end >= 0 else len(content)) - start > HEADER_BYTES:
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


def packed(path: Path) -> bool:
    return path.suffix == ".gz"


def unpacked(path: Path) -> IO[bytes]:
    return gzip.open(path) if packed(path) else path.open("rb")  # type: ignore[return-value]
