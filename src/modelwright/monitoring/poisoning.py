"""Before anybody learns from new rows: does one source rule them, are labels noisier, do rows repeat, do they fit?

Each check compares the new rows with those the champion learned from. A blocking finding holds the retraining; a
person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType, Finding, Level, Severity
from modelwright.spec.monitoring import RetrainingSpec

#: rows of each side that are looked at, and the fewest that say anything
_MOST, _LEAST = 4_000, 100
_FOLDS = 5
#: medians further apart than this are another unit: the smallest usual slip (cm for inch) is 2.5, metric ones 10 and up
_UNIT_FACTOR = 8.0
_SOURCE_MARGIN = 0.1


def screen(
    old: pl.DataFrame, new: pl.DataFrame, kinds: Mapping[str, ColumnType], target: str | None, spec: RetrainingSpec,
    *, classes: Sequence[str] = (), seed: int = 0,
) -> list[Finding]:  # fmt: skip
    """old, new: rows in the typed form of a run; kinds: of the features."""
    small_old, small_new = _some(old, seed), _some(new, seed + 1)
    return [
        *_contract(old, new, kinds),
        *_quota(old, new, spec),
        *_units(small_old, small_new, kinds),
        *_repeats(small_old, small_new, kinds, spec),
        *_noise(small_old, small_new, kinds, target, classes, spec, seed),
    ]


def _some(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    return frame if frame.height <= _MOST else frame.sample(_MOST, seed=seed)


def _contract(old: pl.DataFrame, new: pl.DataFrame, kinds: Mapping[str, ColumnType]) -> Iterator[Finding]:
    lost = [name for name in kinds if name not in new.columns or (new.height and new[name].is_null().all())]
    lost = [name for name in lost if not old[name].is_null().all()]
    if lost:
        yield _held("retraining.contract", f"column:{lost[0]}", f"the new rows have nothing in {', '.join(lost[:5])}",
                    "bring the columns back, or train a first version without them by hand")  # fmt: skip


def _quota(old: pl.DataFrame, new: pl.DataFrame, spec: RetrainingSpec) -> Iterator[Finding]:
    column = spec.source_column
    if column is None or column not in new.columns:
        yield _silent("retraining.quota", "no retraining.source_column says where a row comes from")
        return
    shares = _shares(new[column])
    before = _shares(old[column]) if column in old.columns else {}
    for source, share in shares.items():
        limit = max(spec.source_quota, before.get(source, 0.0) + _SOURCE_MARGIN if len(shares) > 1 else 0.0)
        if share > limit and new.height >= _LEAST:
            yield _held("retraining.quota", f"source:{source[:60]}",
                        f"{share:.0%} of the {new.height:,} new rows come from '{source[:60]}' (limit {limit:.0%})",
                        "find out why it gives so much; take its rows out, or raise retraining.source_quota",
                        observed=share, threshold=limit)  # fmt: skip


def _shares(column: pl.Series) -> dict[str, float]:
    counted = column.cast(pl.String).fill_null("(none)").value_counts(sort=True)
    names, counts = counted.columns[0], counted.columns[1]
    total = max(1, int(counted[counts].sum()))
    return {str(name): count / total for name, count in zip(counted[names], counted[counts], strict=True)}


def _units(old: pl.DataFrame, new: pl.DataFrame, kinds: Mapping[str, ColumnType]) -> Iterator[Finding]:
    for name, kind in kinds.items():
        if kind is not ColumnType.NUMBER or name not in new.columns:
            continue
        left, right = (frame[name].drop_nulls().abs() for frame in (old, new))
        left, right = left.filter(left > 0), right.filter(right > 0)
        if min(left.len(), right.len()) < _LEAST:
            continue
        factor = _quarter(right, 0.5) / max(_quarter(left, 0.5), 1e-300)
        # the middle half of either side lies apart from the other's: no mere shift of the mix
        apart = _quarter(right, 0.25) > _quarter(left, 0.75) or _quarter(right, 0.75) < _quarter(left, 0.25)
        if apart and not 1.0 / _UNIT_FACTOR < factor < _UNIT_FACTOR:
            yield _held("retraining.unit", f"column:{name}",
                        f"the new values of {name} are {factor:.3g} times the old ones: another unit?",
                        "repair the unit where the rows come from",
                        observed=factor, threshold=_UNIT_FACTOR)  # fmt: skip


def _quarter(series: pl.Series, share: float) -> float:
    return float(series.quantile(share) or 0.0)


def _repeats(
    old: pl.DataFrame, new: pl.DataFrame, kinds: Mapping[str, ColumnType], spec: RetrainingSpec
) -> Iterator[Finding]:
    """Rows that are the same but for a hundredth of a standard deviation."""
    size = min(old.height, new.height)
    if size < _LEAST:
        yield _silent("retraining.duplicates", f"{size} rows are too few to tell")
        return
    scale = {
        name: float(np.nanstd(old[name].cast(pl.Float64).to_numpy())) / 100.0 or 1.0
        for name, kind in kinds.items()
        if kind is ColumnType.NUMBER and name in old.columns and name in new.columns
    }
    shares = [_repeated(frame.head(size), kinds, scale) for frame in (old, new)]
    rise = shares[1] - shares[0]
    if rise > spec.duplicate_share:
        yield _held("retraining.duplicates", "data",
                    f"{shares[1]:.0%} of the new rows repeat another one, against {shares[0]:.0%} before",
                    "find out who sends the same rows again and again; keep one of each",
                    observed=rise, threshold=spec.duplicate_share)  # fmt: skip


def _repeated(frame: pl.DataFrame, kinds: Mapping[str, ColumnType], scale: Mapping[str, float]) -> float:
    columns = [
        (pl.col(name) / scale[name]).round(0) if name in scale else pl.col(name)
        for name in kinds
        if name in frame.columns
    ]
    return float(frame.select(columns).is_duplicated().sum()) / max(1, frame.height)


def _noise(
    old: pl.DataFrame, new: pl.DataFrame, kinds: Mapping[str, ColumnType], target: str | None,
    classes: Sequence[str], spec: RetrainingSpec, seed: int,
) -> Iterator[Finding]:  # fmt: skip
    """Wrong labels by a model of the rows themselves. New rows may follow a new rule, which is no noise: they count as
    noisy only where a model of their own finds them so too."""
    from modelwright.stats.label_noise import estimate

    if target is None or len(classes) < 2:
        yield _silent("retraining.label_noise", "wrong labels can be told of classes only")
        return
    if min(old.height, new.height) < _LEAST:
        yield _silent("retraining.label_noise", f"{min(old.height, new.height)} rows are too few to tell")
        return
    both = pl.concat([old, new], how="diagonal_relaxed")
    X, categorical = _matrix(both, kinds)
    y = both[target].cast(pl.String).replace_strict(
        list(classes), list(range(len(classes))), default=None, return_dtype=pl.Int64
    ).fill_null(0).to_numpy()  # fmt: skip
    mine = np.arange(both.height) >= old.height
    if len(np.unique(y[mine])) < 2 or len(np.unique(y[~mine])) < 2:
        yield _silent("retraining.label_noise", "one side has a single class only")
        return
    together = _out_of_fold(X, y, len(classes), categorical, seed)
    before, after = estimate(y[~mine], together[~mine]), estimate(y[mine], together[mine])
    alone = estimate(y[mine], _out_of_fold(X[mine], y[mine], len(classes), categorical, seed))
    least = min(after, alone, key=lambda one: one.rate)
    rise = least.rate - before.rate
    if rise > spec.noise_jump and least.low > before.rate:
        yield _held("retraining.label_noise", f"column:{target}",
                    f"about {least.rate:.1%} of the new labels are wrong (from {least.low:.1%} to {least.high:.1%}), "
                    f"against {before.rate:.1%} before",
                    "look at who gives the labels, and at the rows that a run's check of label noise names",
                    observed=rise, threshold=spec.noise_jump)  # fmt: skip


def _out_of_fold(
    X: NDArray[np.float64], y: NDArray[np.int64], k: int, categorical: tuple[int, ...], seed: int
) -> NDArray[np.float64]:
    from modelwright.stats.label_noise import linear_probabilities

    fold = np.random.default_rng(seed).permutation(y.size) % _FOLDS
    return linear_probabilities(X, y, k, fold.astype(np.int64), categorical)


def _matrix(frame: pl.DataFrame, kinds: Mapping[str, ColumnType]) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Numbers as they are, kinds as codes; texts and dates left out."""
    columns: list[NDArray[np.float64]] = []
    categorical: list[int] = []
    for name, kind in kinds.items():
        if kind in (ColumnType.CATEGORY, ColumnType.BOOLEAN):
            categorical.append(len(columns))
            codes = frame[name].cast(pl.String).rank("dense").cast(pl.Float64)
            columns.append(codes.to_numpy().astype(np.float64))
        elif kind is ColumnType.NUMBER:
            columns.append(frame[name].cast(pl.Float64).to_numpy().astype(np.float64))
    empty = np.zeros((frame.height, 0))
    return (np.column_stack(columns) if columns else empty), tuple(categorical)


def _held(
    code: str, subject: str, message: str, advice: str, *, observed: float | None = None, threshold: float | None = None
) -> Finding:
    return Finding(
        code=code, severity=Severity.HIGH, subject=subject, blocking=True, advice=advice, observed=observed,
        threshold=threshold, message=message[0].upper() + message[1:] + ("" if message.endswith("?") else "."),
    )  # fmt: skip


def _silent(code: str, what: str) -> Finding:
    return Finding(
        code=code, severity=Severity.INFO, confidence=Level.LOW, subject="data", message=f"Could not judge: {what}.",
        undecided=True,
    )  # fmt: skip
