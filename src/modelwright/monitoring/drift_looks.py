"""What is expected of a column in a window, and the looks at it: its bins, their order, missing and strange values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType
from modelwright.registry.reference_columns import ColumnReference, Counts
from modelwright.stats import drift_tests
from modelwright.stats.drift_dispersion import Dispersion
from modelwright.stats.drift_effects import Effect, js_effect, psi_effect, share_effect, wasserstein_effect

Floats = NDArray[np.float64]

#: how a column's alarm probability is shared out among the looks at it
WEIGHTS: Mapping[str, float] = {"bins": 0.55, "trend": 0.2, "missing": 0.15, "strange": 0.1}
#: an effect below (value, lower bound) has no practical size, whatever its p-value
FLOORS: Mapping[str, tuple[float, float]] = {
    "psi": (0.01, 0.003),
    "js": (0.04, 0.02),
    "w1_iqr": (0.05, 0.02),
    "missing": (0.01, 0.003),
    "strange": (0.005, 0.001),
}
#: an effect whose lower bound is beyond this needs no second window
HUGE: Mapping[str, float] = {"psi": 0.25, "js": 0.25, "w1_iqr": 0.4, "missing": 0.2, "strange": 0.2}


class Strata(NamedTuple):
    """Expected counts by hour, weekday or hour of the week: (strata, cells + missing + strange)."""

    kind: str
    counts: Floats


@dataclass(frozen=True, slots=True)
class Expected:
    """A column's reference: counts of [cells of the test, missing, strange], by stratum where seasons show."""

    column: ColumnReference
    counts: Floats
    strata: Strata | None = None
    dispersion: Mapping[str, Dispersion] = field(default_factory=dict)

    @property
    def cells(self) -> int:
        return self.counts.size - 2


def expected(column: ColumnReference) -> Expected:
    """From a frozen column alone."""
    strange = column.outside if column.grid is None else float(column.counts[column.strange].sum())
    return Expected(column, np.array([*column.project(column.counts), column.missing, strange]))


def as_row(column: ColumnReference, counts: Counts) -> Floats:
    """A window's counts in the same places as `Expected.counts`."""
    return np.array([*column.project(counts), counts[-1], counts[column.strange].sum()], dtype=np.float64)


