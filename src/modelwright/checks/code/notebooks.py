"""Notebook files without nbformat: their code cells, outputs and counts, and cells without magics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: cell magics whose body is Python that runs here
_BODY_RUNS = frozenset(
    ["time", "timeit", "capture", "prun", "memit", "snakeviz", "python", "python3", "debug", "wandb", "heat"]
)
_LINE_RUNS = re.compile(r"^%(?:time|timeit|prun|memit|lprun)\s+(?:-\w+\s*\d*\s+)*")
_SHELL = re.compile(r"^(\s*)(?:!|%|\?|[\w.]+\s*\?\??\s*$|@?[\w.\[\]'\"]+\?\??\s*$)")
_CAPTURED = re.compile(r"^(\s*[\w.,\s\[\]'\"]+?=\s*)([!%])(?!=).*$")
_SUSPECT = re.compile(r"^\s*[!%?]|\?\s*$|=\s*[!%]\s*\w", re.MULTILINE)
_CODE_CELL = re.compile(r'(?<!\\)"cell_type"\s*:\s*"code"')


class NotebookError(ValueError):
    """The JSON is broken, or is no notebook, or speaks another language than Python."""

    def __init__(self, message: str, code: str = "not-a-notebook") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class RawCell:
    """A code cell as the file holds it."""

    text: str
    execution_count: int | None = None
    outputs: tuple[str, ...] = ()
    json_line: int = 1


def read_cells(text: str) -> list[RawCell]:
    """The code cells of a notebook, format 3 (worksheets) or 4.

    Raises NotebookError."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "it is empty" if not text.strip() else f"its JSON is broken: {error}"
        raise NotebookError(f"it is not a notebook: {why}") from None
    if not isinstance(notebook, dict):
        raise NotebookError("it is not a notebook: no object at the top")
    language = _language(notebook)
    if language not in {"", "python", "ipython", "python3", "python2"}:
        raise NotebookError(f"its cells are {language}, not Python", "other-language")
    found = list(_code_cells(notebook))
    lines = _json_lines(text, len(found))
    return [_raw(cell, line) for cell, line in zip(found, lines, strict=True)]


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        inner = metadata.get(part)
        if isinstance(inner, dict) and isinstance(inner.get(key), str) and inner[key]:
            return str(inner[key]).lower()
    return ""


def _code_cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        sheets = notebook.get("worksheets")
        if not isinstance(sheets, list):
            raise NotebookError("it is not a notebook: it has neither cells nor worksheets")
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in _list(sheet.get("cells"))]
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            yield cell


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _json_lines(text: str, count: int) -> list[int]:
    lines, line, start = [], 1, 0
    for match in _CODE_CELL.finditer(text):
        line += text.count("\n", start, match.start())
        start = match.start()
        lines.append(line)
    return (lines + [lines[-1] if lines else 1] * count)[:count]


def _raw(cell: dict[str, Any], line: int) -> RawCell:
    count = cell.get("execution_count", cell.get("prompt_number"))
    return RawCell(
        text=_joined(cell.get("source", cell.get("input", "")))
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\f", " "),
        execution_count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        outputs=tuple(text for output in _list(cell.get("outputs")) if (text := _output(output))),
        json_line=line,
    )


def _joined(source: object) -> str:
    if isinstance(source, str):
        return source
    return "".join(part for part in _list(source) if isinstance(part, str))


def _output(output: object) -> str:
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    if isinstance(data, dict):
        return _joined(data.get("text/plain", "")) or _joined(data.get("text/html", ""))
    if "evalue" in output:
        return f"{output.get('ename', '')}: {output['evalue']}"
    return _joined(output.get("text", ""))


def is_suspect(text: str) -> bool:
    """May the cell hold a magic, a shell line or a question?"""
    return _SUSPECT.search(text) is not None


def without_magics(text: str) -> tuple[str, int]:
    """The cell with magics and shell lines blanked, and how many were. Lines keep their numbers."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return text, 0
    left_out = 0
    while first < len(lines) and lines[first].lstrip().startswith("%%"):
        words = lines[first].lstrip()[2:].split()
        if not words or words[0] not in _BODY_RUNS:
            return "\n" * (len(lines) - 1), left_out + 1
        lines[first] = ""
        left_out += 1
        first += 1
    number = first
    while number < len(lines):
        number, gone = _clean(lines, number)
        left_out += gone
    return "\n".join(lines), left_out


def _clean(lines: list[str], number: int) -> tuple[int, int]:
    """Clean one line in place; the number of the next, and how many were left out."""
    line = lines[number]
    captured = _CAPTURED.match(line)
    shell = _SHELL.match(line)
    if captured is None and (shell is None or re.match(r"\s*%\s", line)):
        return number + 1, 0
    last = number
    while lines[last].rstrip().endswith("\\") and last + 1 < len(lines):
        last += 1
    if captured is not None:
        lines[number] = f"{captured[1]}{'[]' if captured[2] == '!' else 'None'}"
    else:
        indent = line[: len(line) - len(line.lstrip())]
        kept = _LINE_RUNS.sub("", line.lstrip()) if _LINE_RUNS.match(line.lstrip()) else ""
        if kept:
            lines[number] = indent + kept
            return number + 1, 1
        lines[number] = f"{indent}pass" if indent else ""
    for extra in range(number + 1, last + 1):
        lines[extra] = ""
    return last + 1, 1
