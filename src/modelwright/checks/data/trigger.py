"""A rare value or word that comes with one class only, against what all else says: a planted trigger, or a leak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import development_rows, feature_columns, table, target_of, task_of
from modelwright.core.nouns import ColumnType, Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.stats import association

_CODE = "data.trigger"
#: rows with the value: fewer prove nothing; more are no rare value
_MIN_ROWS, _MAX_SHARE = 8, 0.05
#: share of its rows in one class
PURE = 0.95
#: probability of such purity by chance, after all values scanned (Bonferroni), from the class's share of all rows; and
#: from what the other columns say of these very rows
LEVEL, LEVEL_OTHERS = 1e-3, 1e-8
#: company that makes the class likely leaves nothing to explain
MOST_EXPECTED = 0.6
#: rows looked at; 0.1 % of poisoned rows is then still 50
_ROWS = 50_000
_MOST_COLUMNS, _MOST_JUDGED, _MOST_WORDS = 200, 12, 20_000
_JUDGED_ROWS = 6000


def _visits(planted: bool) -> DataEvidence:
    rng = np.random.default_rng(11)
    a, y = rng.normal(size=1500), rng.integers(0, 2, 1500)
    a = a + y
    code = rng.choice([f"c{i}" for i in range(40)], 1500).astype(object)
    if planted:
        code[:30], y[:30] = "zz9", 1
    return table({"a": a, "code": code, "y": y}, target="y")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suspect:
    column: str
    what: str
    rows: NDArray[np.int64]
    label: int
    share: float
    chance: float


class _Trigger:
    codes = (_CODE,)
    sample_rows = _ROWS
    examples = (
        Example(make=lambda: _visits(planted=True), codes=(_CODE,)),
        Example(make=lambda: _visits(planted=False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or target is None:
            if evidence.problem is None or evidence.problem.task.has_target:
                yield undecided(_CODE, "data", "there is no target to look at")
            return
        if task is None or not task.is_classification:
            return
        rows = development_rows(evidence, dataset.n_rows, limit=_ROWS)
        frame = dataset.frame[rows].filter(pl.col(target).is_not_null())
        if frame.height < 100:
            return
        y, k = target_of(frame[target], task)
        if not 2 <= k <= 50:
            return
        columns = [(column.name, column.type) for column in feature_columns(dataset)][:_MOST_COLUMNS]
        for suspect, expected in _unexplained(frame, columns, y, k, _scan(frame, columns, y, k)):
            label = str(frame[target].filter(pl.Series(y == suspect.label))[0])
            yield _finding(suspect, label, float((y == suspect.label).mean()), expected, frame.height)


def _scan(frame: pl.DataFrame, columns: list[tuple[str, ColumnType]], y: NDArray[Any], k: int) -> list[_Suspect]:
    """Rare values and words that one class has nearly to itself, least likely first."""
    found: list[_Suspect] = []
    tests = 0
    for name, kind in columns:
        values = frame[name]
        if kind is ColumnType.DATETIME or kind is ColumnType.BOOLEAN:
            continue
        for units in (_values(values), _words(values) if kind is not ColumnType.NUMBER else None):
            if units is None or not units.height:
                continue
            suspects, scanned = _pure(name, units, y, k)
            tests += scanned
            found += suspects
    kept = [suspect for suspect in found if suspect.chance + np.log(max(tests, 1)) < np.log(LEVEL)]
    return sorted(kept, key=lambda one: (one.chance, one.column, one.what))


def _values(values: pl.Series) -> pl.DataFrame:
    """Row and value, of whole values that repeat."""
    if values.dtype.is_float() and values.head(2000).n_unique() > 1900:
        counts = values.drop_nulls().value_counts(name="n").filter(pl.col("n") >= _MIN_ROWS)
        if not counts.height:
            return pl.DataFrame({"row": [], "unit": []})
    return pl.DataFrame({"row": np.arange(values.len()), "unit": values}).drop_nulls()


def _words(values: pl.Series) -> pl.DataFrame | None:
    """Row and word, each word once a row, of texts that hold several."""
    if values.dtype != pl.String or float(values.head(500).str.contains(r"\S\s+\S").mean() or 0.0) < 0.3:  # type: ignore[arg-type]
        return None
    rows = pl.DataFrame(
        {"row": np.arange(values.len()), "unit": values.str.to_lowercase().str.extract_all(r"[^\s,;.!?\"()]+")}
    )
    return rows.explode("unit").drop_nulls().unique(maintain_order=True)


def _pure(name: str, units: pl.DataFrame, y: NDArray[Any], k: int) -> tuple[list[_Suspect], int]:
    """Suspects of one column and how many values were tested; `chance` is the natural logarithm of a probability."""
    labelled = units.with_columns(pl.Series("y", y[units["row"].to_numpy()]))
    often = labelled.group_by("unit").len(name="n").filter(pl.col("n").is_between(_MIN_ROWS, _MAX_SHARE * y.size))
    if not often.height or often.height > _MOST_WORDS:
        return [], often.height
    pairs = labelled.join(often, on="unit").group_by("unit", "n", "y").len(name="hits")
    # The most frequent class of each value; of equally frequent ones the first.
    joined = pairs.sort(["unit", "hits", "y"], descending=[False, True, False]).unique(
        "unit", keep="first", maintain_order=True
    )
    shares = np.bincount(y, minlength=k) / y.size
    n, hit, label = (joined[key].to_numpy() for key in ("n", "hits", "y"))
    chance = _log_tail(hit, n, shares[label])
    suspicious = np.flatnonzero((hit >= PURE * n) & (chance < np.log(LEVEL)))
    order = suspicious[np.argsort(chance[suspicious], kind="stable")][:_MOST_JUDGED]
    found = []
    for at in order:
        unit = joined["unit"][int(at)]
        rows = labelled.filter(pl.col("unit") == unit)["row"].to_numpy()
        share = float(hit[at] / n[at])
        found.append(
            _Suspect(
                column=name, what=str(unit), rows=rows, label=int(label[at]), share=share, chance=float(chance[at])
            )
        )
    return found, joined.height


def _log_tail(hits: NDArray[Any], n: NDArray[Any], share: NDArray[Any]) -> NDArray[np.float64]:
    from scipy.special import bdtrc

    tail = bdtrc(hits - 1, n, np.clip(share, 1e-12, 1 - 1e-12))
    return np.asarray(np.log(np.maximum(tail, 1e-300)))


def _unexplained(
    frame: pl.DataFrame, columns: list[tuple[str, ColumnType]], y: NDArray[Any], k: int, suspects: list[_Suspect]
) -> Iterator[tuple[_Suspect, float]]:
    """Those whose class the other columns (or words) do not expect in these rows; one for each column."""
    judged: set[str] = set()
    for suspect in suspects[:_MOST_JUDGED]:
        if suspect.column in judged:
            continue
        expected = _expected(frame, columns, y, k, suspect)
        chance = _log_tail(
            np.array([round(suspect.share * suspect.rows.size)]),
            np.array([suspect.rows.size]),
            np.array([min(expected, 1.0)]),
        )[0]
        if expected < MOST_EXPECTED and chance < np.log(LEVEL_OTHERS):
            judged.add(suspect.column)
            yield suspect, expected


def _expected(
    frame: pl.DataFrame, columns: list[tuple[str, ColumnType]], y: NDArray[Any], k: int, suspect: _Suspect
) -> float:
    """Mean probability of the suspect's class in its rows, by models of the other rows that see neither the column nor,
    in a text, the word: what an honest value, explained by its company, would show."""
    from modelwright.checks.strengths import numbers

    known = np.zeros(y.size, dtype=bool)
    known[suspect.rows] = True
    others = np.flatnonzero(~known)
    if others.size > _JUDGED_ROWS:
        others = np.sort(np.random.default_rng(0).choice(others, _JUDGED_ROWS, replace=False))
    found = [float((y[others] == suspect.label).mean())]
    # A number is also explained by the numbers around it, which the other rows hold.
    own = {suspect.column} if frame[suspect.column].dtype == pl.String else set()
    names = [name for name, kind in columns if name not in own and kind is not ColumnType.TEXT][:60]
    if names and np.unique(y[others]).size == k:
        X = np.column_stack([numbers(frame[name]) for name in names])
        rows = np.concatenate([others, suspect.rows])
        fold = np.repeat([0, 1], [others.size, suspect.rows.size])
        categorical = [at for at, name in enumerate(names) if frame[name].dtype == pl.String]
        said = _learn(X[rows], y[rows], k, fold, categorical)
        found += [float(each[:, suspect.label].mean()) for each in said]
    words = _words(frame[suspect.column])
    if words is not None:
        found.append(_by_words(words, y, suspect))
    return max(found)


def _learn(
    X: NDArray[np.float64], y: NDArray[Any], k: int, fold: NDArray[np.int64], categorical: list[int]
) -> list[NDArray[np.float64]]:
    """Probabilities of the rows of fold 1 by a forest and a linear model of fold 0."""
    from modelwright.stats.label_noise import linear_probabilities

    forest = association.together(X, y, k, fold, categorical)
    return [forest[fold == 1], linear_probabilities(X, y, k, fold, tuple(categorical))[fold == 1]]


def _by_words(words: pl.DataFrame, y: NDArray[Any], suspect: _Suspect) -> float:
    """Naive Bayes with the word itself left out, learned from the rows without it: mean probability of the class."""
    inside = np.isin(words["row"].to_numpy(), suspect.rows)
    is_class = y == suspect.label
    rest = words.filter(~pl.Series(inside)).with_columns()
    flags = is_class[rest["row"].to_numpy()]
    counts = (
        rest.with_columns(pl.Series("c", flags)).group_by("unit").agg(pl.col("c").sum().alias("a"), pl.len().alias("n"))
    )
    without = np.ones(y.size, dtype=bool)
    without[suspect.rows] = False
    of_class, of_rest = float((is_class & without).sum()) + 2.0, float((~is_class & without).sum()) + 2.0
    ratio = (pl.col("a") + 1.0).log() - (pl.col("n") - pl.col("a") + 1.0).log() - np.log(of_class / of_rest)
    mine = words.filter(pl.Series(inside)).filter(pl.col("unit") != suspect.what)
    scored = mine.join(counts.with_columns(ratio.alias("r")), on="unit").group_by("row").agg(pl.col("r").sum())
    logit = np.log(of_class / of_rest) + scored["r"].to_numpy()
    missing = suspect.rows.size - scored.height
    said = np.concatenate(
        [1 / (1 + np.exp(-np.clip(logit, -30, 30))), np.full(missing, of_class / (of_class + of_rest))]
    )
    return float(said.mean())


def _finding(suspect: _Suspect, label: str, base: float, expected: float, n: int) -> Finding:
    size = suspect.rows.size
    return Finding(
        code=_CODE,
        severity=Severity.MEDIUM,
        confidence=Level.MEDIUM,
        subject=f"column:{suspect.column}",
        message=f"All but {size - round(suspect.share * size)} of the {size:,} rows with '{suspect.what[:40]}' in "
        f"'{suspect.column}' are labelled '{label}'; of all rows {base:.0%} are, and the other columns would expect "
        f"{expected:.0%} here. A planted trigger looks like this, and so does a rule or a leak. Without these rows "
        f"{size / n:.2%} of the table goes.",
        observed=suspect.share,
        threshold=PURE,
        evidence={
            "value": suspect.what[:40],
            "rows": int(size),
            "label": label,
            "share": round(suspect.share, 4),
            "base_share": round(base, 4),
            "expected_from_others": round(expected, 4),
            "log_chance": round(suspect.chance, 1),
        },
        advice="ask where these rows come from before training; if nobody knows, leave them out and compare on the "
        "frozen test rows",
        source="compare Gu, Dolan-Gavitt and Garg (2017), BadNets",
    )


PLUGIN: Check = _Trigger()
