"""Reads a Python file, a `# %%` script or a notebook into a parsed Source, or says why it cannot be read."""

from __future__ import annotations

import codecs
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from modelwright.checks.code.notebooks import NotebookError, read_cells
from modelwright.checks.code.nouns import Kind, Source
from modelwright.checks.code.parsing import Parsed, join_cells, parse_module

#: notebooks carry pictures in their outputs; a module of this size is data
NOTEBOOK_BYTES = 50_000_000
MODULE_BYTES = 5_000_000

_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_CELL_MARK = re.compile(r"^#\s*%%|^# In\s?\[[\d ]*\]:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be judged, and why; never counted as clean."""

    path: str
    why: str
    code: str  # missing, not-a-file, too-large, binary, not-python, not-a-notebook, other-language


def load(path: Path, shown: str) -> Source | Unreadable:
    """Read one file; `shown` is the path that findings name. Never raises for what a file may hold."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Unreadable(shown, "it is not a regular file", "not-a-file")
        cap = NOTEBOOK_BYTES if path.suffix == ".ipynb" else MODULE_BYTES
        if status.st_size >= cap:
            size = f"{status.st_size / 1e6:.0f} MB"
            return Unreadable(shown, f"it has {size}; files from {cap / 1e6:.0f} MB on are skipped", "too-large")
        data = path.read_bytes()
    except OSError as error:
        return Unreadable(shown, f"it cannot be read: {error.strerror or error}", "missing")
    text, notes = decode(data)
    if text is None:
        return Unreadable(shown, "it is binary", "binary")
    return _read(text, shown, notes)


def from_text(text: str, path: str = "x.py") -> Source:
    """A Source from a text, as rules' examples use it; a text that is a notebook's JSON is read as one.

    Raises ValueError where the text cannot be read at all."""
    if text.lstrip().startswith("{") and '"cells"' in text and not path.endswith(".ipynb"):
        path = f"{path.removesuffix('.py')}.ipynb"
    found = _read(text, path, ())
    if isinstance(found, Unreadable):
        raise ValueError(f"{found.path}: {found.why}")
    return found


def decode(data: bytes) -> tuple[str | None, tuple[str, ...]]:
    """Bytes to text by mark, PEP 263, UTF-8, and Latin-1 at last; None for binary data. Line ends become `\\n`."""
    text, notes = _decoded(data)
    if text is not None and "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text is not None and "\f" in text:
        text = text.replace("\f", " ")
    return text, notes


def _decoded(data: bytes) -> tuple[str | None, tuple[str, ...]]:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), ()
    if b"\0" in data[:65536]:
        return None, ()
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    named = next(
        (match[1].decode("ascii") for line in data.split(b"\n", 2)[:2] if (match := _CODING.match(line))), None
    )
    if named is not None:
        try:
            return data.decode(named), ()
        except (LookupError, UnicodeError):
            pass
    if _looks_binary(data):
        return None, ()
    return data.decode("latin-1"), ("not UTF-8; read as Latin-1",)


def _looks_binary(data: bytes) -> bool:
    sample = data[:8192]
    control = sum(1 for byte in sample if byte < 9 or 13 < byte < 32)
    return control > len(sample) * 0.02


def _read(text: str, shown: str, notes: tuple[str, ...]) -> Source | Unreadable:
    if shown.endswith(".ipynb"):
        return _notebook(text, shown, notes)
    parsed = parse_module(text)
    if parsed.lost_share > 0.5:
        why = parsed.problems[0][1] if parsed.problems else "nothing parses"
        return Unreadable(shown, f"it is not Python: {why}", "not-python")
    kind = Kind.SCRIPT_CELLS if _CELL_MARK.search(text) else Kind.MODULE
    return _source(shown, kind, parsed, notes)


def _notebook(text: str, shown: str, notes: tuple[str, ...]) -> Source | Unreadable:
    try:
        raw = read_cells(text)
    except NotebookError as error:
        return Unreadable(shown, str(error), error.code)
    cells, parsed = join_cells(raw)
    source = _source(shown, Kind.NOTEBOOK, parsed, notes)
    return Source(
        path=source.path,
        kind=source.kind,
        text=source.text,
        tree=source.tree,
        cells=cells,
        notes=source.notes,
        problems=source.problems,
    )


def _source(shown: str, kind: Kind, parsed: Parsed, notes: tuple[str, ...]) -> Source:
    return Source(
        path=shown,
        kind=kind,
        text=parsed.text,
        tree=parsed.tree,
        notes=(*notes, *parsed.notes),
        problems=parsed.problems,
    )
