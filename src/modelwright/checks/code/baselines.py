"""A baseline: the findings that are known, so that only new ones count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelwright.checks.code.finding_models import Reported
from modelwright.core.errors import NotFoundError, SpecError

DEFAULT = ".modelwright-baseline.json"
_SCHEMA = 1


def written(findings: Iterable[Reported]) -> str:
    """The file's text: sorted, one finding a line, so that changes read well in a diff."""
    entries = sorted(
        {each.key: {"path": each.key[0], "code": each.code, "fingerprint": each.key[1], "message": each.finding.message}
         for each in findings}.values(),
        key=lambda entry: (entry["path"], entry["code"], entry["fingerprint"]),
    )  # fmt: skip
    body = ",\n".join(f"  {json.dumps(entry, sort_keys=True)}" for entry in entries)
    return f'{{"schema": {_SCHEMA}, "findings": [' + (f"\n{body}\n" if body else "") + "]}\n"


def read(file: Path) -> frozenset[tuple[str, str]]:
    """The known findings by path and fingerprint. Raises NotFoundError, SpecError (`review.baseline`)."""
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = "write one with --write-baseline"
        raise NotFoundError(
            f"There is no baseline {file}.", code="review.baseline", hint=hint, subject=str(file)
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(file, f"cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA or not isinstance(data.get("findings"), list):
        raise _bad(file, "is not a baseline of this version")
    known = set()
    for entry in data["findings"]:
        if not (isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("path", "fingerprint"))):
            raise _bad(file, "holds an entry without path and fingerprint")
        known.add((entry["path"], entry["fingerprint"]))
    return frozenset(known)


def gone(known: frozenset[tuple[str, str]], found: Iterable[Reported], looked_at: Sequence[str]) -> int:
    """Entries for files that were looked at and that nothing answers to any more."""
    here = {each.key for each in found}
    paths = set(looked_at)
    return sum(key[0] in paths and key not in here for key in known)


def _bad(file: Path, what: str) -> SpecError:
    return SpecError(
        f"The baseline {file} {what}.", code="review.baseline", hint="write it anew with --write-baseline",
        subject=str(file), file=str(file),
    )  # fmt: skip
