"""What happens to the metric when inputs are disturbed: noise, gaps, wild values, shifts, unknown and misspelt words.

Every disturbance is made to the raw columns, so that the whole path from a row to its answer is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.judgement import Robustness
from modelwright.core.nouns import ColumnType, Estimate, Signature
from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog
from modelwright.evaluation.scores import estimate_one, task_of

MAX_ROWS = 1_000
#: the largest falls get an interval
_BOUNDED = 8
#: columns that are disturbed one by one, most important first
_FIELDS = 8
_PROBED = 5
#: how far `worst_case` may move each number, in standard deviations
REACH = 0.25
#: a value that no training row came near: this many ranges beyond
_BEYOND = 10.0
_UNSEEN = "\u2047 never seen"

Predict = Callable[[pl.DataFrame], Predictions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows with known answers, the model, and its input columns, most important first."""

    frame: pl.DataFrame
    y: NDArray[Any]
    predict: Predict
    signature: Signature
    important: Sequence[str]
    metric: str
    #: rows that are tried at most
    max_rows: int = MAX_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    kind: str
    subject: str
    level: str
    frame: pl.DataFrame
    note: str = ""
    seen: float | None = None


def robustness(sample: Sample, *, seed: int = 0, level: float = 0.95) -> tuple[Robustness, ...]:
    """The metric under each disturbance, in a fixed order. The eight largest falls get an interval."""
    rng = np.random.default_rng(child_seed(seed, "robustness"))
    n = sample.frame.height
    if n < 2:
        return ()
    rows = np.sort(rng.choice(n, min(n, sample.max_rows), replace=False))
    frame, y = sample.frame[rows], sample.y[rows]
    before = sample.predict(frame)
    _, metric = catalog.resolve(sample.metric, task_of(before))
    sign = 1.0 if metric.greater_is_better else -1.0
    base = float(metric.score(y, before))
    tried = []
    for change in _changes(sample, frame, rng):
        after = sample.predict(change.frame)
        tried.append((change, after, float(metric.score(y, after))))
    worst = _worst_case(sample, frame, y, before)
    if worst is not None:
        tried.append((*worst, float(metric.score(y, worst[1]))))
    falls = np.array([sign * (base - score) for _, _, score in tried])
    bounded = set(np.argsort(-falls, kind="stable")[:_BOUNDED].tolist())
    found = []
    for at, (change, after, value) in enumerate(tried):
        score = Estimate(value=value, level=level, n=int(y.size), method="no interval")
        if at in bounded and falls[at] > 0:
            score = estimate_one(y, after, metric, level=level, seed=child_seed(seed, "robust", at))
        found.append(
            Robustness(
                kind=change.kind,
                subject=change.subject,
                level=change.level,
                score=score,
                fall=float(falls[at]),
                changed=_changed(before, after),
                note=change.note,
                seen=change.seen,
            )
        )
    return tuple(found)


def _changed(before: Predictions, after: Predictions) -> float:
    """The share of rows with another class; for numbers, with an answer that moved by a tenth of their spread."""
    if before.labels is not None and after.labels is not None:
        return float((before.labels != after.labels).mean())
    assert before.values is not None
    assert after.values is not None
    spread = float(before.values.std())
    return float((np.abs(before.values - after.values) > 0.1 * max(spread, 1e-12)).mean())


# ---------------------------------------------------------------- disturbances


def _changes(sample: Sample, frame: pl.DataFrame, rng: np.random.Generator) -> Iterator[_Change]:
    types = {field.name: field.type for field in sample.signature.inputs}
    numbers = [name for name, kind in types.items() if kind is ColumnType.NUMBER]
    words = [name for name, kind in types.items() if kind in (ColumnType.CATEGORY, ColumnType.TEXT)]
    important = [name for name in sample.important if name in types][:_FIELDS]
    for name in important:
        gone = frame.with_columns(pl.lit(None, dtype=frame.schema[name]).alias(name))
        seen = frame[name].null_count() / frame.height
        yield _Change(kind="missing", subject=f"column:{name}", level="always missing", frame=gone, seen=seen)
    yield _Change(kind="missing", subject="all", level="10 % of all values", frame=_gaps(frame, list(types), rng))
    for share in (0.1, 0.5) if numbers else ():
        noisy = frame.with_columns(_noisy(frame[name], share, rng) for name in numbers)
        yield _Change(kind="noise", subject="all", level=f"{share:.1f} standard deviations", frame=noisy)
    for name in [name for name in important if name in numbers][:_PROBED]:
        yield from _wild(frame, name)
    named = [name for name in important if name in words][:_PROBED]
    for name in named:
        unseen = frame.with_columns(pl.lit(_UNSEEN).cast(frame.schema[name]).alias(name))
        yield _Change(kind="unseen", subject=f"column:{name}", level="a value never seen", frame=unseen)
    if words:
        misspelt = frame.with_columns(_misspelt(frame[name], rng) for name in words)
        yield _Change(kind="typos", subject="all", level="one letter, in 10 % of the texts", frame=misspelt)


