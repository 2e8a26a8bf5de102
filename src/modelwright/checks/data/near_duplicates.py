"""Rows that are near copies of other rows: moved a little, interpolated, altered in one field or in writing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.data._rows import cells, coordinates
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.once import row_keys
from modelwright.checks.strengths import feature_columns, table
from modelwright.core.nouns import Column, ColumnType, Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.stats import natural, shingles, twins

#: share of rows with a near twin, beyond what chance gives, from which it is said, doubted and condemned
NOTED, MEDIUM, HIGH = 0.002, 0.01, 0.03
_FEWEST_ROWS = 60
_FEWEST_TWINS = 6
#: chance must not explain a third of the pairs: its estimate is known to a factor of about two
_BEYOND_CHANCE = 3.0
_SEARCH_ROWS = 12_000
_INTERPOLATED_ROWS = 5_000
_CELL_ROWS = 40_000
_TEXT_ROWS = 20_000
_WIDEST = 100
_BETWEEN = "interpolated between two other rows"
_TEXTS = "texts with a few words changed"
#: people who ask the same thing write nearly the same: short texts repeat that much more by nature (measured on 13,083
#: customer questions: 7 %)
_USUAL_IN_TEXT = 4.0
#: copies carry their target with them; rows that merely resemble each other disagree more often
_LEAST_AGREEMENT, _LEAST_AGREEMENT_IN_NUMBERS = 0.85, 0.5


def _rows(copied: bool) -> DataEvidence:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 5))
    if copied:
        X[240:] = X[:60] + rng.normal(scale=0.005, size=(60, 5))
    columns = {f"x{at}": X[:, at] for at in range(5)}
    return table({**columns, "y": (X[:, 0] > 0).astype(int)}, target="y")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Rows of the table (n_pairs, 2) and how many rows were searched."""

    pairs: NDArray[np.int64]
    searched: int
    by_chance: float
    how: str

    @property
    def excess(self) -> float:
        return max(0.0, np.unique(self.pairs).size - self.by_chance) / max(1, self.searched)

    @property
    def holds(self) -> bool:
        count = np.unique(self.pairs).size
        return count >= _FEWEST_TWINS and count > _BEYOND_CHANCE * self.by_chance and self.excess > NOTED


