"""Python 2 to Python 3 by line, well enough to be read: prints, excepts, raises, and a few literals."""

from __future__ import annotations

import re

_PRINT = re.compile(r"^(\s*|.*?[:;]\s*)print(?:\s+(?![=+\-*/%.,)\]]?=)|(?=['\"]))(?!\()(.*)$")
_PRINT_TUPLE = re.compile(r"^(\s*)print\s+(\(.*\)\s*[%,].*)$")
_BARE = re.compile(r"^(\s*)print\s*$")
_TO_FILE = re.compile(r"^>>\s*([\w.]+)\s*,?\s*(.*)$")
_EXCEPT = re.compile(r"^(\s*except\s+[\w.()\s,]+?)\s*,\s*(\w+)\s*:")
_RAISE = re.compile(r"^(\s*raise\s+[\w.]+)\s*,\s*(.+)$")
_EXEC = re.compile(r"^(\s*)exec\s+(?!\()(.+)$")
_LITERALS = (
    (re.compile(r"\b(\d+)[lL]\b"), r"\1"),
    (re.compile(r"(?<![\w.])0([0-7]+)\b(?!\.)"), r"0o\1"),
    (re.compile(r"\b[uU][rR](?=['\"])"), "r"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"`([^`\n]+)`"), r"repr(\1)"),
)


def as_python3(text: str) -> str:
    """The text with Python 2 forms rewritten; line numbers stay."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        number = _rewrite(lines, number)
    return "\n".join(lines)


def _rewrite(lines: list[str], number: int) -> int:
    line = lines[number]
    if not line.lstrip().startswith("#"):
        for pattern, new in _LITERALS:
            line = pattern.sub(new, line)
        lines[number] = line
    if "print" in line:
        end = _print(lines, number)
        if end is not None:
            return end + 1
    line = _EXCEPT.sub(r"\1 as \2:", line)
    line = _RAISE.sub(r"\1(\2)", line)
    line = _EXEC.sub(r"\1exec(\2)", line)
    lines[number] = line
    return number + 1


def _print(lines: list[str], number: int) -> int | None:
    """Wrap a print statement in parentheses, over as many lines as its brackets need; the last of them."""
    line = lines[number]
    if bare := _BARE.match(line):
        lines[number] = f"{bare[1]}print()"
        return number
    found = _PRINT_TUPLE.match(line) or _PRINT.match(line)
    if found is None or "#" in found[1]:
        return None
    head, rest = found[1], found[2]
    comment = re.search(r"\s#[^'\"]*$", rest)
    if comment:
        rest = rest[: comment.start()]
    to_file = _TO_FILE.match(rest)
    last = number
    open_brackets = _balance(rest)
    while (open_brackets > 0 or lines[last].rstrip().endswith("\\")) and last + 1 < len(lines):
        last += 1
        open_brackets += _balance(lines[last])
    if last > number:
        lines[number] = f"{head}print({rest}"
        lines[last] = f"{lines[last].rstrip()})"
    elif to_file:
        lines[number] = f"{head}print({to_file[2].rstrip(', ') or repr('')}, file={to_file[1]})"
    else:
        lines[number] = f"{head}print({rest.rstrip().rstrip(';').rstrip(',')})"
    return last


def _balance(text: str) -> int:
    bare = re.sub(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", "", text)
    return sum(bare.count(mark) for mark in "([{") - sum(bare.count(mark) for mark in ")]}")