def mixed(strata: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Expected shares for windows with these shares of their rows in each stratum (windows, strata), and how many
    rows the mix is worth: the variance of a weighted mean of independent shares."""
    rows = strata[..., :-1].sum(axis=-1)
    whole = strata.sum(axis=-2, keepdims=True)
    overall = whole / np.maximum(whole[..., :-1].sum(axis=-1, keepdims=True), 1.0)
    shares = np.where(rows[..., None] > 0, strata / np.maximum(rows[..., None], 1.0), overall)
    worth = 1.0 / np.maximum((weights**2 / np.maximum(rows, 0.5)).sum(axis=-1), 1e-12)
    return (weights[..., None] * shares).sum(axis=-2), worth


class Look(NamedTuple):
    part: str
    p: float
    measure: str
    effect: Effect

    @property
    def large_enough(self) -> bool:
        value, low = FLOORS[self.measure]
        return self.effect.value >= value and self.effect.low >= low

    @property
    def huge(self) -> bool:
        return self.effect.low >= HUGE[self.measure]


def looks(known: Expected, row: Floats, weights: Floats | None = None) -> list[Look]:
    """All looks at one column of one window; p-values already carry their weights. Empty for a window without rows.

    weights: the window's rows by stratum, where the column has strata.
    """
    rows = float(row[:-1].sum())
    if rows < 1 or known.counts[:-1].sum() < 1:
        return []
    shares, worth = _shares(known, weights)
    cells, there = known.cells, float(row[:-2].sum())
    found = [_missing(known, row, shares, worth), _strange(known, row, shares, worth)]
    share_there = float(shares[:cells].sum())
    if there >= 1 and share_there > 0 and cells > 1:
        found += _bins(known, row[:cells], shares[:cells] / share_there, worth * share_there)
    return found


def _shares(known: Expected, weights: Floats | None) -> tuple[Floats, float]:
    if known.strata is None or weights is None or weights.sum() <= 0:
        rows = float(known.counts[:-1].sum())
        return known.counts / max(rows, 1.0), rows
    shares, worth = mixed(known.strata.counts, weights / weights.sum())
    return shares, float(worth)


def _bins(known: Expected, counts: Floats, shares: Floats, worth: float) -> list[Look]:
    n = float(counts.sum())
    starts = drift_tests.merged_cells(shares, n * worth / (n + worth))
    if starts.size < 2:
        return []
    ours, theirs = np.add.reduceat(counts, starts), np.add.reduceat(shares, starts)
    freedom = starts.size - 1
    statistic = float(drift_tests.chi_square(ours[None], theirs, worth)[0])
    spread = known.dispersion.get("bins", Dispersion())
    p = max(drift_tests.chi_square_p(statistic, freedom), spread.p(statistic, freedom, n))
    wide = spread.at(n)
    number = known.column.type is ColumnType.NUMBER
    measure = psi_effect if known.column.grid is not None else js_effect
    effect = measure(ours, theirs, worth, wide)
    found = [Look("bins", p / WEIGHTS["bins"], "psi" if known.column.grid is not None else "js", effect)]
    if known.column.grid is not None and starts.size > 2:
        statistic = float(trend(counts[None], shares, worth)[0])
        spread = known.dispersion.get("trend", Dispersion())
        p = max(drift_tests.chi_square_p(statistic, 1), spread.p(statistic, 1, n))
        by_order = _distance(known.column, counts, shares, worth, spread.at(n)) if number else effect
        found.append(Look("trend", p / WEIGHTS["trend"], "w1_iqr" if number else "psi", by_order))
    return found


def trend(counts: Floats, shares: Floats, worth: Floats | float) -> Floats:
    """Squared z of the mean rank score of windows (windows, cells): most of the power against a plain shift."""
    scores = drift_tests.ridits(shares) if shares.ndim == 1 else drift_tests.ridits(shares.mean(axis=0))
    n = np.maximum(counts.sum(axis=-1), 1.0)
    mean = (shares * scores).sum(axis=-1)
    variance = np.maximum((shares * scores**2).sum(axis=-1) - mean**2, 1e-12)
    gap = (counts * scores).sum(axis=-1) / n - mean
    return np.asarray(gap**2 / (variance * (1.0 / n + 1.0 / np.maximum(worth, 1.0))))


def _distance(column: ColumnReference, counts: Floats, shares: Floats, worth: float, wide: float) -> Effect:
    """W1 over the bins of the test, each as wide as the way from its middle to the next one's."""
    middles, scale = column.middles
    widths = np.append(np.diff(middles), 0.0)
    return wasserstein_effect(counts, shares, widths[: counts.size], scale, worth, wide)


def _missing(known: Expected, row: Floats, shares: Floats, worth: float) -> Look:
    k, rows, share = float(row[-2]), float(row[:-1].sum()), float(shares[-2])
    spread = known.dispersion.get("missing", Dispersion())
    one = drift_tests.share_p(k, rows, share * worth, worth)
    other = drift_tests.share_p(rows - k, rows, (1 - share) * worth, worth)
    p = min(1.0, 2 * min(one, other))
    p = max(p, spread.p(_z2(k, rows, share, worth), 1, rows))
    return Look("missing", p / WEIGHTS["missing"], "missing", share_effect(k, rows, share, worth, spread.at(rows)))


def _strange(known: Expected, row: Floats, shares: Floats, worth: float) -> Look:
    k, rows, share = float(row[-1]), float(row[:-1].sum()), float(shares[-1])
    spread = known.dispersion.get("strange", Dispersion())
    p = max(drift_tests.share_p(k, rows, share * worth, worth), spread.p(_z2(k, rows, share, worth), 1, rows))
    effect = share_effect(k, rows, share, worth, spread.at(rows)) if k > share * rows else Effect(0.0, 0.0)
    return Look("strange", p / WEIGHTS["strange"], "strange", effect)


def _z2(k: float, rows: float, share: float, worth: float) -> float:
    counts, both = np.array([[k, rows - k]]), np.array([share, 1 - share])
    return float(drift_tests.chi_square(counts, both, worth)[0])
