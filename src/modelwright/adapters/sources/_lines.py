"""Read delimited text line by line where quotes are broken: keep what can be kept, quarantine the rest."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelwright.adapters.sources._scan import LONGEST_LINE_BYTES
from modelwright.core.tables import Quarantined

#: a quoted field may run over this many lines; an unclosed quote swallows no more than this before it is given up
_LONGEST_RECORD_LINES = 200


@dataclass(slots=True)
class Salvaged:
    rows: list[list[str]] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    read: int = 0  # bytes of the body that were read


def salvage(body: bytes, width: int, delimiter: str, first_line: int, *, last: bool = True) -> Salvaged:
    """Every physical row is either in `rows` (of `width` fields) or in `quarantined`; blank lines are neither.

    Where this is not the `last` part of a file, records that may go on behind it are left for the next."""
    csv.field_size_limit(LONGEST_LINE_BYTES)
    lines = body.split(b"\n")
    found = Salvaged()
    position = 0
    until = len(lines) if last else len(lines) - _LONGEST_RECORD_LINES
    while position < until:
        taken = _take(lines, position, width, delimiter, first_line, found)
        position += taken
    found.read = len(body) if last else sum(map(len, lines[:position])) + position
    return found


def _take(lines: Sequence[bytes], position: int, width: int, delimiter: str, first_line: int, found: Salvaged) -> int:
    """Read the record that begins at `position`; returns how many lines it took."""
    raw = lines[position].removesuffix(b"\r")
    number = first_line + position
    if not raw:
        return 1
    text, reason = decode(raw)
    if reason:
        found.quarantined.append(quarantine(number, reason, raw))
        return 1
    row, reason = _parse(text, delimiter)
    if row is None and reason == "open":
        return _take_long(lines, position, width, delimiter, number, found)
    if row is None:
        found.quarantined.append(quarantine(number, reason, raw))
    elif len(row) != width:
        found.quarantined.append(quarantine(number, wrong_width(len(row), width), raw))
    else:
        found.rows.append(row)
    return 1


def _take_long(lines: Sequence[bytes], position: int, width: int, delimiter: str, number: int, found: Salvaged) -> int:
    """A quote opened and did not close on its line: join lines until it does and the fields add up."""
    joined = lines[position]
    for extra in range(1, min(_LONGEST_RECORD_LINES, len(lines) - position)):
        joined += b"\n" + lines[position + extra]
        if b'"' not in lines[position + extra]:
            continue
        text, reason = decode(joined.removesuffix(b"\r"))
        if reason:
            break
        row, reason = _parse(text, delimiter)
        if row is not None and len(row) == width:
            found.rows.append(row)
            return extra + 1
        if reason != "open":
            break
    found.quarantined.append(quarantine(number, "a quote is opened and never closed", lines[position]))
    return 1


def _parse(text: str, delimiter: str) -> tuple[list[str] | None, str]:
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None, "open"
        return None, f"text follows a closing quote ({error})"
    return (rows[0], "") if len(rows) == 1 else (None, "a quote is closed in the middle of a line")


def decode(raw: bytes) -> tuple[str, str]:
    """Text, or the reason why there is none."""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        return "", undecodable(raw[error.start])


def undecodable(byte: int) -> str:
    return f"byte 0x{byte:02x} is not UTF-8"


def wrong_width(got: int, wanted: int) -> str:
    return f"{got:,} fields where the header has {wanted:,}"


def quarantine(line: int, reason: str, raw: bytes) -> Quarantined:
    return Quarantined(
        line=line, reason=reason, content=raw[:2000].rstrip(b"\r").decode("utf-8", errors="replace")[:500]
    )
