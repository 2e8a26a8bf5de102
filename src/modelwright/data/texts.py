"""Read typed values out of text: numbers, booleans and dates, with the patterns people really write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

#: what people write for "nothing"; only read so where the rest of the column is numbers, dates or booleans
MISSING_WORDS = ("na", "n/a", "nan", "null", "none", "?", "-", "--", "#n/a", "#na", "nil", ".", "missing", "nat")
DECIMAL_COMMA = "1.000,5"
#: rows looked at first, so that what the first rows refute is not tried on all
_HEAD = 500
_PAIRS = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"}, {"0", "1"})
_TRUE = ("yes", "y", "true", "t", "on", "1", "1.0")
_FALSE = ("no", "n", "false", "f", "off", "0", "0.0")

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y")
_WORDY = ("%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%m/%d/%y", "%d/%m/%y", "%Y%m%d")
_TIMES = ("", " %H:%M:%S%.f", " %H:%M:%S", " %H:%M", "T%H:%M:%S%.f", "T%H:%M", " %I:%M %p", " %I:%M:%S %p")
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
_SWAPPED = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y", "%m/%d/%y": "%d/%m/%y"}
_LOOKS_DATED = (
    r"^\s*(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{8}|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{4}|[A-Za-z]{3,9} \d{1,2},? \d{4})"
)


@dataclass(frozen=True, slots=True)
class DateFormat:
    pattern: str
    #: another pattern that reads every value too (day and month swapped), or empty
    ambiguous_with: str = ""
    share: float = 1.0


def strip(values: pl.Series) -> pl.Series:
    """Outer blanks removed; a blank text is missing."""
    stripped = values.str.strip_chars()
    return stripped.set(stripped == "", None)


def without_words(values: pl.Series) -> pl.Series:
    """Words that mean "nothing" become missing."""
    if _plain_numbers(values) is not None:
        return values
    return values.set(values.str.to_lowercase().is_in(MISSING_WORDS).fill_null(False), None)


def to_number(values: pl.Series, pattern: str = "") -> pl.Series:
    """Int64 where every value is whole as written, else Float64; what does not parse is null.

    `1,000.5` and a leading currency sign are understood; with DECIMAL_COMMA `1.000,5` is.
    """
    plain = _plain_numbers(values) if pattern != DECIMAL_COMMA else None
    if plain is not None:
        return _whole_if_all(values, plain)
    text = values.str.strip_chars().str.replace(r"^([+-]?)\s*[$€£¥]\s*", "${1}")
    if pattern == DECIMAL_COMMA:
        text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        grouped = text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$").fill_null(False)
        if grouped.any():
            text = text.zip_with(~grouped, text.str.replace_all(",", "", literal=True))
    return _whole_if_all(text, text.cast(pl.Float64, strict=False))


def _plain_numbers(values: pl.Series) -> pl.Series | None:
    """The values as numbers where each is written as a plain one: no words, blanks or signs to look for."""
    head = values.head(_HEAD)
    if head.cast(pl.Float64, strict=False).null_count() > head.null_count():
        return None
    real = values.cast(pl.Float64, strict=False)
    return None if real.null_count() > values.null_count() or bool(real.is_nan().any()) else real


def _whole_if_all(text: pl.Series, real: pl.Series) -> pl.Series:
    if text.head(_HEAD).cast(pl.Int64, strict=False).null_count() > real.head(_HEAD).null_count():
        return real
    whole = text.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == real.null_count() else real


def number_pattern(values: pl.Series) -> str:
    """DECIMAL_COMMA when commas can only be decimal ones, else empty."""
    commas = values.filter(values.str.contains(",", literal=True).fill_null(False))
    if commas.len() == 0 or not commas.str.contains(r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$").all():
        return ""
    return "" if commas.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$").all() else DECIMAL_COMMA


def boolean_pair(distinct: list[str]) -> bool:
    """Both values of yes/no, true/false, 0/1 and the like, and nothing else."""
    return {value.lower() for value in distinct} in _PAIRS


def to_boolean(values: pl.Series) -> pl.Series:
    lowered = values.str.strip_chars().str.to_lowercase()
    truth = lowered.is_in(_TRUE)
    return truth.set(~(truth | lowered.is_in(_FALSE)).fill_null(True), None)


def date_format(values: pl.Series, *, least_share: float = 0.95) -> DateFormat | None:
    """The pattern that reads the most values, or None when none reads `least_share` of them.

    Where month/day and day/month both read everything, month first is taken unless only day first
    keeps the rows in order; the caller must say so.
    """
    known = values.drop_nulls()
    sample = known.head(200)
    if sample.len() == 0 or float(sample.str.contains(_LOOKS_DATED).mean() or 0.0) < least_share:  # type: ignore[arg-type]
        return None
    scored = [(_share_read(sample, pattern), pattern) for pattern in _patterns(sample)]
    candidates = [pattern for share, pattern in scored if share > 0.3]
    full = [(_share_read(known, pattern), pattern) for pattern in candidates]
    if not full:
        return None
    share, best = max(full, key=lambda pair: pair[0])
    if share < least_share:
        return None
    other = next((pattern for score, pattern in full if score == share and pattern == swapped(best)), "")
    if other and not _sorted(to_datetime(known, best)) and _sorted(to_datetime(known, other)):
        best, other = other, best
    return DateFormat(best, other, share)


def swapped(pattern: str) -> str:
    """The same pattern with day and month exchanged, or empty."""
    for month_first, day_first in _SWAPPED.items():
        if pattern.startswith(month_first):
            return day_first + pattern[len(month_first) :]
        if pattern.startswith(day_first):
            return month_first + pattern[len(day_first) :]
    return ""


def to_datetime(values: pl.Series, pattern: str) -> pl.Series:
    """Datetime("us"), naive UTC; what does not parse is null."""
    if pattern in ("epoch s", "epoch ms"):
        factor = 1_000_000 if pattern == "epoch s" else 1_000
        whole = values.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
        return (whole * factor).cast(pl.Datetime("us"))
    parsed = values.str.strip_chars().str.strptime(pl.Datetime("us"), pattern, strict=False)
    return naive_utc(parsed)


def naive_utc(values: pl.Series) -> pl.Series:
    """Zoned moments in UTC without the zone; naive ones as they are."""
    zone: Any = getattr(values.dtype, "time_zone", None)
    if zone is not None:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values.cast(pl.Datetime("us"))


def _patterns(sample: pl.Series) -> list[str]:
    first = str(sample[0])
    if sample.str.contains(r"([zZ]|[+-]\d{2}:?\d{2})$").all() and ":" in first:
        return list(_ZONED)
    times = _TIMES if ":" in first else _TIMES[:1]
    return [day + time for day in (*_DATES, *_WORDY) for time in times]


def _share_read(values: pl.Series, pattern: str) -> float:
    try:
        read = to_datetime(values, pattern)
    except pl.exceptions.PolarsError:
        return 0.0
    plausible = read.dt.year().is_between(1, 9999).fill_null(False)
    return float(plausible.mean() or 0.0)  # type: ignore[arg-type]


def _sorted(values: pl.Series) -> bool:
    return bool(values.is_sorted())
