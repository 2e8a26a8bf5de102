"""What kind of change it is: a unit, an encoding, a type, a column that is gone. Findings of their own kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType
from modelwright.registry.reference_columns import ColumnReference, as_numbers, tally

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

_LEVELS = np.linspace(0.05, 0.95, 19)
#: conversions that data pipelines mix up; each is what a sound value may have become
UNITS: Mapping[str, Callable[[Floats], Floats]] = {
    "times 1000": lambda v: v * 1000.0,
    "divided by 1000": lambda v: v / 1000.0,
    "times 100": lambda v: v * 100.0,
    "divided by 100": lambda v: v / 100.0,
    "times 1,000,000": lambda v: v * 1e6,
    "divided by 1,000,000": lambda v: v / 1e6,
    "times 10": lambda v: v * 10.0,
    "divided by 10": lambda v: v / 10.0,
    "Celsius to Fahrenheit": lambda v: v * 1.8 + 32.0,
    "Fahrenheit to Celsius": lambda v: (v - 32.0) / 1.8,
    "Celsius to Kelvin": lambda v: v + 273.15,
    "times 60 (hours, minutes, seconds)": lambda v: v * 60.0,
    "divided by 60 (hours, minutes, seconds)": lambda v: v / 60.0,
    "inches to centimetres": lambda v: v * 2.54,
    "centimetres to inches": lambda v: v / 2.54,
    "kilograms to pounds": lambda v: v * 2.2046226,
    "pounds to kilograms": lambda v: v / 2.2046226,
    "miles to kilometres": lambda v: v * 1.609344,
    "kilometres to miles": lambda v: v / 1.609344,
    "feet to metres": lambda v: v * 0.3048,
    "metres to feet": lambda v: v / 0.3048,
    "the sign changed": lambda v: -v[::-1],
}
#: a transformed reference must lie this near, in interquartile ranges, and be so much nearer than the reference itself
_NEAR, _NEARER, _APART = 0.2, 0.25, 0.5


class Cause(NamedTuple):
    kind: str
    message: str


def number_cause(column: ColumnReference, values: pl.Series) -> Cause | None:
    """A change of unit, of all rows or of those outside the reference's range."""
    numbers = as_numbers(values, column.type)
    if numbers.size < 20 or column.known < 20 or column.grid is None or column.type is not ColumnType.NUMBER:
        return None
    theirs = reference_quantiles(column, _LEVELS)
    if (found := _unit(theirs, numbers)) is not None:
        return Cause("unit", f"its values look like the reference's {found}")
    outside = numbers[(numbers < column.grid.edges[0]) | (numbers > column.grid.edges[-1])]
    if outside.size >= max(5, 0.002 * numbers.size) and (found := _unit(theirs, outside)) is not None:
        return Cause("unit", f"{outside.size / numbers.size:.1%} of its values look like the reference's {found}")
    return None


def _unit(theirs: Floats, numbers: Floats) -> str | None:
    ours = np.quantile(numbers, _LEVELS)
    scale = float(theirs[14] - theirs[4])
    if scale <= 0 or _apart(ours, theirs, scale) < _APART:
        return None
    best, name = np.inf, ""
    for label, change in UNITS.items():
        changed = change(theirs)
        width = abs(float(changed[14] - changed[4]))
        apart = _apart(ours, changed, max(width, 1e-300))
        if apart < best:
            best, name = apart, label
    # in units of the narrower of the two spreads, so that a wide guess cannot swallow everything
    return name if best < _NEAR and best * 1.0 < _NEARER * _apart(ours, theirs, max(scale, 1e-300)) else None


def _apart(left: Floats, right: Floats, scale: float) -> float:
    return float(np.abs(left - right).mean()) / scale


def reference_quantiles(column: ColumnReference, levels: Floats) -> Floats:
    """Off the grid, to a cell's width."""
    assert column.grid is not None
    counts = column.counts[:-1].astype(np.float64)
    below = np.cumsum(counts) / max(counts.sum(), 1.0)
    places = np.clip(np.searchsorted(below, levels) - 1, 0, column.grid.cells - 1)
    return np.asarray(column.grid.low + column.grid.step * (places + 0.5))


def label_cause(column: ColumnReference, values: pl.Series) -> Cause | None:
    """New labels that are known ones written otherwise: another case, padding, encoding or number format."""
    names, rows, _ = tally(values)
    known = set(column.labels)
    new = {name: count for name, count in zip(names, rows.tolist(), strict=True) if name not in known}
    total = sum(new.values())
    if not total or not known:
        return None
    for how, same in _WRITINGS.items():
        written = {same(label) for label in known} - {""}
        alike = {name: count for name, count in new.items() if same(name) in written}
        if sum(alike.values()) >= 0.5 * total:
            example = max(alike, key=lambda name: alike[name])
            was = next(label for label in column.labels if same(label) == same(example))
            return Cause("encoding", f"known labels are written with {how}: {example[:40]!r} was {was[:40]!r}")
    return None


def _mended(label: str) -> str:
    """UTF-8 read as Latin-1 or Windows-1252, read rightly; and the bytes lost to question marks."""
    for wrong in ("cp1252", "latin-1"):
        try:
            return label.encode(wrong).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
    return label


def _plain(label: str) -> str:
    found = unicodedata.normalize("NFKD", label)
    return "".join(c for c in found if c.isascii() and c.isalnum()).casefold()


def _lost(label: str) -> str:
    return "".join(c for c in label if c.isascii() and c not in "?").casefold()


def _as_number(label: str) -> str:
    try:
        value = float(label.replace(",", "."))
    except ValueError:
        return ""
    return f"{value:g}" if np.isfinite(value) else ""


_WRITINGS: Mapping[str, Callable[[str], str]] = {
    "other case": str.casefold,
    "other spaces": lambda label: " ".join(label.split()).casefold(),
    "another encoding": _mended,
    "another number format": _as_number,
    "other quotes, accents or punctuation": _plain,
    "characters lost": _lost,
}


def cause(column: ColumnReference, values: pl.Series, kind: str) -> Cause | None:
    """A more telling name for an alarm of this kind, where the values give one."""
    if kind not in ("shift", "range", "unseen"):
        return None
    return label_cause(column, values) if column.grid is None else number_cause(column, values)


def constant_now(column: ColumnReference, values: pl.Series) -> bool:
    """Whether a column that varied says one thing only."""
    known = values.drop_nulls()
    varied = int((column.counts[:-1] > 0).sum()) > 1
    return varied and known.len() >= 20 and known.n_unique() == 1
