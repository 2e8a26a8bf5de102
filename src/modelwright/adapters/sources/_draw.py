"""Draw rows while a table is read: uniform, by the seed, in order, and never more than the memory allowed holds.

Each row has a number in [0, 1) that depends on the seed and its place in the table alone (or, where rows belong to
groups, on its group's name), and is kept when that number is below the rate. So the same rows are kept however the
table is cut into chunks, and rows kept at a low rate are among those kept at a higher one. When the rows kept outgrow
the memory allowed, the rate is lowered and the rows above it are let go: one pass is enough, whatever the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from blake3 import blake3

from modelwright.core.digests import child_seed
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: how much the rate is lowered at a time
_STEP = 0.8
#: a class is never thinned below this many rows (or to all it has)
_KEPT_PER_CLASS = 30
#: a target with more values than this is not treated as classes; of numbers, than the second
_MOST_CLASSES, _MOST_NUMBERS = 200, 20
#: below this many groups a draw of whole groups would be a lottery: rows are drawn instead
FEWEST_GROUPS = 50
FEWEST_ROWS = 10
_GLANCE = 100
_ROW, _DRAWN = " row", " drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The rows kept, at which rate, of which groups, and what to say of it."""

    frame: pl.DataFrame
    rate: float = 1.0
    group: str | None = None
    notes: tuple[str, ...] = ()
    #: columns that counted the rows of the whole table: with gaps, nobody could tell any more
    counters: tuple[str, ...] = ()


