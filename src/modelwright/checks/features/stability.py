"""Columns whose values change from training to validation rows, or from earlier to later rows, beyond chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtrc

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.features._shared import distinct, feature_columns, table
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import strongest
from modelwright.core.nouns import ColumnType, Finding, Level, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.stats import distances

#: stability index from which a shift is worth a word, and from which it is large (Siddiqi 2006)
_FLOOR, _LARGE = 0.1, 0.25
#: chance of one false word in a table of any width
_LEVEL = 0.001
_MIN_ROWS = 100
_SAMPLE = 20_000
_KINDS = 20
_MOST = 10
#: columns compared
_WIDEST = 1000

_TYPES = (ColumnType.NUMBER, ColumnType.CATEGORY, ColumnType.BOOLEAN)

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two sets of rows to compare: how they are called, and whether time explains a difference."""

    names: tuple[str, str]
    rows: tuple[Rows, Rows]
    by: str  # split | group | time | file


class _Stability:
    """The index over (1/n + 1/m) is about chi-square with one degree of freedom less than bins, so small parts may
    differ as much as chance lets them. The sealed rows take no part."""

    codes = ("feature.stability",)
    sample_rows = 2 * _SAMPLE
    examples = (
        Example(make=lambda: _drifting(1.5), codes=("feature.stability",)),
        Example(make=lambda: _drifting(0.0)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("feature.stability", "data", "there is no table to look at")
            return
        columns = [c for c in feature_columns(dataset) if c.type in _TYPES]
        if len(columns) > _WIDEST:
            strong = strongest(dataset)
            ranked = sorted(columns, key=lambda one: one.name not in strong)
            columns = ranked[:_WIDEST]
            reason = f"only {_WIDEST:,} of the {len(ranked):,} columns were compared, the strongest first"
            yield undecided("feature.stability", "data", reason)
        said: set[str] = set()  # files have an order for many reasons: there only a large shift is worth a word
        for pair in _pairs(evidence, dataset):
            found = []
            for column in columns:
                one, two = (dataset.frame[column.name][rows] for rows in pair.rows)
                index, p = _shift(one, two, column.type is ColumnType.NUMBER)
                if (
                    index > (_LARGE if pair.by == "file" else _FLOOR)
                    and p < _LEVEL / len(columns)
                    and column.name not in said
                ):
                    found.append((index, column.name))
            worst = sorted(found, key=lambda one: (-one[0], one[1]))[:_MOST]
            said |= {name for _, name in worst}
            for index, name in worst:
                yield _finding(pair, name, index, len(found))


def _pairs(evidence: DataEvidence, dataset: Dataset) -> Iterator[_Pair]:
    split = evidence.split
    rows = np.arange(dataset.n_rows)
    if split is not None:
        kind, rows = str(split.kind), np.sort(np.concatenate([split.train, split.val])).astype(np.int64)
        train, val = split.train[:_SAMPLE], split.val[:_SAMPLE]
        if "time" not in kind and min(train.size, val.size) >= _MIN_ROWS:
            one, two = distinct(dataset, kind, train, val)
            yield _Pair(("training", "validation"), (one, two), "group" if "group" in kind else "split")
    if rows.size < 2 * _MIN_ROWS:
        return
    rows = rows[:: max(1, rows.size // (2 * _SAMPLE))]
    times = [column.name for column in dataset.schema.with_role(Role.TIME) if column.name in dataset.frame.columns]
    if times:
        rows = rows[dataset.frame[times[0]][rows].arg_sort().to_numpy()]
    half = rows.size // 2
    yield _Pair(("earlier", "later"), (rows[:half], rows[half:]), "time" if times else "file")


def _shift(one: pl.Series, two: pl.Series, numeric: bool) -> tuple[float, float]:
    """(index beyond what chance gives, p-value)."""
    counts = _of_numbers(one, two) if numeric else _of_kinds(one, two)
    used = counts[0] + counts[1] > 0
    counts = counts[0][used], counts[1][used]
    n, m = (float(each.sum()) for each in counts)
    if min(n, m) < _MIN_ROWS or used.sum() < 2:
        return 0.0, 1.0
    chance = 1.0 / n + 1.0 / m
    index, freedom = distances.psi(*counts), int(used.sum()) - 1
    return index - freedom * chance, float(chdtrc(freedom, index / chance))


def _of_numbers(one: pl.Series, two: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = (np.asarray(each.cast(pl.Float64).fill_null(float("nan")).to_numpy()) for each in (one, two))
    edges = distances.quantile_edges(np.concatenate([a, b]))
    return distances.bin_counts(a, edges), distances.bin_counts(b, edges)


def _of_kinds(one: pl.Series, two: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The commonest kinds, all others together, and missing."""
    both = pl.concat([one.cast(pl.String), two.cast(pl.String)])
    top = both.drop_nulls().value_counts(sort=True, name="rows of it")[both.name].head(_KINDS)
    codes = both.replace_strict(top, np.arange(top.len()), default=top.len(), return_dtype=pl.Int64)
    codes = codes.set(both.is_null(), top.len() + 1)
    found = codes.to_numpy(), top.len() + 2
    return (
        np.bincount(found[0][: one.len()], minlength=found[1]).astype(np.float64),
        np.bincount(found[0][one.len() :], minlength=found[1]).astype(np.float64),
    )


def _finding(pair: _Pair, name: str, index: float, others: int) -> Finding:
    large = index > _LARGE and pair.by in ("split", "time")
    more = f" ({others - 1} further columns change as well)" if others > 1 else ""
    advice = {
        "split": "a drawn split should not do this: look for rows that belong together (features.group)",
        "group": "parts made of whole groups differ by their largest ones: more groups would help",
        "time": "split by time (data.split.kind: time) and retrain often: the model will meet values it has not seen",
        "file": "if the file is in order of time, name the time column (features.time) and split by it",
    }
    of = {"split": "", "group": "", "time": " in time", "file": " of the file"}
    return Finding(
        code="feature.stability",
        severity=Severity.MEDIUM if large else Severity.LOW,
        confidence=Level.HIGH if pair.by == "time" else Level.MEDIUM,
        subject=f"column:{name}",
        message=f"'{name}' is distributed differently in the {pair.names[0]} and the {pair.names[1]} rows"
        f"{of[pair.by]}: stability index {index:.2f} beyond chance, large from {_LARGE:g}{more}.",
        observed=index,
        threshold=_FLOOR,
        advice=advice[pair.by],
        source="Siddiqi (2006), Credit Risk Scorecards; Yurdakul (2018) for its distribution",
    )


def _drifting(by: float) -> DataEvidence:
    rng = np.random.default_rng(11)
    return table({"size": rng.normal(size=600) + np.linspace(0, by, 600), "kind": rng.choice(["a", "b"], 600)})


PLUGIN: Check = _Stability()
