"""Edits that put a located mistake right, and the sentences that show them."""

from __future__ import annotations

import re

from modelwright.core.errors import Fix
from modelwright.spec.source import Advice, Entry, Node, Source

_PLAIN = re.compile(r"(?![.][0-9])[A-Za-z_./](?:[\w ./+-]|:(?=\w|/))*(?<! )", re.ASCII)
_SPECIAL = re.compile(r"(?i)null|true|false|yes|no|on|off|y|n|~|\.inf|\.nan")


def yaml_scalar(value: object) -> str:
    """Write a scalar so that the strict loader reads back exactly this value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and not _SPECIAL.fullmatch(text):
        return text
    return quote(text)


def quote(text: str) -> str:
    """Double-quoted YAML text on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(named.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in escaped) + '"'


def replace_range(source: Source, start: tuple[int, int], end: tuple[int, int], text: str) -> Fix:
    """Replace the text between two places (the end exclusive), keeping what stands around it."""
    before = source.line(start[0])[: start[1] - 1]
    after = source.line(end[0])[end[1] - 1 :]
    return Fix(start[0], end[0], (before + text + after).rstrip())


def replace_node(node: Node, text: str) -> Fix:
    """Replace a value by another, written on the line where the old one begins."""
    if node.kind != "scalar" and not node.flow:
        return replace_range(node.source, *_block_range(node), f" {text}")
    gap = "" if node.line > 1 or node.column > 1 else " "
    if node.kind == "scalar" and node.text == "" and not node.quoted:
        gap = " "  # an empty value starts right behind the colon
    return replace_range(node.source, (node.line, node.column), (node.end_line, node.end_column), gap + text)


def _block_range(node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """From behind the colon that owns a block value to the end of the value."""
    line = node.line
    while line > 1 and (line == node.line or not node.source.line(line).split("#")[0].rstrip().endswith(":")):
        line -= 1
    return (line, len(node.source.line(line).split("#")[0].rstrip()) + 1), (node.end_line, node.end_column)


def remove_entry(entry: Entry) -> Fix | None:
    """Remove a key with its value; None where it shares its line with others."""
    if entry.key.flow:
        return None
    return Fix(entry.key.line, max(entry.node.end_line, entry.key.line), None)


def write(node: Node, text: str, why: str = "") -> Advice:
    """Advice to write another value here, showing the corrected line."""
    fix = replace_node(node, text)
    return Advice(hint=f"write `{(fix.text or '').strip()}`{why}", fix=fix)


def rename(key: Node, name: str, why: str = "") -> Advice:
    """Advice to rename a key, showing the corrected line."""
    fix = replace_range(key.source, (key.line, key.column), (key.end_line, key.end_column), yaml_scalar(name))
    return Advice(hint=f"did you mean '{name}'? write `{(fix.text or '').strip()}`{why}", fix=fix)


def remove(entry: Entry, why: str = "") -> Advice:
    """Advice to remove a key."""
    fix = remove_entry(entry)
    place = f"line {fix.line}" if fix and fix.line == fix.end_line else ""
    place = place or (f"lines {fix.line} to {fix.end_line}" if fix else f"`{entry.name}`")
    return Advice(hint=f"remove {place}{why}", fix=fix)


def insert_into(entry: Entry, lines: list[str]) -> Fix:
    """Add lines (without indentation) as the first keys of a block section."""
    indent = " " * (entry.key.column + 1)
    if entry.node.kind == "map" and entry.node.entries and not entry.node.flow:
        indent = " " * (entry.node.entries[0].key.column - 1)
    line = entry.key.line
    head = entry.key.source.line(line)
    return Fix(line, line, "\n".join([head, *(indent + extra for extra in lines)]))


def apply(text: str, fix: Fix) -> str:
    """The text after the edit."""
    lines = text.split("\n")
    lines[fix.line - 1 : fix.end_line] = [] if fix.text is None else fix.text.split("\n")
    return "\n".join(lines)


def close_quote(line: str, mark: str) -> str:
    """The line with the missing closing quote: before a comment or a closing bracket, else at its end."""
    body, comment = line.rstrip(), ""
    if " #" in body:
        cut = body.index(" #")
        body, comment = body[:cut].rstrip(), body[cut:]
    closers = ""
    opened = body.split(":", 1)[-1].lstrip()[:1]
    while opened in "[{" and body and body[-1] in "]}":
        closers, body = body[-1] + closers, body[:-1]
    return body + mark + closers + comment
