"""Delimited text (.csv, .tsv, .txt, also .gz and .zst), read strictly: rows that do not fit are quarantined."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.adapters.sources import _shared
from modelwright.adapters.sources._opening import (
    HEADER_BYTES,
    UTF8,
    Text,
    broken_gzip,
    content_of,
    opened,
    packed,
    refuse_binary,
    refuse_endless_header,
    unpacked,
)
from modelwright.adapters.sources._shared import Piece, pieces_of, read_files
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import Quarantined, RawTable

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.adapters.sources._lines import Salvaged
    from modelwright.adapters.sources._scan import Scan

#: above this share of undecodable rows the encoding is wrong, not the rows
_WRONG_ENCODING_SHARE = 0.05


class _Csv:
    suffixes = (".csv", ".tsv", ".txt", ".tab", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zst", ".tsv.zst", ".txt.zst")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one)

    def pieces(self, locations: Sequence[str], options: ReadOptions) -> Iterator[Piece]:
        return pieces_of(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece | Iterator[Piece]:
    """Every column as String. good rows + quarantined rows = physical rows; blank lines are not rows."""
    if _whole(path, options):
        return _piece(opened(content_of(path, options), path), path)
    return _pieces(path, options)


def _whole(path: Path, options: ReadOptions) -> bool:
    """Whether the file is read at once: it is small, or written in a way that has to be turned round first."""
    plain = options.encoding.lower().replace("-", "") in UTF8
    if path.suffix == ".zst" or not plain or path.stat().st_size <= _shared.PIECE_BYTES // (4 if packed(path) else 1):
        return True
    with unpacked(path) as handle:
        head = handle.read(HEADER_BYTES)
    return b"\n" not in head


def _pieces(path: Path, options: ReadOptions) -> Iterator[Piece]:
    """A large file in pieces that end where a record ends; after a broken quote, line by line."""
    if not packed(path):
        refuse_endless_header(path)
    try:
        with unpacked(path) as handle:
            block = handle.read(max(_shared.PIECE_BYTES, 2 * HEADER_BYTES))
            refuse_binary(block[:512], path)
            text = opened(block.removeprefix(b"\xef\xbb\xbf"), path)
            at, broken = 0, False
            while True:
                block = handle.read(_shared.PIECE_BYTES)
                piece, rest, broken = _cut(text, path, broken, last=not block, first=at == 0)
                if piece is not None:
                    yield piece
                if not block:
                    return
                done = len(text.body) - len(rest)
                first_line = text.first_line + text.body[:done].count(b"\n")
                text = replace(text, body=rest + block, first_line=first_line)
                at += 1
    except (gzip.BadGzipFile, EOFError) as error:
        raise broken_gzip(path) from error


def _cut(text: Text, path: Path, broken: bool, *, last: bool, first: bool) -> tuple[Piece | None, bytes, bool]:
    """The records that end in the text, the bytes behind them, and whether quotes are broken from here on."""
    from modelwright.adapters.sources._lines import salvage
    from modelwright.adapters.sources._scan import LONGEST_LINE_BYTES, too_long

    if len(text.body) > LONGEST_LINE_BYTES and text.body.find(b"\n", 0, LONGEST_LINE_BYTES + 1) < 0:
        raise too_long(text.first_line, path.name)
    if not broken:
        end = len(text.body) if last else _last_end(text.body)
        body = replace(text, body=text.body[:end])
        piece = _try_piece(body, path, sure=first or end > 1 << 20) if end else None
        if piece is not None or (end == 0 and (last or len(text.body) <= LONGEST_LINE_BYTES)):
            return piece, text.body[end:], False
    found = salvage(text.body, len(text.names), text.delimiter, text.first_line, last=last)
    return _from_lines(found, text), text.body[found.read :], True


def _last_end(body: bytes) -> int:
    """Behind the last line end outside quotes; 0 where there is none."""
    end = body.rfind(b"\n") + 1
    if body.count(b'"') == 0:
        return end
    while end and body.count(b'"', 0, end) % 2:
        end = body.rfind(b"\n", 0, body.rfind(b'"', 0, end)) + 1
    return end


def _piece(text: Text, path: Path) -> Piece:
    from modelwright.adapters.sources._lines import salvage

    found = _try_piece(text, path, sure=True)
    if found is not None:
        return found
    return _from_lines(salvage(text.body, len(text.names), text.delimiter, text.first_line), text)


def _try_piece(text: Text, path: Path, *, sure: bool) -> Piece | None:
    """The fast way; None where quotes are broken and lines have to be told apart one by one.

    sure: the text is long enough that what is wrong with it is wrong with the file."""
    import numpy as np

    from modelwright.adapters.sources._scan import scan

    body = np.frombuffer(text.body, dtype=np.uint8)
    if body.size == 0:
        return Piece(frame=_frame(b"", text), notes=text.notes)
    found = scan(body, ord(text.delimiter), path.name)
    if sure:
        _refuse_wrong_encoding(found, text, path)
    if found.broken_quotes or _ragged_quotes(found, text):
        return None
    good, quarantined = _sort_out(found, text)
    frame = _frame(good, text)
    if frame.height + len(quarantined) != _physical(found, text):
        return None  # polars and the scan disagree: the slow way decides
    return Piece(frame=frame, quarantined=tuple(quarantined), notes=text.notes)


def _refuse_wrong_encoding(found: Scan, text: Text, path: Path) -> None:
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


def _ragged_quotes(found: Scan, text: Text) -> bool:
    """A record of the wrong width that holds a quote may hide an unclosed one."""
    import numpy as np

    for record in np.flatnonzero(found.fields != len(text.names)):
        if b'"' in text.body[found.starts[record] : found.ends[record]]:
            return True
    return False


def _blank(found: Scan, text: Text) -> NDArray[np.bool_]:
    """Empty lines, which are not rows."""
    import numpy as np

    body = np.frombuffer(text.body, dtype=np.uint8)
    length = found.ends - found.starts
    lone_return = (length == 1) & (body[np.minimum(found.starts, body.size - 1)] == 13)
    return np.asarray((length == 0) | lone_return)


def _physical(found: Scan, text: Text) -> int:
    return int((~_blank(found, text)).sum())


def _sort_out(found: Scan, text: Text) -> tuple[bytes, list[Quarantined]]:
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


def _frame(content: bytes, text: Text) -> pl.DataFrame:
    import polars as pl

    schema: dict[str, Any] = dict.fromkeys(text.names, pl.String())
    if not content:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(content, has_header=False, schema=schema, separator=text.delimiter)


def _from_lines(found: Salvaged, text: Text) -> Piece:
    import polars as pl

    columns = list(zip(*found.rows, strict=True)) if found.rows else [()] * len(text.names)
    frame = pl.DataFrame(
        [pl.Series(name, values, dtype=pl.String) for name, values in zip(text.names, columns, strict=True)]
    )
    return Piece(frame=frame, quarantined=tuple(found.quarantined), notes=text.notes)


PLUGIN: Source = _Csv()
