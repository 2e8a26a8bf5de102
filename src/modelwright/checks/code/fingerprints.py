"""Names for findings that survive edits elsewhere: rule, normalised statement, function, and which of its kind."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from modelwright.checks.code.nouns import CodeFinding

_DIGITS = 20


def fingerprints(findings: Sequence[CodeFinding]) -> list[str]:
    """One name for each finding of one file, in the order given. Lines, columns and the path take no part."""
    order = sorted(range(len(findings)), key=lambda number: _place(findings[number]))
    names, seen = [""] * len(findings), Counter[tuple[str, str, str]]()
    for number in order:
        found = findings[number]
        what = (found.code, found.function, " ".join(found.statement.split()))
        names[number] = hashlib.sha256("\x00".join((*what, str(seen[what]))).encode("utf-8", "replace")).hexdigest()[
            :_DIGITS
        ]
        seen[what] += 1
    return names


def _place(found: CodeFinding) -> tuple[int, int, int, str]:
    return found.place.cell or 0, found.place.line, found.place.column, found.message