class _NearDuplicates:
    codes = ("leak.near_duplicates",)
    sample_rows = _CELL_ROWS
    examples = (
        Example(make=lambda: _rows(True), codes=("leak.near_duplicates",)),
        Example(make=lambda: _rows(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("leak.near_duplicates", "rows", "there is no table to look at")
            return
        columns = feature_columns(dataset)[:_WIDEST]
        if dataset.n_rows < _FEWEST_ROWS or len(columns) == 0:
            return
        found = [one for one in _search(dataset, columns) if one.holds]
        if not found:
            return
        best = max(found, key=lambda one: one.excess)
        pairs = np.unique(np.concatenate([one.pairs for one in found]), axis=0)
        yield _finding(evidence, dataset, best, pairs)


def _search(dataset: Dataset, columns: list[Column]) -> Iterator[_Found]:
    names = [column.name for column in columns]
    frame = dataset.frame
    rows = _first_of_each(dataset, names, _CELL_ROWS)
    part = frame[rows]
    exact = cells(part, names)
    twin = twins.one_field(exact)
    yield _Found(pairs=rows[twin.pairs], searched=rows.size, by_chance=0.0, how="copied with one field changed")
    if any(part[name].dtype == pl.String for name in names):
        yield _written(part, names, rows, exact)
    yield from _numeric(part, columns, rows)
    for column in columns:
        if column.type is ColumnType.TEXT:
            picked = rows[:_TEXT_ROWS]
            pairs = shingles.alike(frame[column.name][picked])
            yield _Found(pairs=picked[pairs], searched=picked.size, by_chance=0.0, how=_TEXTS)


def _first_of_each(dataset: Dataset, names: list[str], most: int) -> NDArray[np.int64]:
    """The first row of each set of equal rows; of a large table those whose first columns' hash is small, so that
    rows alike in most fields mostly stay together."""
    keys = row_keys(dataset, names)
    frame = dataset.frame.select(names)
    distinct = keys.n_unique()
    if distinct <= most:
        return keys.is_first_distinct().arg_true().to_numpy().astype(np.int64)
    widest = max(frame.columns, key=lambda name: frame[name].n_unique() if frame.width <= 3 else _distinct(frame, name))
    bucket = frame[widest].hash(seed=2).to_numpy()
    kept = np.flatnonzero(bucket <= np.uint64(2**64 - 1) // np.uint64(max(1, distinct // most)))
    kept = kept[keys[kept].is_first_distinct().to_numpy()]
    return np.asarray(kept[:most], dtype=np.int64)


def _distinct(frame: pl.DataFrame, name: str) -> int:
    return int(frame[name].head(5000).n_unique())


def _written(part: pl.DataFrame, names: list[str], rows: NDArray[np.int64], exact: NDArray[np.uint64]) -> _Found:
    """Rows that are equal once case, spaces and punctuation are set aside."""
    texts = [at for at, name in enumerate(names) if part[name].dtype == pl.String]
    normal = exact.copy()
    # Times an odd number, or they would be drawn from the same hashes as the columns that they stand beside.
    normal[:, texts] = cells(part, [names[at] for at in texts], normal=True) * np.uint64(0x9E3779B97F4A7C15)
    keys = normal.sum(axis=1, dtype=np.uint64)
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    pairs = np.column_stack([order[same], order[same + 1]])
    if pairs.size and len(names) > 1:
        pairs = pairs[natural.expected_twins(normal)[pairs[:, 0]] < 0.05]
    return _Found(pairs=rows[pairs], searched=rows.size, by_chance=0.0, how="equal but for case, spaces or punctuation")


def _numeric(part: pl.DataFrame, columns: list[Column], rows: NDArray[np.int64]) -> Iterator[_Found]:
    at = coordinates(part, columns)
    if at.measured < 2:
        return
    for Z, most, search, how in (
        (at.Z, _SEARCH_ROWS, twins.moved, "copied with the numbers moved a little"),
        (at.linear, _INTERPOLATED_ROWS, twins.interpolated, _BETWEEN),
    ):
        if Z.shape[1] < 2:
            continue
        order = twins.slabs(Z, most)
        twin = search(Z, order)
        yield _Found(pairs=rows[twin.pairs], searched=order.size, by_chance=twin.by_chance, how=how)


def _finding(evidence: DataEvidence, dataset: Dataset, best: _Found, pairs: NDArray[np.int64]) -> Finding:
    share = best.excess
    straddling = _straddling(evidence, pairs)
    guarded = evidence.split is not None and straddling < 0.02
    usual = _USUAL_IN_TEXT if best.how == _TEXTS else 1.0
    severity = Severity.HIGH if share >= HIGH * usual else Severity.MEDIUM if share >= MEDIUM * usual else Severity.LOW
    target = dataset.schema.target
    agree = _agreement(dataset, target, best.pairs) if target is not None else None
    numbers = target is not None and dataset.frame[target].dtype.is_float()
    least = _LEAST_AGREEMENT_IN_NUMBERS if numbers else _LEAST_AGREEMENT
    alike = agree is None or agree >= least or best.how == _BETWEEN
    if severity is Severity.HIGH and not alike:
        severity = Severity.MEDIUM
    if guarded:
        severity = Severity.LOW
    says = "" if agree is None else f" {agree:.0%} of the pairs have the same '{target}'."
    where = "" if evidence.split is None else f" {straddling:.0%} of the pairs lie on both sides of the split."
    example = ", ".join(f"{a + 1} and {b + 1}" for a, b in pairs[:3].tolist())
    return Finding(
        code="leak.near_duplicates",
        severity=severity,
        blocking=share >= 0.2 and severity is Severity.HIGH,
        confidence=Level.HIGH if best.by_chance < 0.1 * np.unique(best.pairs).size else Level.MEDIUM,
        subject="rows",
        message=f"{share:.1%} of the {best.searched:,} rows searched have a near twin in another row ({best.how}; rows "
        f"{example}, for example): a random split learns from one twin and is judged on the other.{where}{says}",
        observed=share,
        threshold=NOTED,
        evidence={
            "how": best.how,
            "twins": int(np.unique(best.pairs).size),
            "searched": best.searched,
            "by_chance": round(best.by_chance, 1),
            "pairs": pairs[:20].tolist(),
            "both_sides": straddling,
            "same_target": agree,
        },
        advice="make augmented, resampled or corrected copies after the split, or number the rows of one origin in a "
        "column and name it in features.group",
        source="Levina and Bickel (2004), NIPS 17, for the distances that chance gives",
    )


def _straddling(evidence: DataEvidence, pairs: NDArray[np.int64]) -> float:
    """Share of pairs with one row among the sealed and one among those to learn from; 0 without a split."""
    split = evidence.split
    if split is None or evidence.dataset is None:
        return 0.0
    side = np.zeros(evidence.dataset.n_rows, dtype=np.int8)
    side[np.concatenate([split.train, split.val])] = 1
    side[split.test] = 2
    a, b = side[pairs[:, 0]], side[pairs[:, 1]]
    inside = (a > 0) & (b > 0)
    return float(((a != b) & inside).sum()) / max(1, int(inside.sum()))


def _agreement(dataset: Dataset, target: str, pairs: NDArray[np.int64]) -> float | None:
    """The share of pairs with the same target; of numbers, nearer than a thousandth of their spread."""
    values = dataset.frame[target]
    first, second = values[pairs[:, 0]], values[pairs[:, 1]]
    if values.dtype.is_float():
        spread = float(values.std() or 0.0)  # type: ignore[arg-type]
        return float(((first - second).abs() <= 1e-3 * spread).fill_null(False).to_numpy().mean())
    return float((first == second).fill_null(False).to_numpy().mean())


PLUGIN: Check = _NearDuplicates()
