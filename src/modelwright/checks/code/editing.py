"""Edits by position on a module or on a notebook's cells; line ends, encoding and everything else stay as they are."""

from __future__ import annotations

import codecs
import io
import itertools
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass

from modelwright.checks.code.cells_in_json import CellText, code_cells, replaced
from modelwright.checks.code.nouns import Edit

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class CannotEditError(ValueError):
    """The edits do not fit the text; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text with what is needed to write it back byte by byte."""

    text: str
    encoding: str
    mark: bytes  # byte order mark
    cells: tuple[CellText, ...] | None  # None: a module

    @classmethod
    def of(cls, data: bytes, *, notebook: bool) -> Document:
        """Raises CannotEditError where the bytes cannot be read and written back unchanged."""
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        try:
            encoding = "utf-8" if notebook or mark else tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            text = data[len(mark) :].decode(encoding)
            if mark + text.encode(encoding) != data:
                raise CannotEditError("its encoding cannot be written back")
            return cls(text, encoding, mark, code_cells(text) if notebook else None)
        except (SyntaxError, UnicodeError, LookupError, ValueError) as error:
            raise CannotEditError(str(error)) from error

    def data(self) -> bytes:
        return self.mark + self.text.encode(self.encoding)

    def lines(self, cell: int | None) -> list[str]:
        """With their ends, of one code cell or of the module."""
        return _LINES.findall(self._text_of(cell))

    def _text_of(self, cell: int | None) -> str:
        if self.cells is None:
            return self.text
        if cell is None or not 0 < cell <= len(self.cells):
            raise CannotEditError("no such cell")
        return self.cells[cell - 1].text

    def edited(self, edits: Iterable[Edit]) -> Document:
        """All edits or none; they must not overlap. Raises CannotEditError."""
        by_cell: dict[int | None, list[Edit]] = {}
        for edit in edits:
            by_cell.setdefault(edit.cell if self.cells is not None else None, []).append(edit)
        if not by_cell:
            raise CannotEditError("there is nothing to do")
        text = self.text
        for cell in sorted(by_cell, key=lambda number: -(number or 0)):  # from the end, so that positions stay true
            new = _edited(self._text_of(cell), by_cell[cell])
            if self.cells is None:
                text = new
            else:
                assert cell is not None
                text = replaced(text, self.cells[cell - 1], new)
        try:
            return Document.of(self.mark + text.encode(self.encoding), notebook=self.cells is not None)
        except UnicodeError as error:
            raise CannotEditError("the new text does not fit the file's encoding") from error


def _edited(text: str, edits: list[Edit]) -> str:
    lines = _LINES.findall(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    newline = next((end for line in lines if (end := line[len(line.rstrip("\r\n")) :])), "\n")
    spans = []
    for edit in edits:
        first = _offset(lines, starts, edit.line, edit.column)
        last = _offset(lines, starts, edit.end_line, edit.end_column)
        if last < first:
            raise CannotEditError("an edit ends before it begins")
        spans.append((first, last, edit.text.replace("\r\n", "\n").replace("\n", newline)))
    spans.sort()
    if any(one[1] > other[0] for one, other in itertools.pairwise(spans)):
        raise CannotEditError("two edits overlap")
    for first, last, new in reversed(spans):
        text = text[:first] + new + text[last:]
    return text


def _offset(lines: list[str], starts: list[int], line: int, column: int) -> int:
    """Columns count bytes of UTF-8, as `ast` does."""
    if line == len(lines) + 1 and column == 1:
        return starts[-1]
    if not 0 < line <= len(lines) or column < 1:
        raise CannotEditError("a place outside the text")
    data = lines[line - 1].rstrip("\r\n").encode("utf-8", "surrogatepass")
    if column - 1 > len(data):
        raise CannotEditError("a place outside the line")
    try:
        return starts[line - 1] + len(data[: column - 1].decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise CannotEditError("a place inside a letter") from error
