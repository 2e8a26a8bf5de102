"""Columns as small whole numbers, and the conditions that can be asked of them: ranges, values, missingness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: fine bins of a number, and how many of them make a bin of the first, coarse search
_BINS = 80
_COARSE = 8
_CATEGORIES = 30
#: steps of a category in a model of the answer
_STEPS = 12
#: distinct numbers up to which each number is a bin of its own
_FEW_NUMBERS = 10

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """One column. codes: (n,) in 0..size-1. atoms: (k, 2) first and last code of each condition. words: of each code,
    or for numbers the upper end of each bin.

    coarse: positions of the atoms that the search begins with. steps: (n,) coarse codes, for models of the answer.
    level: (n,) place of the value among the others, -1 to 1, 0 where there is none.
    """

    name: str
    codes: Rows
    size: int
    atoms: Rows
    words: tuple[str, ...]
    is_ordered: bool
    coarse: Rows
    steps: Rows
    level: Array | None = None

    def take(self, rows: Rows) -> Coded:
        level = None if self.level is None else self.level[rows]
        return replace(self, codes=self.codes[rows], steps=self.steps[rows], level=level)

    def text(self, atom: int) -> str:
        """The condition as a person would write it: `age <= 25`, `plan = basic`, `x is missing`."""
        first, last = (int(code) for code in self.atoms[atom])
        if last == self.size - 1:
            return f"{self.name} is missing"
        if not self.is_ordered:
            return f"{self.name} = {self.words[first]}"
        low = self.words[first - 1] if first else ""
        high = self.words[last] if last < len(self.words) else ""
        if low and high:
            return f"{low} < {self.name} <= {high}"
        return f"{self.name} <= {high}" if high else f"{self.name} > {low}"

    def rows(self, atom: int) -> NDArray[np.bool_]:
        first, last = self.atoms[atom]
        return np.asarray((self.codes >= first) & (self.codes <= last))


def encode(frame: pl.DataFrame, names: Sequence[str]) -> list[Coded]:
    """Every named column that offers a condition: numbers and times in eightieths, the 30 commonest values."""
    found = []
    for name in names:
        series = frame[name]
        if series.null_count() == series.len() or (series.n_unique() < 2):
            continue
        if series.dtype.is_numeric() or series.dtype.is_temporal():
            coded: Coded | None = _ordered(series)
        else:
            coded = _named(series.cast(pl.String))
        if coded is not None:
            found.append(coded)
    return found


def _ordered(series: pl.Series) -> Coded:
    values = series.to_physical().cast(pl.Float64)
    known = values.drop_nulls().to_numpy()
    distinct = np.unique(known)
    if distinct.size <= _FEW_NUMBERS:
        cuts = distinct[:-1]
    else:
        cuts = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
        cuts = cuts[cuts < distinct[-1]]
    missing = values.is_null().to_numpy()
    filled = values.fill_null(0.0).to_numpy()
    codes = np.where(missing, cuts.size + 1, np.searchsorted(cuts, filled, side="left"))
    step = _COARSE if cuts.size > 2 * _FEW_NUMBERS else 1
    first, last = np.triu_indices(cuts.size + 1)
    partial = (first > 0) | (last < cuts.size)
    atoms = np.stack([first[partial], last[partial]], axis=1).astype(np.int64)
    if missing.any():
        atoms = np.vstack([atoms, [[cuts.size + 1, cuts.size + 1]]])
    begins = atoms[:, 0] % step == 0
    ends = ((atoms[:, 1] + 1) % step == 0) | (atoms[:, 1] >= cuts.size)
    alone = atoms[:, 0] == cuts.size + 1
    place = np.searchsorted(np.sort(known), filled) / max(known.size, 1) * 2 - 1
    return Coded(
        name=series.name,
        codes=codes.astype(np.int64),
        size=int(cuts.size) + 2,
        atoms=atoms,
        words=tuple(_shown(series, cut) for cut in cuts),
        is_ordered=True,
        coarse=np.flatnonzero((begins & ends) | alone),
        steps=(codes // step).astype(np.int64),
        level=np.where(missing, 0.0, place),
    )


def _shown(series: pl.Series, value: float) -> str:
    if series.dtype.is_temporal():
        return str(pl.Series([int(value)]).cast(series.to_physical().dtype).cast(series.dtype)[0])
    return f"{value:.6g}"


def _named(series: pl.Series) -> Coded | None:
    """Commonest first; the rest share a code that no condition asks for, missing has one of its own."""
    top = series.drop_nulls().value_counts(sort=True).sort(["count", series.name], descending=[True, False])
    words = top[series.name].head(_CATEGORIES).to_list()
    rest, missing = len(words), len(words) + 1
    table = pl.DataFrame({"word": words, "code": range(len(words))}, schema={"word": pl.String, "code": pl.Int64})
    joined = pl.DataFrame({"word": series}).join(table, on="word", how="left", maintain_order="left")["code"]
    codes = np.where(series.is_null().to_numpy(), missing, joined.fill_null(rest).to_numpy())
    asked = list(range(len(words))) + ([missing] if series.null_count() else [])
    if not asked:
        return None
    atoms = np.repeat(np.array(asked, dtype=np.int64)[:, None], 2, axis=1)
    whole = codes.astype(np.int64)
    return Coded(
        name=series.name,
        codes=whole,
        size=missing + 1,
        atoms=atoms,
        words=tuple(words),
        is_ordered=False,
        coarse=np.arange(len(asked)),
        steps=np.minimum(whole, _STEPS),
    )
