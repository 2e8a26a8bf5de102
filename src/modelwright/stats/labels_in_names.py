"""Parts of names and numbers of rows: prefixes, suffixes, path pieces, lengths, remainders, places in a sorted list."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: values that a part may take; more is a name again
_MAX_KINDS = 40
_BLOCKS = 32
_PIECES = r"[/\\_\-.:@?&=+ #|,;]+"

Codes = NDArray[np.int64]


def parts(series: pl.Series) -> Iterator[tuple[str, Codes]]:
    """(what, codes (n,)) of every part of an id that takes few values; nothing else of the id is used."""
    if series.dtype.is_numeric():
        values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        whole = np.isfinite(values) & (np.abs(values) < 2**53) & (values == np.floor(values))
        if whole.all():
            for k in range(2, 11):
                yield f"its remainder modulo {k}", (values % k).astype(np.int64)
        series = series.cast(pl.Int64, strict=False).cast(pl.String) if whole.all() else series.cast(pl.String)
    text = series.cast(pl.String).fill_null("")
    yield from _few("its length", text.str.len_chars().cast(pl.String))
    for size in (1, 2, 3, 4):
        yield from _few(f"its first {size} characters", text.str.slice(0, size))
        yield from _few(f"its last {size} characters", text.str.slice(-size))
    pieces = text.str.to_lowercase().str.replace_all(r"([a-z])(\d)", "$1-$2").str.replace_all(_PIECES, "-")
    split = pieces.str.strip_chars("-").str.split("-")
    for at in range(min(8, max(split.list.len().to_list(), default=0))):
        yield from _few(f"its piece {at + 1}", split.list.get(at, null_on_oob=True).fill_null(""))
        yield from _few(f"its piece {at + 1} from the end", split.list.get(-1 - at, null_on_oob=True).fill_null(""))
    last = text.str.slice(-1).str.to_lowercase()
    digit = last.str.to_integer(base=16, strict=False)
    if digit.null_count() == 0:
        yield "whether its last digit is odd", (digit % 2).to_numpy().astype(np.int64)


def _few(what: str, part: pl.Series) -> Iterator[tuple[str, Codes]]:
    if 2 <= part.n_unique() <= _MAX_KINDS:
        yield what, part.rank("dense").to_numpy().astype(np.int64)


def blocks(series: pl.Series, count: int = _BLOCKS) -> Codes:
    """The place of each id in the sorted list, in `count` equal blocks: ids given in the order of the target or of
    time tell it by their range."""
    order = series.rank("ordinal").fill_null(0).to_numpy().astype(np.float64)
    return np.minimum(order / max(float(order.max()), 1.0) * count, count - 1).astype(np.int64)