def _gaps(frame: pl.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pl.DataFrame:
    columns = []
    for name in names:
        kept = pl.Series(rng.random(frame.height) >= 0.1)
        columns.append(pl.select(pl.when(kept).then(frame[name]).otherwise(None)).to_series().alias(name))
    return frame.with_columns(columns)


def _spread(series: pl.Series) -> float:
    found = series.cast(pl.Float64).std()
    return float(found) if isinstance(found, (int, float)) and np.isfinite(found) else 0.0


def _back(values: pl.Series, like: pl.Series) -> pl.Series:
    """In the column's own storage; whole numbers are rounded, and stay within what the storage holds."""
    if like.dtype.is_integer():
        return values.round().clip(-(2.0**53), 2.0**53).cast(like.dtype, strict=False).alias(like.name)
    return values.cast(like.dtype).alias(like.name)


def _noisy(series: pl.Series, share: float, rng: np.random.Generator) -> pl.Series:
    noise = pl.Series(rng.normal(size=series.len()) * share * _spread(series))
    return _back(series.cast(pl.Float64) + noise, series)


def _wild(frame: pl.DataFrame, name: str) -> Iterator[_Change]:
    """Shifted by a standard deviation, in the wrong unit, and far beyond the range."""
    series = frame[name].cast(pl.Float64)
    spread = _spread(series)
    if spread <= 0:
        return
    low, high = float(series.min() or 0.0), float(series.max() or 0.0)  # type: ignore[arg-type]
    variants = (
        ("shifted", "by 1 standard deviation", series + spread),
        ("shifted", "in another unit (x 1,000)", series * 1000),
        ("out_of_range", "far above all values seen", series * 0 + high + _BEYOND * (high - low)),
        ("out_of_range", "far below all values seen", series * 0 + low - _BEYOND * (high - low)),
    )
    for kind, level, values in variants:
        moved = frame.with_columns(_back(values, frame[name]))
        yield _Change(kind=kind, subject=f"column:{name}", level=level, frame=moved)


def _misspelt(series: pl.Series, rng: np.random.Generator) -> pl.Series:
    """Two neighbouring letters change places in a tenth of the values."""
    hit = rng.random(series.len()) < 0.1
    made = []
    for value, chosen in zip(series.to_list(), hit, strict=True):
        if chosen and isinstance(value, str) and len(value) > 1:
            at = int(rng.integers(0, len(value) - 1))
            value = value[:at] + value[at + 1] + value[at] + value[at + 2 :]
        made.append(value)
    return pl.Series(series.name, made, dtype=series.dtype)


# ---------------------------------------------------------------- the worst within reach


def _worst_case(
    sample: Sample, frame: pl.DataFrame, y: NDArray[Any], before: Predictions
) -> tuple[_Change, Predictions] | None:
    """A coordinate search on the most important numbers, each moved by at most 0.25 standard deviations, per row.

    It asks the model for answers only, and so is a lower bound of what an attacker with its gradients could do
    (Madry et al., 2018, ICLR), on models that have no gradients as well.
    """
    kinds = {field.name: field.type for field in sample.signature.inputs}
    names = [name for name in sample.important if kinds.get(name) is ColumnType.NUMBER][:_PROBED]
    if not names:
        return None
    current, harm = frame, _harm(y, before)
    for name in names:
        spread = _spread(frame[name])
        original = frame[name].cast(pl.Float64)
        best = current[name].cast(pl.Float64).to_numpy().copy()
        for step in (-REACH, REACH):
            tried = current.with_columns(_back(original + step * spread, frame[name]))
            moved = _harm(y, sample.predict(tried))
            worse = moved > harm
            best = np.where(worse, tried[name].cast(pl.Float64).to_numpy(), best)
            harm = np.where(worse, moved, harm)
        values = pl.Series(best).fill_nan(None)
        current = current.with_columns(_back(values, frame[name]))
    change = _Change(
        kind="adversarial",
        subject="all",
        level=f"the worst within {REACH} standard deviations",
        frame=current,
        note=f"searched over {', '.join(names)}",
    )
    return change, sample.predict(current)


def _harm(y: NDArray[Any], answers: Predictions) -> NDArray[np.float64]:
    """How wrong each answer is, (n,): the improbability of the truth, or the absolute error."""
    if answers.probabilities is not None:
        return np.asarray(1 - answers.probabilities[np.arange(y.size), np.asarray(y, dtype=np.int64)])
    assert answers.values is not None
    return np.asarray(np.abs(answers.values - y))
