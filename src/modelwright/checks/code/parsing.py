"""Text to a syntax tree that survives what it meets: bad lines, old Python, cells that do not parse, deep nesting."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass

from modelwright.checks.code.notebooks import RawCell, is_suspect, without_magics
from modelwright.checks.code.nouns import Cell
from modelwright.checks.code.python2 import as_python3

#: deeper than any code a person wrote; far below where the interpreter's own recursion ends
DEPTH_AT_MOST = 200
_ATTEMPTS = 25
_BAD = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
_LONG_LINE = re.compile(r"^.{1500,}", re.MULTILINE)
_CHAINED = re.compile(r"\n[ \t]*(?:[+*/.%&|]|elif\b)|[+*/%&|\\]\n")
_BLOCK = re.compile(r"^(?!(?:else|elif|except|finally)\b)[^\s#)\]}]")


@dataclass(frozen=True, slots=True)
class Parsed:
    text: str
    tree: ast.Module
    notes: tuple[str, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()  # (line, why) of what could not be read
    lost_share: float = 0.0  # of the lines that hold anything


def parse(text: str) -> ast.Module:
    """Raises SyntaxError for anything that is no usable Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bad escapes in other people's strings
        try:
            tree = ast.parse(text)
        except SyntaxError:
            raise
        except _BAD as error:
            raise SyntaxError(f"it is nested too deeply or holds a null character ({type(error).__name__})") from None
    if _may_be_deep(text) and (line := _too_deep(tree)) is not None:
        raise SyntaxError("it is nested too deeply", ("", line, 0, ""))
    return tree


def parse_module(text: str) -> Parsed:
    """Parse a module; a bad line costs itself or its block, never the file."""
    try:
        return Parsed(text, parse(text))
    except SyntaxError:
        pass
    newer = as_python3(text)
    if newer != text:
        try:
            return Parsed(newer, parse(newer), notes=("written for Python 2; read as Python 3",))
        except SyntaxError:
            text = newer
    return _recover(text)


def join_cells(raw: list[RawCell]) -> tuple[tuple[Cell, ...], Parsed]:
    """The cells of a notebook as one module, and each cell with what became of it."""
    cleaned = [_cleaned(cell.text) for cell in raw]
    texts = [text for text, _ in cleaned]
    left_out = sum(gone for _, gone in cleaned)
    whys = [""] * len(raw)
    notes = [f"{left_out} magic or shell lines left out"] if left_out else []
    try:
        tree = parse("\n".join(texts))
    except SyntaxError:
        old = 0
        for number, text in enumerate(texts):
            texts[number], whys[number], was_old = _mended(text)
            old += was_old
        if old:
            notes.append(f"{old} cells written for Python 2; read as Python 3")
        tree = _certain("\n".join(texts))
    cells, first = [], 1
    for number, (cell, text, why) in enumerate(zip(raw, texts, whys, strict=True), start=1):
        cells.append(Cell(number, cell.text, first, not why, why, cell.execution_count, cell.outputs, cell.json_line))
        first += text.count("\n") + 1
    problems = tuple((cell.first, cell.why) for cell in cells if cell.why)
    return tuple(cells), Parsed("\n".join(texts), tree, tuple(notes), problems)


def _cleaned(text: str) -> tuple[str, int]:
    if not is_suspect(text) or _parses(text):
        return text, 0
    return without_magics(text)


def _mended(text: str) -> tuple[str, str, bool]:
    """A cell's text that parses, why it did not (`` when it did), and whether it was Python 2."""
    if _parses(text):
        return text, "", False
    straight = textwrap.dedent(text)
    if straight != text and _parses(straight):
        return straight, "", False
    newer = as_python3(straight)
    if newer != straight and _parses(newer):
        return newer, "", True
    parsed = _recover(straight)
    why = parsed.problems[0][1] if parsed.problems else "it does not parse"
    return parsed.text, why, False


def _certain(text: str) -> ast.Module:
    try:
        return parse(text)
    except SyntaxError:  # cells that parse alone but not together, as an unfinished `\` at a cell's end
        return _recover(text).tree


def _parses(text: str) -> bool:
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def _recover(text: str) -> Parsed:
    """Blank the line that is wrong, then its block, then what follows; keep all line numbers."""
    lines = text.split("\n")
    held = sum(1 for line in lines if line.strip()) or 1
    lost: set[int] = set()
    problems: list[tuple[int, str]] = []
    for _ in range(_ATTEMPTS):
        try:
            tree = parse("\n".join(lines))
        except SyntaxError as error:
            number = min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
            if not problems or number + 1 > problems[-1][0] + 1:
                problems.append((number + 1, _plain(error)))
            if not _fill_head(lines, error):
                lost.update(_blank(text.split("\n"), lines, number, lost, error))
        else:
            return Parsed("\n".join(lines), tree, (), tuple(problems), _share(text, lost, held))
    first = min(lost, default=0)
    for start in (first, 0):
        rest = [*lines[:start], *([""] * (len(lines) - start))]
        try:
            tree = parse("\n".join(rest))
        except SyntaxError:
            continue
        lost.update(range(start, len(lines)))
        return Parsed("\n".join(rest), tree, (), tuple(problems), _share(text, lost, held))
    raise AssertionError("blank lines parse")  # pragma: no cover


def _share(text: str, lost: set[int], held: int) -> float:
    lines = text.split("\n")
    return sum(1 for number in lost if lines[number].strip()) / held


def _fill_head(lines: list[str], error: SyntaxError) -> bool:
    """Give a head without a body an empty one."""
    found = re.search(r"expected an indented block after .* on line (\d+)", error.msg or "")
    if found is None or not 0 < int(found[1]) <= len(lines):
        return False
    head = lines[int(found[1]) - 1]
    if not head.rstrip().endswith(":"):
        return False
    lines[int(found[1]) - 1] = f"{head.rstrip()} pass"
    return True


def _blank(original: list[str], lines: list[str], number: int, lost: set[int], error: SyntaxError) -> range:
    """Blank one line on the first complaint about its surroundings, its whole block on the next."""
    line = lines[number]
    near = any(other in lost for other in (number - 1, number, number + 1))
    if not near and line.strip():
        indent = line[: len(line) - len(line.lstrip())]
        below = next((other for other in lines[number + 1 :] if other.strip()), "")
        if len(below) - len(below.lstrip()) > len(indent):  # a broken head must not cost its body
            lines[number] = f"{indent}if True:"
        else:
            lines[number] = f"{indent}pass" if indent and "unexpected indent" not in (error.msg or "") else ""
        return range(number, number + 1)
    first, end = number, number + 1
    while first > 0 and not _BLOCK.match(original[first]):
        first -= 1
    while end < len(lines) and not _BLOCK.match(original[end]):
        end += 1
    while first > 0 and (original[first - 1].startswith("@") or not any(lines[at].strip() for at in range(first, end))):
        first -= 1
    for at in range(first, end):
        lines[at] = ""
    return range(first, end)


def _plain(error: SyntaxError) -> str:
    return (error.msg or "invalid syntax").split(" (<unknown>")[0]


def _may_be_deep(text: str) -> bool:
    if len(text) < DEPTH_AT_MOST:
        return False
    return _LONG_LINE.search(text) is not None or len(_CHAINED.findall(text)) > DEPTH_AT_MOST


def _too_deep(tree: ast.Module) -> int | None:
    """The line of a statement whose tree is too deep to be walked by recursion."""
    for statement in tree.body:
        level: list[ast.AST] = [statement]
        for _ in range(DEPTH_AT_MOST * 2):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            if not level:
                break
        else:
            return statement.lineno
    return None