@dataclass(slots=True)
class Drawing:
    """Takes a table chunk by chunk, keeps the rows drawn."""

    options: ReadOptions
    group: str | None = None
    rate: float = 1.0
    n_seen: int = 0
    groups: set[Any] = field(default_factory=set)
    counters: tuple[str, ...] = ()
    _kept: list[pl.DataFrame] = field(default_factory=list)
    _spare: pl.DataFrame | None = None
    _counts: dict[str | None, int] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rate = self.options.sample_rate

    @property
    def draws(self) -> bool:
        return self.rate < 1.0

    def take(self, chunk: pl.DataFrame) -> None:
        first, self.n_seen = self.n_seen, self.n_seen + chunk.height
        numbers = np.arange(first, self.n_seen, dtype=np.int64)
        marked = chunk.with_columns(pl.Series(_ROW, numbers), pl.Series(_DRAWN, self._drawn(chunk, numbers)))
        kept = compact(marked.filter(pl.col(_DRAWN) < self.rate)) if self.draws else marked
        self._remember_classes(marked, kept)
        self._kept.append(kept)
        limit = self.options.memory_bytes
        while limit is not None and sum(frame.estimated_size() for frame in self._kept) > limit:
            self._lower()

    def result(self) -> pl.DataFrame:
        """The rows kept, in the order of the table."""
        frames, rare = self._kept, self._rare()
        if rare is not None and rare.height:
            frames = [*frames, rare]
        frame = _stacked(frames)
        self._kept, self._spare = [], None
        if rare is not None and rare.height:
            frame = frame.sort(_ROW)
        if self.draws:
            self.counters = tuple(name for name in frame.columns if _counts(frame[name], frame[_ROW]))
        return frame.drop(_ROW, _DRAWN)

    # ------------------------------------------------------------ inside

    def _drawn(self, chunk: pl.DataFrame, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        seed = child_seed(self.options.seed, "draw")
        if self.group is None or self.group not in chunk.columns:
            return uniforms(seed, numbers)
        names = chunk[self.group].cast(pl.String)
        known = names.unique()
        self.groups.update(known.to_list())
        values = {name: _of_name(seed, name) for name in known.to_list()}
        return names.replace_strict(list(values), list(values.values()), return_dtype=pl.Float64).to_numpy()

    def _lower(self) -> None:
        self.rate *= _STEP
        for at, frame in enumerate(self._kept):
            self._spare_rows(frame.filter(pl.col(_DRAWN) >= self.rate), -1)
            self._kept[at] = compact(frame.filter(pl.col(_DRAWN) < self.rate))
        self._prune()

    # ------------------------------------------------------------ small classes

    def _remember_classes(self, marked: pl.DataFrame, kept: pl.DataFrame) -> None:
        """Keep the lowest rows of every class at hand, so that no small class is drawn away."""
        target = self.options.target
        if self._counts is None or self.group is not None or target is None or target not in marked.columns:
            return
        if not _few(marked[target]):
            self._counts, self._spare = None, None
            return
        for name, count in kept[target].cast(pl.String).value_counts().iter_rows():
            self._counts[name] = self._counts.get(name, 0) + count
        self._spare_rows(marked.filter(pl.col(_DRAWN) >= self.rate) if self.draws else marked.clear(), 0)
        self._prune()

    def _spare_rows(self, rows: pl.DataFrame, count: int) -> None:
        target = self.options.target
        if self._counts is None or self.group is not None or target is None or target not in rows.columns:
            return
        if count:
            for name, lost in rows[target].cast(pl.String).value_counts().iter_rows():
                self._counts[name] = self._counts.get(name, 0) - lost
        lowest = rows.sort(_DRAWN).group_by(target, maintain_order=True).head(_KEPT_PER_CLASS)
        lowest = lowest.select(rows.columns)
        self._spare = lowest if self._spare is None else pl.concat([self._spare, lowest], how="diagonal_relaxed")

    def _prune(self) -> None:
        target = self.options.target
        if self._spare is None or target is None:
            return
        columns = self._spare.columns
        lowest = self._spare.sort(_DRAWN).group_by(target, maintain_order=True).head(_KEPT_PER_CLASS)
        self._spare = compact(lowest.select(columns))

    def _rare(self) -> pl.DataFrame | None:
        target = self.options.target
        if not self.draws or self._spare is None or self._counts is None or target is None:
            return None
        if not _few(pl.Series([name for name in self._counts if name is not None], dtype=pl.String)):
            return None
        found = []
        for name, part in self._spare.sort(_DRAWN).group_by(pl.col(target).cast(pl.String), maintain_order=True):
            short = _KEPT_PER_CLASS - self._counts.get(name[0], 0)
            if short > 0 and name[0] is not None:
                found.append(part.head(short))
        return pl.concat(found) if found else None


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Under one header: integers widen to reals, other mixtures become texts, all-missing columns give way."""
    if len(frames) == 1:
        return frames[0]
    kinds: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for series in frame:
            if series.null_count() < series.len():
                kinds.setdefault(series.name, set()).add(series.dtype)
    casts: dict[str, pl.DataType] = {}
    for name, found in kinds.items():
        if len(found) == 1:
            casts[name] = next(iter(found))
        elif all(kind.is_numeric() for kind in found):
            continue
        elif not any(kind.is_nested() for kind in found) and not all(kind.is_temporal() for kind in found):
            casts[name] = pl.String()
    return pl.concat([_cast(frame, casts) for frame in frames], how="vertical_relaxed")


def _cast(frame: pl.DataFrame, casts: dict[str, pl.DataType]) -> pl.DataFrame:
    changed = []
    for series in frame:
        kind = casts.get(series.name)
        if kind is not None and series.dtype != kind:
            nothing = series.null_count() == series.len()
            changed.append(
                pl.Series(series.name, [None], kind).new_from_index(0, series.len()) if nothing else series.cast(kind)
            )
    return frame.with_columns(changed) if changed else frame


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows with texts of their own: filtered texts are views that keep the whole chunk's bytes alive."""
    return frame.with_columns(pl.col(pl.String) + "")


def uniforms(seed: int, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in [0, 1) for each row number: SplitMix64 (Steele, Lea, Flood 2014) of the seed and the number."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64(1)
        z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed) * np.uint64(0xD1342543DE82EF95)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        z ^= z >> np.uint64(31)
    return np.asarray((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _of_name(seed: int, name: str | None) -> float:
    found = blake3(f"{seed}/{'' if name is None else '=' + name}".encode()).digest(length=8)
    return float(int.from_bytes(found, "big") >> 11) * 2.0**-53


def _counts(values: pl.Series, rows: pl.Series) -> bool:
    """Whether a column says which row of the table each row was, from whatever number it began."""
    if values.name in (_ROW, _DRAWN) or not (values.dtype == pl.String or values.dtype.is_integer()):
        return False
    for n in (_GLANCE, values.len()):  # most columns are told apart by their first rows
        found = values.head(n)
        if found.dtype == pl.String:
            found = found.str.strip_chars()
        away = found.cast(pl.Int64, strict=False) - rows.head(n)
        if away.null_count() or away.n_unique() != 1:
            return False
    return True


def _few(values: pl.Series) -> bool:
    distinct = values.unique()
    if distinct.len() <= _MOST_NUMBERS:
        return True
    if distinct.len() > _MOST_CLASSES or distinct.dtype.is_float():
        return False
    words = distinct.drop_nulls().cast(pl.String)
    return words.cast(pl.Float64, strict=False).null_count() > 0


def draw(chunks: Callable[[], Iterable[pl.DataFrame]], options: ReadOptions) -> Drawn:
    """One pass over the chunks; a second one by rows where there are too few groups to draw whole ones."""
    found = _pass(chunks(), options, options.group)
    if found.draws and found.group is not None and 0 < len(found.groups) < FEWEST_GROUPS:
        found = _pass(chunks(), options, None)
    group = found.group if found.groups else None
    frame = found.result()
    notes = (_told(found, frame.height, group),) if found.draws else ()
    if found.draws and frame.height < FEWEST_ROWS:
        raise _too_few(found, frame.height)
    return Drawn(frame=frame, rate=found.rate, group=group, notes=notes, counters=found.counters)


def _pass(chunks: Iterable[pl.DataFrame], options: ReadOptions, group: str | None) -> Drawing:
    drawing = Drawing(options, group)
    for chunk in chunks:
        drawing.take(chunk)
    return drawing


def _too_few(drawing: Drawing, n_kept: int) -> DataError:
    least = min(1.0, FEWEST_ROWS / max(drawing.n_seen, 1))
    asked = drawing.rate == drawing.options.sample_rate
    return DataError(
        f"{'sample_rate' if asked else 'The memory allowed'} leaves {n_kept} of {drawing.n_seen:,} rows.",
        code="data.too_few_rows",
        hint=f"use at least {least:.3g}" if asked else "raise training.memory_share, or leave columns out",
        subject="data.sample_rate" if asked else "training.memory_share",
    )


def _told(drawing: Drawing, n_kept: int, group: str | None) -> str:
    """How many rows of how many, why, and what to change."""
    options = drawing.options
    whole = f" (whole groups of {group})" if group else ""
    share = f"{n_kept:,} of {drawing.n_seen:,} rows{whole} were drawn while reading"
    if drawing.rate == options.sample_rate:
        return f"{share}: sample_rate {options.sample_rate:g}"
    megabytes = (options.memory_bytes or 0) / (1 << 20)
    return (
        f"{share}: the whole table needs more than the {megabytes:,.0f} MB it may take in memory. For more rows, "
        f"raise training.memory_share or use a larger machine; for fewer, set data.sample_rate (now {drawing.rate:.3g})"
    )
