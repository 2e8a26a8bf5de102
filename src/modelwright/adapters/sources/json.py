"""JSON (.json: a list of objects) and JSON lines (.jsonl, .ndjson), read strictly: no NaN, no repeated keys."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from modelwright.adapters.sources import _shared
from modelwright.adapters.sources._shared import Piece, check_header, empty_file, pieces_of, read_files
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import Quarantined, RawTable

if TYPE_CHECKING:
    import polars as pl

_LINES = (".jsonl", ".ndjson")


class _Json:
    suffixes = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one, unit="lines")

    def pieces(self, locations: Sequence[str], options: ReadOptions) -> Iterator[Piece]:
        return pieces_of(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece | Iterator[Piece]:
    lines = any(suffix in _LINES for suffix in path.suffixes)
    if lines and path.suffix != ".gz" and path.stat().st_size > _shared.PIECE_BYTES:
        return _pieces(path)
    content = _content(path, options)
    quarantined: list[Quarantined] = []
    rows = _lines(content, quarantined) if lines or _is_lines(content) else _document(content, path)
    if not rows and not quarantined:
        raise empty_file(path)
    return _piece(rows, list(dict.fromkeys(name for row in rows for name in row)), quarantined, path)


def _piece(rows: list[dict[str, Any]], names: list[str], quarantined: list[Quarantined], path: Path) -> Piece:
    check_header(names, path.name)
    return Piece(frame=_frame(rows, names), quarantined=tuple(quarantined))


def _pieces(path: Path) -> Iterator[Piece]:
    """A large file of lines in pieces with one header: the names are looked up in a first pass."""
    names: dict[str, None] = {}
    for _, block in _blocks(path):
        for row in _lines(block, []):
            names |= dict.fromkeys(row)
    for first_line, block in _blocks(path):
        quarantined: list[Quarantined] = []
        rows = _lines(block, quarantined, first_line)
        yield _piece(rows, list(names), quarantined, path)


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about as many bytes at a time as a piece has, each with the number of its first."""
    number = 1
    with path.open("rb") as handle:
        while block := handle.read(_shared.PIECE_BYTES):
            block += handle.readline()
            yield number, block.removeprefix(b"\xef\xbb\xbf") if number == 1 else block
            number += block.count(b"\n")


def _content(path: Path, options: ReadOptions) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    with gzip.open(path) as handle:
        content = handle.read(options.max_bytes + 1)
    if len(content) > options.max_bytes:
        raise _bad(path, f"it unpacks to more than {options.max_bytes:,} bytes", "read a part of it")
    return content


def _is_lines(content: bytes) -> bool:
    """One object per line, whatever the suffix says."""
    head = content.lstrip()[:65_536]
    return head.startswith(b"{") and b"}\n{" in head.replace(b"\r", b"")


def _document(content: bytes, path: Path) -> list[dict[str, Any]]:
    try:
        value = _decode(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _bad(
            path, f"byte {error.start:,} (0x{content[error.start]:02x}) is not UTF-8", "write it as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise _bad(path, f"{error.msg} on line {error.lineno}, column {error.colno}", "repair the JSON there") from None
    except _NotStrictError as error:
        raise _bad(path, str(error), error.fix) from None
    if isinstance(value, dict):
        lists = [each for each in value.values() if isinstance(each, list)]
        if len(value) == len(lists) and len({len(each) for each in lists}) == 1 and not isinstance(lists[0][0], dict):
            return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
        objects = [each for each in lists if each and all(isinstance(row, dict) for row in each)]
        value = objects[0] if len(objects) == 1 else [value]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _bad(path, "it is not a list of objects", 'write [{"column": value, ...}, ...] or one object per line')
    return value


def _lines(content: bytes, quarantined: list[Quarantined], first_line: int = 1) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, raw in enumerate(content.split(b"\n"), start=first_line):
        line = raw.strip()
        if not line:
            continue
        try:
            value = _decode(line.decode("utf-8"))
            reason = "" if isinstance(value, dict) else "not an object"
        except UnicodeDecodeError as error:
            reason = f"byte 0x{line[error.start]:02x} is not UTF-8"
        except json.JSONDecodeError as error:
            reason = f"{error.msg} at column {error.colno}"
        except _NotStrictError as error:
            reason = str(error)
        if reason:
            text = line[:2000].decode("utf-8", errors="replace")[:500]
            quarantined.append(Quarantined(line=number, reason=reason, content=text))
        else:
            rows.append(value)
    return rows


class _NotStrictError(ValueError):
    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except RecursionError:
        raise _NotStrictError("it is nested too deeply", "flatten it") from None


def _no_constant(name: str) -> NoReturn:
    raise _NotStrictError(f"{name} is not JSON", "write null for a missing number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise _NotStrictError(f"the key '{repeated}' is there twice in one object", "keep one of them")
    return found


def _frame(rows: list[dict[str, Any]], names: list[str]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame([_series(name, [row.get(name) for row in rows]) for name in names])


def _series(name: str, values: list[Any]) -> pl.Series:
    """The values' own type; where types mix, text as JSON writes it."""
    import polars as pl

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        try:
            return pl.Series(name, values, dtype=pl.Float64 if float in kinds else pl.Int64, strict=float not in kinds)
        except (pl.exceptions.PolarsError, OverflowError, TypeError):
            return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    if kinds <= {str} or kinds <= {bool}:
        return pl.Series(name, values)
    if kinds & {dict, list}:
        return pl.Series(name, [[json.dumps(value)] for value in values], dtype=pl.List(pl.String))
    text = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pl.Series(name, text, dtype=pl.String)


def _bad(path: Path, why: str, fix: str) -> DataError:
    return DataError(
        f"{path.name} cannot be read as JSON: {why}.", code="data.json", hint=fix, subject=f"file:{path.name}"
    )


PLUGIN: Source = _Json()
