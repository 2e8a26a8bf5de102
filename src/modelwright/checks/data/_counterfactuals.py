"""Call a user's step again on changed tables, and tell which values of which rows came out otherwise."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence, UserStep
from modelwright.core.nouns import Role

#: rows on which steps are called again; every counterfactual is a whole call
MAX_ROWS = 4000
_SLOW_S, _FEWER_ROWS = 1.5, 800
#: seconds that all calls of one step may take together
BUDGET_S = 20.0
MARK = "modelwright row marker"

Mask = NDArray[np.bool_]


class StepFailedError(Exception):
    """The step could not be called on a changed table; the text says how it failed."""


class OutOfTimeError(Exception):
    """The calls took longer than their budget."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs for the rows looked at: rows whose value changed by column, and how far in standard deviations."""

    values: dict[str, Mask] = field(default_factory=dict)  # column -> mask over the rows of the table given in
    shift: dict[str, float] = field(default_factory=dict)
    gone: tuple[str, ...] = ()  # columns that vary, and that the call on changed rows no longer returns
    dropped: int = 0  # rows that the plain call keeps and this one does not


class Bench:
    """One step on at most `MAX_ROWS` rows of its table, called once plainly; raises StepFailedError if that fails.

    `rows` of the sample are positions in the step's own table. `unstable` names columns that two equal calls fill
    differently; `aligned` says whether each returned row can be traced to a row given in.
    """

    def __init__(self, step: UserStep, seed: int = 0) -> None:
        self._step, self._spent_s = step, 0.0
        self.rows = self._sample(step.frame.height, MAX_ROWS, seed)
        self.frame = step.frame[self.rows]
        started = time.monotonic()
        self.base = self.call(self.frame)
        if time.monotonic() - started > _SLOW_S and self.rows.size > _FEWER_ROWS:
            self.rows = self._sample(step.frame.height, _FEWER_ROWS, seed)
            self.frame = step.frame[self.rows]
            self.base = self.call(self.frame)
        again = self.call(self.frame)
        self.unstable = _different_columns(self.base, again)
        self.unstable_rows = again.height != self.base.height
        self.unstable_order = bool(self.unstable) and _same_rows(self.base, again)
        if self.unstable_order:
            self.unstable = set()
        self._marks = self._carries_marks()
        self.position = self._positions(self.base, self._trace(self.frame))
        self.aligned = self.position is not None

    @staticmethod
    def _sample(n: int, most: int, seed: int) -> NDArray[np.int64]:
        if n <= most:
            return np.arange(n)
        return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))

    def call(self, frame: pl.DataFrame) -> pl.DataFrame:
        """One call on a copy. Raises StepFailedError or OutOfTimeError."""
        if self._spent_s > BUDGET_S:
            raise OutOfTimeError
        started = time.monotonic()
        try:
            found = self._step.run(frame.clone())
        except Exception as error:  # the user's code may raise anything
            raise StepFailedError(str(error)[:200]) from error
        finally:
            self._spent_s += time.monotonic() - started
        if not isinstance(found, pl.DataFrame):
            raise StepFailedError(f"it returned {type(found).__name__}, not a polars DataFrame")
        return found

    def _marked(self, frame: pl.DataFrame) -> pl.DataFrame:
        marks = pl.Series(MARK, [f"row {at}" for at in range(frame.height)])
        return frame.with_columns(marks)

    def _carries_marks(self) -> bool:
        """Whether a further text column passes through the step and changes nothing else."""
        try:
            found = self.call(self._marked(self.frame))
        except StepFailedError:
            return False
        if MARK not in found.columns or found.height != self.base.height or self.unstable_order:
            return False
        rest = found.drop(MARK)
        return rest.columns == self.base.columns and not _different_columns(self.base, rest) - self.unstable

    def _trace(self, frame: pl.DataFrame) -> NDArray[np.int64] | None:
        """For each returned row, the row given in; None when that cannot be told."""
        if self._marks:
            return self._marks_of(self.call(self._marked(frame)))
        return np.arange(frame.height)

    @staticmethod
    def _marks_of(found: pl.DataFrame) -> NDArray[np.int64] | None:
        if MARK not in found.columns or found[MARK].dtype != pl.String:
            return None
        return found[MARK].str.slice(4).cast(pl.Int64, strict=False).fill_null(-1).to_numpy()

    def _positions(self, out: pl.DataFrame, trace: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        """For each row given in, where it was returned (-1: left out); None when it was returned more than once."""
        if trace is None or self.unstable_order or trace.size != out.height or (trace < 0).any():
            return None
        if np.unique(trace).size != trace.size:
            return None
        found = np.full(self.frame.height, -1, dtype=np.int64)
        found[trace] = np.arange(trace.size)
        return found

    def compare(self, frame: pl.DataFrame, look: Mask) -> Changed:
        """Call on a changed table of the same height; differences among the rows in `look`. Needs `aligned`."""
        out = self.call(self._marked(frame) if self._marks else frame)
        position = self._positions(out, self._marks_of(out) if self._marks else np.arange(frame.height))
        if position is None or self.position is None:
            raise StepFailedError("the number of returned rows depends on the values")
        both = look & (position >= 0) & (self.position >= 0)
        dropped = look & (position < 0) & (self.position >= 0)
        # Indicator columns of a value that only other rows have may go: they tell the rows in `look` nothing.
        absent = set(self.base.columns) - set(out.columns)
        gone = {name for name in absent if self.base[name][self.position[both]].n_unique() > 1}
        values, shift = {}, {}
        for name in self.base.columns:
            if name in self.unstable or name in absent:
                continue
            before = self.base[name][self.position[both]]
            after = out[name][position[both]]
            mask, far = _difference(before, after)
            if mask.any():
                values[name] = np.zeros(look.size, dtype=bool)
                values[name][np.flatnonzero(both)[mask]] = True
                shift[name] = far
        return Changed(values=values, shift=shift, gone=tuple(sorted(gone)), dropped=int(dropped.sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Which rows of the bench are sealed, in which orders rows may look back, and what stays as it is."""

    development: Mask
    ordered: bool  # the split follows file or time order
    orders: tuple[NDArray[np.int64], ...]  # rank of each row in file order, and in time order
    units: NDArray[np.int64]  # rows of one unit (group) stay together
    keep: set[str]
    target: str | None

    @classmethod
    def of(cls, evidence: DataEvidence, step: UserStep, bench: Bench) -> Setting:
        assert evidence.dataset is not None
        schema, n, split = evidence.dataset.schema, bench.rows.size, evidence.split
        kind = str(getattr(split.kind, "value", split.kind)) if split is not None else ""
        known = [column for column in schema.columns if column.name in bench.frame.columns]
        times = [column.name for column in known if column.role is Role.TIME]
        groups = [column.name for column in known if column.role is Role.GROUP]
        ranks = [bench.frame[name].rank("ordinal").fill_null(0).to_numpy().astype(np.int64) for name in times]
        orders = [np.arange(n), *ranks]
        units = np.arange(n)
        if groups:
            units = bench.frame[groups[0]].cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.int64)
        if split is not None and evidence.dataset.n_rows == step.frame.height:
            sealed = np.zeros(step.frame.height, dtype=bool)
            sealed[split.test] = True
            development = ~sealed[bench.rows]
        elif "time" in kind:
            development = orders[-1] < np.quantile(orders[-1], 0.8)
        else:
            development = drawn(units, 0.8)
        target = schema.target if schema.target in bench.frame.columns else None
        keep = {column.name for column in known if column.role in (Role.TIME, Role.GROUP, Role.ID)}
        keep |= {target} if target else set()
        return cls(
            development=development, ordered="time" in kind, orders=tuple(orders), units=units, keep=keep, target=target
        )

    def early(self, share: float) -> list[Mask]:
        """The first rows in each order."""
        return [order < np.quantile(order, share) for order in self.orders]


def drawn(units: NDArray[np.int64], share: float) -> Mask:
    kinds = np.unique(units)
    chosen = np.random.default_rng(1).permutation(kinds)[: max(1, round(share * kinds.size))]
    return np.isin(units, chosen)


def replaced(frame: pl.DataFrame, rows: Mask, keep: set[str], how: str) -> pl.DataFrame:
    """The table with every value of `rows` replaced by one per column, so that whatever a step learns from those rows
    comes out otherwise. how: `far` (numbers far above all others, a new text), `high` (the largest number, the rarest
    text), `typical` (the median, the commonest text), `upper` (drawn from the upper half) or `any` (drawn from all,
    the mildest change, after which every column varies as before). Columns in `keep` stay."""
    made = []
    for series in frame:
        if how in ("upper", "any") and series.name not in keep and not series.dtype.is_nested():
            made.append(_drawn(series, rows, 0.5 if how == "upper" else 0.0))
            continue
        value = None if series.name in keep else _other_value(series, how)
        if value is None:
            made.append(series)
        else:
            other = pl.Series(series.name, [value], dtype=series.dtype).new_from_index(0, series.len())
            made.append(series.zip_with(pl.Series(~rows), other))
    return pl.DataFrame(made)


def _other_value(series: pl.Series, how: str) -> object:
    known = series.drop_nulls()
    if series.dtype.is_float():
        known = known.filter(known.is_finite())
    if known.is_empty():
        return None
    if series.dtype.is_numeric():
        middle = known.sort()[known.len() // 2]
        return middle if how == "typical" else _large(known, far=how == "far")
    if series.dtype in (pl.String, pl.Boolean):
        if how == "far" and series.dtype == pl.String:
            return f"!{known[0]}"  # sorts before all others, so that codes by rank move
        kinds = known.value_counts(name="rows of it").sort("rows of it", series.name)[series.name]
        return kinds[-1] if how == "typical" else kinds[0]
    if series.dtype.is_temporal():
        return known.sort()[known.len() // 2] if how == "typical" else known.max()
    return None


def _drawn(series: pl.Series, rows: Mask, above: float) -> pl.Series:
    known = series.drop_nulls().sort()
    if known.is_empty():
        return series
    at = np.random.default_rng(3).integers(int(known.len() * above), known.len(), series.len())
    return series.zip_with(pl.Series(~rows), known[at].alias(series.name))


def _large(known: pl.Series, *, far: bool) -> object:
    top, bottom = known.max(), known.min()
    if not far or not isinstance(top, int | float) or not isinstance(bottom, int | float):
        return top
    beyond = top + 5 * (top - bottom) + 1
    # Small integer types would overflow.
    fits = known.dtype.is_float() or (known.dtype in (pl.Int64, pl.Int32) and abs(beyond) < 2**31 - 1)
    return beyond if fits else top


def shuffled(frame: pl.DataFrame, target: str, rows: Mask, seed: int) -> pl.DataFrame:
    """The target's values dealt anew among `rows`."""
    at = np.flatnonzero(rows)
    order = np.arange(frame.height)
    order[at] = np.random.default_rng(seed).permutation(at)
    return frame.with_columns(frame[target][order])


def flipped(frame: pl.DataFrame, target: str, row: int) -> pl.DataFrame:
    """One row's target replaced: by the most distant value there is, or another class."""
    series = frame[target]
    known = series.drop_nulls()
    if series.dtype.is_numeric() and known.n_unique() > 2:
        value, low, high = series[row], known.min(), known.max()
        near_high = isinstance(low, int | float) and isinstance(high, int | float) and 2 * (value or 0) > low + high
        other: object = low if near_high else high
    else:
        kinds = known.unique(maintain_order=True).to_list()
        other = next((kind for kind in kinds if kind != series[row]), None)
    one = pl.Series(target, [other], dtype=series.dtype).new_from_index(0, series.len())
    mask = np.arange(series.len()) != row
    return frame.with_columns(series.zip_with(pl.Series(mask), one))


def _same_rows(one: pl.DataFrame, two: pl.DataFrame) -> bool:
    if one.height != two.height or one.schema != two.schema:
        return False
    return bool((np.sort(row_hashes(one)) == np.sort(row_hashes(two))).all())


def row_hashes(frame: pl.DataFrame) -> NDArray[np.uint64]:
    """Equal rows have equal hashes; numbers are compared by 9 significant digits, as sums may add up in any order."""
    return rounded(frame).hash_rows().to_numpy()


def rounded(frame: pl.DataFrame) -> pl.DataFrame:
    floats = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    return frame.with_columns([pl.col(name).round_sig_figs(9) for name in floats])


def _different_columns(one: pl.DataFrame, two: pl.DataFrame) -> set[str]:
    if one.height != two.height:
        return set(one.columns)
    found = {name for name in one.columns if name not in two.columns or _difference(one[name], two[name])[0].any()}
    return found | (set(two.columns) - set(one.columns))


def _difference(one: pl.Series, two: pl.Series) -> tuple[Mask, float]:
    """Rows that differ by more than rounding, and the mean distance in standard deviations (NaN for texts)."""
    if one.dtype != two.dtype and not (one.dtype.is_numeric() and two.dtype.is_numeric()):
        return np.ones(one.len(), dtype=bool), float("nan")
    if one.dtype.is_numeric() or one.dtype.is_temporal() or one.dtype == pl.Boolean:
        a, b = _floats(one), _floats(two)
        known = np.isfinite(a) & np.isfinite(b)
        spread = float(a[known].std()) if known.any() else 0.0
        far = np.abs(np.where(known, a, 0.0) - np.where(known, b, 0.0))
        mask = far > 1e-7 * spread + 1e-12 * np.abs(np.where(known, a, 0.0))
        mask |= ~known & ~((a == b) | (np.isnan(a) & np.isnan(b)))
        return mask, float(far.mean() / spread) if spread > 0 and known.any() else float("nan")
    if one.dtype.is_nested():
        return np.array([x != y for x, y in zip(one.to_list(), two.to_list(), strict=True)], dtype=bool), float("nan")
    return ~one.eq_missing(two).to_numpy(), float("nan")


def _floats(series: pl.Series) -> NDArray[np.float64]:
    if series.dtype.is_temporal():
        series = series.to_physical()
    return np.array(series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)
