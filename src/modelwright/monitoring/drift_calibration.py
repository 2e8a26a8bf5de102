"""Alarm levels learned from the reference's own history: its blocks are judged as windows against all the rest.

Seasons become strata (hour, weekday, hour of the week), chosen per column by which makes clean blocks look most like
the rest; what blocks still differ by becomes a dispersion; a tail over all columns and a replay guard the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelwright.monitoring.drift_looks import WEIGHTS, Expected, Strata, mixed, trend
from modelwright.monitoring.windows import Width, window_number
from modelwright.stats import drift_dispersion, drift_tests
from modelwright.stats.drift_dispersion import Dispersion, Tail
from modelwright.stats.multiple_testing import benjamini_hochberg

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_MOST_BLOCKS = 120
_FEWEST_BLOCKS, _WANTED_BLOCKS = 6, 24
_KINDS = {"hour": 24, "weekday": 7, "hour of the week": 168}
_PARTS = ("bins", "trend", "missing", "strange")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Columns with strata and dispersions; what the replay of the history said."""

    columns: Mapping[str, Expected]
    tail: Tail | None = None
    level: float = 0.01
    blocks: int = 0
    block_rows: float = 0.0
    replayed_alarms: int = 0
    how: str = "theory for independent rows"


@dataclass(frozen=True, slots=True)
class History:
    """The reference row by row: cell of the test (the last for missing) and whether the value is strange."""

    codes: Mapping[str, tuple[Ints, NDArray[np.bool_]]]
    seconds: Floats | None
    rows: int


def strata_of(seconds: Floats, kind: str) -> Ints:
    """Hour 0-23, weekday 0-6 from Monday, or hour of the week 0-167, in UTC."""
    hours = np.floor(seconds / 3_600.0).astype(np.int64)
    if kind == "hour":
        return (hours % 24).astype(np.intp)
    of_week = ((hours - 4 * 24) % 168).astype(np.intp)
    return of_week // 24 if kind == "weekday" else of_week


def composition(seconds: Floats | None, kind: str) -> Floats | None:
    return None if seconds is None else np.bincount(strata_of(seconds, kind), minlength=_KINDS[kind]).astype(float)


def calibrate(
    known: Mapping[str, Expected], history: History, wanted: Width, window_rows: float, level: float
) -> Calibrated:
    """`window_rows`: rows of a typical window to be judged; `level`: the alarm probability a window may have."""
    blocks = _blocks(history, wanted, window_rows)
    if blocks is None or not known:
        return Calibrated(known, level=level)
    numbers, rows = blocks
    kinds = _seasons(history)
    learned = {name: _Column(name, known[name], history, numbers, kinds) for name in known}
    if history.seconds is None:
        calm = {name: one for name, one in learned.items() if not one.ordered(numbers)}
        if not _visible(calm):
            return Calibrated(known, level=level)
        learned = calm
    growth = _growth(learned, numbers) if window_rows > 1.2 * rows else np.zeros(len(learned))
    spreads = _dispersions(learned, rows, growth)
    found = {name: replace(known[name], strata=one.strata, dispersion=spreads[name]) for name, one in learned.items()}
    p_values = np.stack([one.p_values(spreads[name]) for name, one in learned.items()])
    tail = drift_dispersion.tail(p_values.ravel())
    if tail is not None:
        p_values = np.vectorize(tail.p)(p_values)
    least = np.sort([float(benjamini_hochberg(column).min()) for column in p_values.T])
    alarms = int((least <= level).sum())
    # more alarms in the clean history than chance allows: no level that it would have broken
    allowed = level if alarms <= 1 + 3 * level * least.size else min(level, float(least[0]) / 2)
    return Calibrated(
        {**known, **found}, tail, allowed, int(least.size), rows, alarms, "blocks of the reference's own history"
    )


# ---------------------------------------------------------------- blocks


def _blocks(history: History, wanted: Width, window_rows: float) -> tuple[Ints, float] | None:
    """The block of each row, -1 for none, and the rows of a typical one."""
    if history.rows < 60:
        return None
    if wanted.seconds is not None and history.seconds is not None:
        size: float = wanted.seconds
        span = float(history.seconds[-1] - history.seconds[0])
        while span / size < _WANTED_BLOCKS and size > 1:
            size /= 2
        numbers = window_number(history.seconds, max(1, int(size)))
        numbers = np.unique(numbers, return_inverse=True)[1]
    else:
        rows = max(10, int(min(window_rows, history.rows / _WANTED_BLOCKS)))
        numbers = np.arange(history.rows) // rows
    return _whole(numbers)


