"""Where the lines of code cells stand in a notebook's JSON, so that one may change without touching the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_ATOM = re.compile(r"[^,\]\}\s]+")


@dataclass(slots=True)
class _Value:
    start: int
    end: int
    value: Any  # str, a list of _Value, a dict of name -> _Value, or None for atoms


@dataclass(frozen=True, slots=True)
class CellText:
    """The source of one code cell: the string literals that hold it, `[start, end)` in the file's text."""

    literals: tuple[tuple[int, int, str], ...]
    start: int  # of the value: a list or one string
    end: int
    is_list: bool
    #: file line of each line of the cell, 1-based
    lines: tuple[int, ...] = field(default=())

    @property
    def text(self) -> str:
        return "".join(each for _, _, each in self.literals)


def code_cells(raw: str) -> tuple[CellText, ...]:
    """The code cells in the order of the file. Raises ValueError where the JSON is not one of a notebook."""
    try:
        top = _read(raw, _skip(raw, 0))
    except (IndexError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError("not the JSON of a notebook") from error
    if not isinstance(top.value, dict):
        raise ValueError("not the JSON of a notebook")
    starts = [0, *(match.end() for match in re.finditer("\n", raw))]
    return tuple(_cell(cell, starts) for cell in _cells(top.value))


def replaced(raw: str, cell: CellText, text: str) -> str:
    """The file with this cell's source changed; every other byte stays, and untouched lines of the cell too."""
    if not cell.is_list:
        return raw[: cell.start] + _quoted(text, raw[cell.start : cell.end]) + raw[cell.end :]
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if len(lines) == len(cell.literals):
        for (start, end, old), new in reversed(list(zip(cell.literals, lines, strict=True))):
            if new != old:
                raw = raw[:start] + _quoted(new, raw[start:end]) + raw[end:]
        return raw
    if not cell.literals:
        raise ValueError("an empty cell has no lines to change")
    first, last = cell.literals[0][0], cell.literals[-1][1]
    between = raw[cell.literals[0][1] : cell.literals[1][0]] if len(cell.literals) > 1 else ", "
    written = between.join(_quoted(line, raw[first:last]) for line in lines)
    return raw[:first] + written + raw[last:]


def _quoted(text: str, like: str) -> str:
    """A JSON string that escapes other letters only where the old one did."""
    return json.dumps(text, ensure_ascii=like.isascii() and not text.isascii() and "\\u" in like)


def _cells(top: dict[str, _Value]) -> Iterator[dict[str, _Value]]:
    found = top.get("cells")
    if found is not None and isinstance(found.value, list):
        listed = found.value
    else:
        sheets = top["worksheets"].value if "worksheets" in top else None
        if not isinstance(sheets, list):
            raise ValueError("neither cells nor worksheets")
        inner = [sheet.value.get("cells") for sheet in sheets if isinstance(sheet.value, dict)]
        listed = [
            cell for cells in inner if cells is not None and isinstance(cells.value, list) for cell in cells.value
        ]
    for cell in listed:
        if isinstance(cell.value, dict) and "cell_type" in cell.value and cell.value["cell_type"].value == "code":
            yield cell.value


def _cell(cell: dict[str, _Value], starts: list[int]) -> CellText:
    source = cell.get("source", cell.get("input"))
    if source is None:
        return CellText((), 0, 0, is_list=False)
    is_list = isinstance(source.value, list)
    parts = source.value if is_list else [source]
    literals = tuple((part.start, part.end, part.value) for part in parts if isinstance(part.value, str))
    return CellText(literals, source.start, source.end, is_list, _lines(literals, starts))


def _lines(literals: tuple[tuple[int, int, str], ...], starts: list[int]) -> tuple[int, ...]:
    from bisect import bisect_right

    lines: list[int] = []
    fresh = True
    for start, _, text in literals:
        here = bisect_right(starts, start)
        for part in text.split("\n")[: None if not text.endswith("\n") else -1]:
            if fresh:
                lines.append(here)
            fresh = True
            del part
        fresh = text.endswith("\n")
    return tuple(lines)


def _skip(raw: str, at: int) -> int:
    match = _SPACE.match(raw, at)
    assert match is not None
    return match.end()


def _read(raw: str, at: int) -> _Value:
    """One JSON value from its first character on."""
    mark = raw[at]
    if mark == '"':
        text, end = scanstring(raw, at + 1, False)
        return _Value(at, end, text)
    if mark == "[":
        return _list(raw, at)
    if mark == "{":
        return _object(raw, at)
    match = _ATOM.match(raw, at)
    if match is None:
        raise ValueError("broken JSON")
    return _Value(at, match.end(), None)


def _list(raw: str, start: int) -> _Value:
    items: list[_Value] = []
    at = _skip(raw, start + 1)
    while raw[at] != "]":
        items.append(_read(raw, at))
        at = _after(raw, items[-1].end, "]")
    return _Value(start, at + 1, items)


def _object(raw: str, start: int) -> _Value:
    items: dict[str, _Value] = {}
    at = _skip(raw, start + 1)
    while raw[at] != "}":
        if raw[at] != '"':
            raise ValueError("broken JSON")
        name, at = scanstring(raw, at + 1, False)
        at = _skip(raw, at)
        if raw[at] != ":":
            raise ValueError("broken JSON")
        items[name] = _read(raw, _skip(raw, at + 1))
        at = _after(raw, items[name].end, "}")
    return _Value(start, at + 1, items)


def _after(raw: str, at: int, end: str) -> int:
    at = _skip(raw, at)
    if raw[at] == ",":
        return _skip(raw, at + 1)
    if raw[at] != end:
        raise ValueError("broken JSON")
    return at
