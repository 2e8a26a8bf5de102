"""Numbers far outside the bulk of their column, by robust standard deviations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import feature_columns, numbers, table
from modelwright.core.nouns import ColumnType, Finding, Severity
from modelwright.core.ports import Check, Example

SIGMAS = 3.0
NORMAL_SHARE = 0.0027
#: a normal column has 0.27 % beyond 3 sigma; skewed honest columns have a few per cent
NOTED_SHARE = 0.01
#: far beyond any tail: sentinel values such as 999999, or a slipped decimal point
WILD = 1000.0
_ROWS = 50_000


class _Outliers:
    codes = ("data.outliers", "data.wild_values")
    sample_rows = _ROWS
    examples = (
        Example(
            make=lambda: table({"a": [float(i % 10) for i in range(97)] + [90.0, -90.0, 95.0]}),
            codes=("data.outliers",),
        ),
        Example(make=lambda: table({"a": [float(i % 10) for i in range(999)] + [1e9]}), codes=("data.wild_values",)),
        Example(make=lambda: table({"a": [float(i % 10) for i in range(100)]})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.outliers", "data", "there is no table to look at")
            return
        step = max(1, dataset.n_rows // _ROWS)
        tails: dict[str, float] = {}
        for column in feature_columns(dataset):
            if column.type is not ColumnType.NUMBER:
                continue
            values = numbers(dataset.frame[column.name].gather_every(step))
            values = values[np.isfinite(values)]
            if values.size < 20:
                continue
            away, middle = _away(values)
            if away is None:
                continue
            share = float((away > SIGMAS).mean())
            worst = float(values[int(away.argmax())])
            if _is_alone(away):
                yield Finding(
                    code="data.wild_values",
                    severity=Severity.LOW,
                    subject=f"column:{column.name}",
                    message=f"'{column.name}' holds {worst:g}, {away.max():,.0f} robust standard deviations from its "
                    f"median {middle:g}: perhaps a code for missing, or a slip. Left alone it alone moves the mean by "
                    f"{abs(worst - middle) / values.size:.3g}; made missing, {float((away > WILD).mean()):.2%} of rows "
                    "lose the value.",
                    observed=float(away.max()),
                    threshold=WILD,
                    advice=f"check such values of '{column.name}' at the source; declare codes for missing as missing",
                )
            elif share > NOTED_SHARE:
                tails[column.name] = share
        if tails:
            yield _tails(tails)


def _away(values: NDArray[np.float64]) -> tuple[NDArray[np.float64] | None, float]:
    """Distances from the median in robust standard deviations, and the median; None where the middle half is one value.

    The quartile range of a normal column is 1.349 sigma, twice its median absolute deviation.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        sigma = float(high - low) / 1.349
        away = np.abs(values - middle) / sigma if 0.0 < sigma < np.inf else None
    return (None if away is None or not np.isfinite(away).all() else away), float(middle)


def _tails(shares: dict[str, float]) -> Finding:
    """One finding for all columns with a long tail: that is common, and no fault."""
    ordered = sorted(shares, key=lambda name: (-shares[name], name))
    listed = listing([f"'{name}' {shares[name]:.1%}" for name in ordered])
    return Finding(
        code="data.outliers",
        severity=Severity.INFO,
        subject=f"column:{ordered[0]}" if len(ordered) == 1 else "data",
        message=f"Long tails: values beyond {SIGMAS:g} robust standard deviations in {listed}; a normal column has "
        f"{NORMAL_SHARE:.2%}. Dropping such rows would cost up to {min(sum(shares.values()), 1.0):.0%} of the table.",
        observed=shares[ordered[0]],
        threshold=NOTED_SHARE,
        evidence={name: round(shares[name], 4) for name in ordered[:20]},
        advice="a long tail is no fault; check the extremes if the model is linear",
        source="Iglewicz and Hoaglin (1993), How to detect and handle outliers",
    )


def _is_alone(away: NDArray[np.float64]) -> bool:
    """The farthest value is beyond any tail, and far beyond the next one: long tails have company on the way."""
    distinct = np.unique(away)
    return float(distinct[-1]) > WILD and distinct.size > 1 and float(distinct[-1]) > 10 * float(distinct[-2])


PLUGIN: Check = _Outliers()