def _whole(numbers: NDArray[np.int64]) -> tuple[Ints, float] | None:
    """Blocks that are not mere remnants, evenly thinned where they are many."""
    sizes = np.bincount(numbers)
    kept = np.flatnonzero(sizes >= 0.4 * np.median(sizes[sizes > 0]))
    if kept.size < _FEWEST_BLOCKS:
        return None
    if kept.size > _MOST_BLOCKS:
        kept = kept[np.linspace(0, kept.size - 1, _MOST_BLOCKS).astype(int)]
    places = np.full(sizes.size, -1, dtype=np.intp)
    places[kept] = np.arange(kept.size)
    return places[numbers], float(np.median(sizes[kept]))


def _seasons(history: History) -> list[str]:
    """Which seasons the history is long enough to show."""
    if history.seconds is None or history.rows < 200:
        return []
    days = float(history.seconds[-1] - history.seconds[0]) / 86_400.0
    hours = np.unique(strata_of(history.seconds[:: max(1, history.rows // 5_000)], "hour")).size
    kinds = ["hour"] if hours > 1 and days >= 3 else []
    kinds += ["weekday"] if days >= 21 else []
    kinds += ["hour of the week"] if len(kinds) == 2 and days >= 28 and history.rows >= 168 * 20 else []
    return kinds


# ---------------------------------------------------------------- one column


class _Column:
    """Statistics of a column's blocks against the rest, under the season that fits best."""

    def __init__(self, name: str, known: Expected, history: History, blocks: Ints, kinds: Sequence[str]) -> None:
        self._known = known
        self._history = history
        self._codes = history.codes[name]
        self.strata: Strata | None = None
        self.ratios, self._nominal = self._against_rest(blocks, None)
        best = float(np.nanmean(self.ratios["bins"])) + float(np.nanmean(self.ratios["missing"])) / 4
        for kind in kinds:
            if _KINDS[kind] == 168 and self.strata is None:
                break  # neither the hour nor the weekday shows: their product will not
            ratios, nominal = self._against_rest(blocks, kind)
            fit = float(np.nanmean(ratios["bins"])) + float(np.nanmean(ratios["missing"])) / 4
            if fit < 0.97 * best:
                best, self.ratios, self._nominal = fit, ratios, nominal
                self.strata = Strata(kind, self._counts(np.zeros(history.rows, dtype=np.intp), kind)[0])

    def nominal(self, part: str) -> float:
        return self._nominal if part == "bins" else 1.0

    def _counts(self, blocks: Ints, kind: str | None) -> Floats:
        """(blocks, strata, cells + missing + strange)."""
        codes, strange = self._codes
        width, many = self._known.cells + 2, int(blocks.max()) + 1
        size = 1 if kind is None else _KINDS[kind]
        place = blocks * size
        if kind is not None:
            assert self._history.seconds is not None
            place = place + strata_of(self._history.seconds, kind)
        inside = blocks >= 0
        flat = np.bincount((place * width + codes)[inside], minlength=many * size * width).astype(np.float64)
        odd = np.bincount(place[inside & strange], minlength=many * size)
        shaped = flat.reshape(many, size, width)
        shaped[:, :, -1] = odd.reshape(many, size)
        return shaped

    def _against_rest(self, blocks: Ints, kind: str | None) -> tuple[dict[str, Floats], float]:
        counts = self._counts(blocks, kind)
        whole = self._counts(np.zeros(blocks.size, dtype=np.intp), kind)
        rows = counts[:, :, :-1].sum(axis=2)
        shares, worth = mixed(np.maximum(whole - counts, 0.0), rows / np.maximum(rows.sum(axis=1, keepdims=True), 1))
        return self._statistics(counts.sum(axis=1), shares, worth)

    def _statistics(self, ours: Floats, shares: Floats, worth: Floats) -> tuple[dict[str, Floats], float]:
        cells = self._known.cells
        nothing = np.full(ours.shape[0], np.nan)
        found = {part: nothing.copy() for part in _PARTS}
        there = np.maximum(shares[:, :cells].sum(axis=1), 1e-12)
        known, known_worth = shares[:, :cells] / there[:, None], worth * there
        n = float(np.median(ours[:, :cells].sum(axis=1)))
        middle = known.mean(axis=0)
        starts = drift_tests.merged_cells(middle, n) if cells > 1 else np.zeros(1, dtype=np.intp)
        nominal = max(1.0, float(starts.size - 1))
        if starts.size > 1:
            merged = np.add.reduceat(ours[:, :cells], starts, axis=1)
            found["bins"] = (
                drift_tests.chi_square(merged, np.add.reduceat(known, starts, axis=1), known_worth) / nominal
            )
            if self._known.column.grid is not None and starts.size > 2:
                found["trend"] = trend(ours[:, :cells], known, known_worth)
        rows = ours[:, :-1].sum(axis=1)
        for part, at in (("missing", -2), ("strange", -1)):
            total = float(ours[:, at].sum())
            if total >= 1:
                pair = np.stack([ours[:, at], rows - ours[:, at]], axis=1)
                both = np.stack([shares[:, at], 1 - shares[:, at]], axis=1)
                found[part] = drift_tests.chi_square(pair, both, worth)
        if np.isnan(found["bins"]).all():
            found["bins"] = np.ones(ours.shape[0])
        if np.isnan(found["missing"]).all():
            found["missing"] = np.ones(ours.shape[0])
        return found, nominal

    def mean_ratio(self, blocks: Ints) -> float:
        """Mean statistic over its nominal value, with the chosen season, for other blocks."""
        ratios, _ = self._against_rest(blocks, None if self.strata is None else self.strata.kind)
        return float(np.nanmean(ratios["bins"]))

    def ordered(self, blocks: Ints) -> bool:
        """Whether the file is sorted so that blocks differ the more the longer they are: an order, not noise."""
        full = float(np.nanmean(self.ratios["bins"]))
        return full > 3.0 and full > 1.75 * self.mean_ratio(_halved(blocks))

    def p_values(self, spreads: Mapping[str, Dispersion]) -> Floats:
        """The p-value each block would have had, all looks together."""
        from scipy.special import chdtrc, fdtrc

        least = np.ones(self.ratios["bins"].size)
        for part in _PARTS:
            ratios, nominal = np.nan_to_num(self.ratios[part]), self.nominal(part)
            p = chdtrc(nominal, ratios * nominal)
            spread = spreads.get(part)
            if spread is not None and spread.blocks:
                free = max(1.0, min(nominal, spread.freedom * nominal))
                p = np.maximum(p, fdtrc(free, max(1.0, spread.blocks * free), ratios / max(1.0, spread.scale)))
            least = np.minimum(least, p / WEIGHTS[part])
        return np.asarray(np.minimum(least, 1.0))


def _halved(blocks: Ints) -> Ints:
    """Each block cut into a first and a second half of its rows."""
    halves = np.full(blocks.size, -1, dtype=np.intp)
    order = np.flatnonzero(blocks >= 0)
    sizes = np.bincount(blocks[order])
    firsts = np.cumsum(sizes) - sizes
    ranked = np.argsort(blocks[order], kind="stable")
    within = np.empty(order.size, dtype=np.intp)
    within[ranked] = np.arange(order.size) - np.repeat(firsts, sizes)
    halves[order] = 2 * blocks[order] + (within >= sizes[blocks[order]] / 2)
    return halves


def _visible(learned: Mapping[str, _Column]) -> bool:
    """Whether blocks in row order differ by more than independent rows would: any column clearly, or all together."""
    scores = []
    for one in learned.values():
        nominal, ratios = one.nominal("bins"), one.ratios["bins"]
        ratios = ratios[~np.isnan(ratios)]
        scores.append((float(ratios.mean()) - 1.0) / np.sqrt(2.0 / nominal / max(ratios.size, 1)))
    together = float(np.sum(scores) / np.sqrt(max(len(scores), 1)))
    return bool(scores) and (max(scores) > 4.5 or together > 4.0)


def _growth(learned: Mapping[str, _Column], blocks: Ints) -> Floats:
    """The power with which dispersion grows with a block's rows, from halves to wholes: 0 settled, 1 with the rows."""
    halves = _halved(blocks)
    found = []
    for one in learned.values():
        whole, half = float(np.nanmean(one.ratios["bins"])), one.mean_ratio(halves)
        clear = whole > 1.0 + 3.0 * np.sqrt(2.0 / one.nominal("bins") / one.ratios["bins"].size)
        found.append(min(1.0, max(0.0, np.log2(whole / max(half, 1e-9)))) if clear else 0.0)
    return np.array(found)


def _dispersions(learned: Mapping[str, _Column], rows: float, growth: Floats) -> dict[str, dict[str, Dispersion]]:
    found: dict[str, dict[str, Dispersion]] = {name: {} for name in learned}
    names = list(learned)
    for part in _PARTS:
        able = [at for at, name in enumerate(names) if np.isfinite(learned[name].ratios[part]).sum() >= _FEWEST_BLOCKS]
        able = [at for at in able if float(np.nanmax(learned[names[at]].ratios[part])) > 0]
        if not able:
            continue
        longest = max(learned[names[at]].ratios[part].size for at in able)
        ratios = np.full((len(able), longest), np.nan)
        for place, at in enumerate(able):
            ratios[place, : learned[names[at]].ratios[part].size] = learned[names[at]].ratios[part]
        nominal = np.array([learned[names[at]].nominal(part) for at in able])
        counts = np.isfinite(ratios).sum(axis=1).astype(np.intp)
        made = drift_dispersion.dispersions(ratios, nominal, rows, growth[able], counts)
        for at, one in zip(able, made, strict=True):
            found[names[at]][part] = one
    return found
