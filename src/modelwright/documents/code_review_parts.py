"""What every form of a code review shares: order, places, counts, and what was not judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

Result = Mapping[str, Any]
Finding = Mapping[str, Any]

_SEVERITIES = ("critical", "high", "medium", "low", "info")


def by_file(findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Files with the gravest finding first; within a file the order given."""
    gravest: dict[str, int] = {}
    for each in findings:
        path = each["evidence"]["path"]
        gravest[path] = min(gravest.get(path, len(_SEVERITIES)), _SEVERITIES.index(each["severity"]))
    ranked = sorted(findings, key=lambda each: (gravest[each["evidence"]["path"]], each["evidence"]["path"]))
    for path, found in groupby(ranked, key=lambda each: each["evidence"]["path"]):
        yield path, list(found)


def where(evidence: Mapping[str, Any]) -> str:
    """`12:5`, or `cell 3:line 2` in a notebook."""
    if evidence.get("cell") is not None:
        return f"cell {evidence['cell']}:line {evidence['line']}"
    return f"{evidence['line']}:{evidence['column']}"


def tally(result: Result) -> str:
    """`3 findings (1 critical, 2 low) in 5 files`."""
    counts = result["counts"]["severity"]
    found = len(result["findings"])
    said = ", ".join(f"{counts[name]} {name}" for name in _SEVERITIES if counts.get(name))
    read = len(result["files"]["read"])
    files = f"{read:,} file{'' if read == 1 else 's'}"
    return f"{found:,} finding{'' if found == 1 else 's'}" + (f" ({said})" if said else "") + f" in {files}"


def not_judged(result: Result) -> list[dict[str, str]]:
    """Everything that silence must not be taken for: rules that could not judge, and files that were not read."""
    told = [{"subject": each["subject"], "message": each["message"]} for each in result["undecided"]]
    told += [
        {"subject": each["path"], "message": f"Not read: {each['reason']}."} for each in result["files"]["skipped"]
    ]
    return told
