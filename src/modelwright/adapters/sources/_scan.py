"""Find the records of delimited text with numpy: where each ends, how many fields it has, which cannot be read."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import DataError

_CHUNK_BYTES = 16 << 20
LONGEST_LINE_BYTES = 16 << 20
_NEWLINE, _RETURN, _QUOTE, _NUL = 10, 13, 34, 0

Bytes = NDArray[np.uint8]


@dataclass(slots=True)
class Scan:
    """Records as byte ranges in the body (header excluded). Shape (n_records,) each."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    fields: NDArray[np.int64]
    #: byte positions that do not decode
    undecodable: list[int] = field(default_factory=list)
    #: a quote stands where none may: records must be told apart line by line
    broken_quotes: bool = False


def scan(body: Bytes, delimiter: int, place: str) -> Scan:
    """Raises DataError `data.nul` or `data.line_too_long`. `body`: uint8, shape (n_bytes,)."""
    ends: list[NDArray[np.int64]] = []
    delimiters: list[NDArray[np.int64]] = []
    found = Scan(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    offset, inside = 0, 0
    while offset < body.size:
        chunk = _next_chunk(body, offset, place)
        _refuse_nul(chunk, offset, body, place)
        outside = np.ones(chunk.size, dtype=bool)
        quotes = chunk == _QUOTE
        if inside or quotes.any():
            parity = (np.cumsum(quotes, dtype=np.uint8) + inside) & 1
            found.broken_quotes |= not _well_placed(chunk, quotes, parity, delimiter)
            outside = parity == 0
            inside = int(parity[-1])
        ends.append(np.flatnonzero((chunk == _NEWLINE) & outside) + offset)
        delimiters.append(np.flatnonzero((chunk == delimiter) & outside) + offset)
        found.undecodable += _undecodable(chunk, offset)
        offset += chunk.size
    found.broken_quotes |= bool(inside)
    _records(found, body, np.concatenate(ends), np.concatenate(delimiters), place)
    return found


def _next_chunk(body: Bytes, offset: int, place: str) -> Bytes:
    """Bytes up to a line's end, so that a quote's neighbours are always at hand."""
    chunk = body[offset : offset + _CHUNK_BYTES]
    if chunk.size < _CHUNK_BYTES:
        return chunk
    last = np.flatnonzero(chunk == _NEWLINE)
    if last.size == 0:
        line = int((body[:offset] == _NEWLINE).sum()) + 2
        raise too_long(line, place)
    return chunk[: last[-1] + 1]


def too_long(line: int, place: str) -> DataError:
    return DataError(
        f"Line {line:,} of {place} is longer than {LONGEST_LINE_BYTES >> 20} MB.",
        code="data.line_too_long",
        hint="check that the file has line ends and is text; keep large objects in files of their own",
        subject=f"line:{line}",
    )


def _refuse_nul(chunk: Bytes, offset: int, body: Bytes, place: str) -> None:
    nul = np.flatnonzero(chunk == _NUL)
    if nul.size:
        line = int((body[: offset + int(nul[0])] == _NEWLINE).sum()) + 2
        raise DataError(
            f"Line {line:,} of {place} holds a NUL byte: this is not plain text.",
            code="data.nul",
            hint="if it is UTF-16, convert it: iconv -f UTF-16 -t UTF-8; if it is binary, check the suffix",
            subject=f"line:{line}",
        )


def _well_placed(chunk: Bytes, quotes: NDArray[np.bool_], parity: Any, delimiter: int) -> bool:
    """Quotes open after a delimiter, a line's end or a quote, and close before one."""
    positions = np.flatnonzero(quotes)
    opening = positions[parity[positions] == 1]
    closing = positions[parity[positions] == 0]
    before = chunk[opening[opening > 0] - 1]
    after = chunk[closing[closing < chunk.size - 1] + 1]
    return bool(
        np.isin(before, (delimiter, _NEWLINE, _QUOTE)).all()
        and np.isin(after, (delimiter, _NEWLINE, _RETURN, _QUOTE)).all()
    )


def _undecodable(chunk: Bytes, offset: int) -> list[int]:
    raw = chunk.tobytes()
    if raw.isascii():
        return []
    positions: list[int] = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        positions.append(offset + error.start)
        return "?", error.end

    codecs.register_error("modelwright-note", note)
    raw.decode("utf-8", errors="modelwright-note")
    return positions


def _records(found: Scan, body: Bytes, ends: NDArray[np.int64], delimiters: NDArray[np.int64], place: str) -> None:
    if body.size and (ends.size == 0 or ends[-1] != body.size - 1):
        ends = np.append(ends, body.size)  # the last line has no line end
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    if ends.size and int((ends - starts).max()) > LONGEST_LINE_BYTES:
        raise too_long(int((ends - starts).argmax()) + 2, place)
    counts = np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts)
    found.starts, found.ends, found.fields = starts.astype(np.int64), ends.astype(np.int64), counts + 1
