"""Codes for missing that stand among numbers: -999, 9999, -1 where nothing else is negative."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelwright.checks.data._values import sampled
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import feature_columns, numbers, table
from modelwright.core.nouns import ColumnType, Finding, Severity
from modelwright.core.ports import Check, Example

_CODE = "data.sentinel"
#: written by people and systems for "none"; nines and eights of one length, and limits of integers
_CODES = frozenset(
    {sign * int(digit * length) for sign in (1, -1) for digit in "98" for length in range(2, 10)}
    | {-1, -9, -2147483648, 2147483647, 4294967295, 32767, -32768, 65535, -99999999, 1000000000}
)
#: a code repeats: this share of rows, or half the rows of a column that hardly has it
LIMIT = 0.001
_MIN_ROWS, _MIN_COUNT, _MIN_DISTINCT = 50, 5, 8


def _days(code: float | None) -> DataEvidence:
    return table({"days": [float(i % 28) if code is None or i % 5 else code for i in range(200)], "n": range(200)})


class _Sentinels:
    codes = (_CODE,)
    examples = (
        Example(make=lambda: _days(999.0), codes=(_CODE,)),
        Example(make=lambda: _days(-1.0), codes=(_CODE,)),
        Example(make=lambda: _days(None)),
        Example(make=lambda: table({"share": [float(i % 100) for i in range(400)], "n": range(400)})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided(_CODE, "data", "there is no table to look at")
            return
        for column in feature_columns(dataset):
            if column.type is not ColumnType.NUMBER:
                continue
            values = numbers(sampled(dataset, column.name))
            values = values[np.isfinite(values)]
            if values.size < _MIN_ROWS:
                continue
            for end in (float(values.min()), float(values.max())):
                if end == int(end) and int(end) in _CODES and (found := _apart(values, end)) is not None:
                    yield _finding(column.name, end, values, found)


def _apart(values: NDArray[np.float64], code: float) -> NDArray[np.float64] | None:
    """The other values, when the code stands apart from them; None when it may be one of them.

    Apart: farther from the nearest other value than the others spread between their 1st and 99th percentile, or, for
    -1 and -9, the only negative value where the others are whole numbers.
    """
    rest = values[values != code]
    count = values.size - rest.size
    if count < max(_MIN_COUNT, LIMIT * values.size) or rest.size < _MIN_COUNT:
        return None
    distinct = np.unique(rest)
    if distinct.size < _MIN_DISTINCT:
        return None
    low, high = np.quantile(rest, [0.01, 0.99])
    gap = float(np.abs(distinct - code).min())
    if code in (-1.0, -9.0):
        whole = bool((distinct == np.round(distinct)).all())
        return rest if whole and float(distinct[0]) >= 0.0 and count > LIMIT * 10 * values.size else None
    return rest if gap > float(high - low) else None


def _finding(name: str, code: float, values: NDArray[np.float64], rest: NDArray[np.float64]) -> Finding:
    share = 1.0 - rest.size / values.size
    return Finding(
        code=_CODE,
        severity=Severity.LOW,
        subject=f"column:{name}",
        message=f"'{name}' is {code:g} in {share:.1%} of rows and lies between {rest.min():g} and {rest.max():g} "
        f"otherwise: {code:g} looks like a code for none. Read as a number it moves the mean from {rest.mean():.4g} "
        f"to {values.mean():.4g}, and a linear model takes it for a size.",
        observed=share,
        threshold=LIMIT,
        evidence={"code": code, "rows": int(values.size - rest.size), "rows_looked_at": int(values.size)},
        advice=f"make {code:g} missing in data.prepare, and keep a yes/no column for it if none means something",
    )


PLUGIN: Check = _Sentinels()
