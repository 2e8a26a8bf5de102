"""The demo's tables: a real one, divided, whose later part has drifted in a way that is written down here.

Columns with nearly one value are left out. Rows are put in an order by the seed (bundled tables are sorted by whoever
collected them). The first part trains the champion, the second is quiet traffic, and from then on every row has
drifted:

- covariates: the quarter of the number columns that tells the classes apart best (correlation ratio) reads
  0.8 x + 1.5 standard deviations, as after a sensor was replaced;
- concept: pairs of classes have exchanged their names, as after a change of codes; with fewer than five classes only
  where the best of these columns lies above its median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import DataError, SpecError

if TYPE_CHECKING:
    import polars as pl

#: shares of the rows: what the champion learns from, quiet traffic, drifted rows whose labels come; the rest is for
#: the canaries and was seen by no training
BASE, QUIET, LEARN = 0.4, 0.1, 0.28
_SCALE, _OFFSET_SD = 0.8, 1.5
_SAME_SHARE = 0.95
_FEWEST_ROWS, _MOST_ROWS, _MOST_CLASSES, _CLASSES_FOR_ALL = 1_000, 20_000, 50, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of traffic; `values` as they go into a request."""

    number: int
    values: dict[str, Any]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was done to the later rows: which columns moved, and which classes exchanged their names, and where."""

    columns: tuple[str, ...]
    classes: tuple[tuple[Any, Any], ...]
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    source: str
    target: str
    rows: int
    base: pl.DataFrame
    quiet: pl.DataFrame
    learn: pl.DataFrame
    fresh: pl.DataFrame
    drift: Drift


def divided(source: str, target: str, seed: int) -> Tables:
    """Raises DataError (`demo.rows`, `data.missing_column`) and SpecError (`demo.target`) where a table cannot show
    the loop."""
    import numpy as np

    frame = _read(source, target)
    order = np.random.default_rng(seed).permutation(frame.height)[:_MOST_ROWS]
    frame = frame[order]
    ends = [round(frame.height * share) for share in (BASE, BASE + QUIET, BASE + QUIET + LEARN)]
    frame = frame.drop(_nearly_constant(frame[: ends[0]], target))
    base = frame[: ends[0]]
    drift = _planned(base, target)
    later = drifted(frame[ends[1] :], base, target, drift)
    learned = ends[2] - ends[1]
    return Tables(
        source=source, target=target, rows=frame.height, base=base, quiet=frame[ends[0] : ends[1]],
        learn=later[:learned], fresh=later[learned:], drift=drift,
    )  # fmt: skip


def _read(source: str, target: str) -> pl.DataFrame:
    from modelwright.lifecycle.looking import look

    frame = look(source, target=target).dataset.frame
    if target not in frame.columns:
        raise DataError(
            f"'{source}' has no column '{target}'.", code="data.missing_column", hint="name the classes with --target",
            subject=f"column:{target}",
        )  # fmt: skip
    frame = frame.drop_nulls(target)
    if frame.height < _FEWEST_ROWS:
        raise DataError(
            f"'{source}' has {frame.height:,} rows; the loop needs {_FEWEST_ROWS:,} or more to show anything.",
            code="demo.rows",
            hint="leave --data out for sklearn:digits, or name a larger table",
            subject="option:data",
        )
    if not 2 <= frame[target].n_unique() <= _MOST_CLASSES or frame[target].dtype.is_float():
        raise SpecError(
            f"'{target}' names no classes: it has {frame[target].n_unique():,} different values.",
            code="demo.target",
            hint="the demo shows a classification; name a column with 2 to 50 classes",
            subject="option:target",
        )
    return frame


def _nearly_constant(base: pl.DataFrame, target: str) -> list[str]:
    """Columns that a model may leave out of its inputs, and then refuses: no two versions should differ in these."""
    return [
        name
        for name in base.columns
        if name != target and int(base[name].value_counts()["count"].max() or 0) > _SAME_SHARE * base.height  # type: ignore[arg-type]
    ]


def _planned(base: pl.DataFrame, target: str) -> Drift:
    ranked = sorted(
        (name for name in base.columns if name != target and base[name].dtype.is_numeric()),
        key=lambda name: (-_correlation_ratio(base, name, target), name),
    )
    if not ranked:
        raise SpecError("The table has no number column that could drift.", code="demo.target",
                        hint="name a table with numbers, or leave --data out", subject="option:data")  # fmt: skip
    columns = tuple(ranked[: max(1, len(ranked) // 4)])
    classes = base[target].unique().sort().to_list()
    pairs = tuple((classes[2 * at], classes[2 * at + 1]) for at in range(max(1, len(classes) // 5)))
    everywhere = len(classes) >= _CLASSES_FOR_ALL
    return Drift(columns=columns, classes=pairs, where="" if everywhere else columns[0])


def _correlation_ratio(frame: pl.DataFrame, name: str, target: str) -> float:
    """Share of a column's variance that lies between the classes (Pearson's eta squared), 0 to 1."""
    import polars as pl

    known = frame.select(pl.col(name).cast(pl.Float64).alias("x"), pl.col(target).alias("y")).drop_nulls().drop_nans()
    whole = known["x"].var(ddof=0)
    if not isinstance(whole, float) or whole <= 0:
        return 0.0
    between = known.with_columns(mean=pl.col("x").mean().over("y"))["mean"].var(ddof=0)
    return float(between) / whole  # type: ignore[arg-type]


def drifted(rows: pl.DataFrame, base: pl.DataFrame, target: str, drift: Drift) -> pl.DataFrame:
    """The rows as they read after the drift; spread and median are the base's."""
    import polars as pl

    moved = [
        (pl.col(name) * _SCALE + _OFFSET_SD * float(base[name].std() or 0.0)).cast(pl.Float64).alias(name)  # type: ignore[arg-type]
        for name in drift.columns
    ]
    swapped = pl.col(target)
    for one, other in drift.classes:
        swapped = pl.when(pl.col(target) == one).then(pl.lit(other, dtype=rows.schema[target])).when(
            pl.col(target) == other).then(pl.lit(one, dtype=rows.schema[target])).otherwise(swapped)  # fmt: skip
    if drift.where:
        swapped = pl.when(pl.col(drift.where) > base[drift.where].median()).then(swapped).otherwise(pl.col(target))
    return rows.with_columns(swapped.alias(target)).with_columns(moved)


def misaligned(rows: pl.DataFrame, target: str) -> pl.DataFrame:
    """A table as a faulty export would write it: each number column holds the values of the one before. It is wrong in
    the same way from the first row to the last, so that nothing inside it tells."""
    numbers = [name for name in rows.columns if name != target and rows[name].dtype.is_numeric()]
    shifted = [numbers[-1], *numbers[:-1]]
    return rows.with_columns(rows[old].alias(new) for new, old in zip(numbers, shifted, strict=True))


def requests_of(rows: pl.DataFrame, target: str) -> Sequence[Row]:
    """Rows as they are sent: without the target, NaN as missing."""
    import polars as pl

    plain = rows.drop(target).with_columns(pl.selectors.float().fill_nan(None)).to_dicts()
    labels = rows[target].to_list()
    return [Row(number=at, values=_sent(one), label=_word(label))
            for at, (one, label) in enumerate(zip(plain, labels, strict=True))]  # fmt: skip


def _sent(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
