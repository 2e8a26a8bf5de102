"""Describe a table as JSON: what each column holds, how much is missing, how values are distributed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from modelwright.core.nouns import Column, ColumnType
from modelwright.core.tables import Dataset
from modelwright.data import texts
from modelwright.data.units import row_hashes

_BINS = 20
_TOP = 10
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: correlations are worth looking at up to this many numbers, on a sample of this many rows
_MOST_CORRELATED, _SAMPLE = 40, 50_000


def profile(dataset: Dataset) -> dict[str, Any]:
    """JSON values only. Per column: type, role, missing, n_unique, and by type min/max/mean/std/quantiles/
    histogram, top values, spans or lengths. Fast: one vectorised pass per column."""
    return {
        "version": 1,
        "rows": dataset.n_rows,
        "n_columns": len(dataset.schema.columns),
        "size_bytes": int(dataset.frame.estimated_size()),
        "digest": dataset.digest,
        "duplicate_rows": _duplicates(dataset),
        "missing_share": _share(sum(dataset.frame.null_count().row(0)), dataset.n_rows * dataset.frame.width),
        "columns": {column.name: _column(dataset.frame[column.name], column) for column in dataset.schema.columns},
        "correlations": _correlations(dataset),
        "coercions": [
            {"column": each.column, "count": each.count, "what": each.what, "examples": list(each.examples)}
            for each in dataset.coercions
        ],
        "quarantined": [
            {"line": each.line, "reason": each.reason, "content": each.content} for each in dataset.quarantined[:100]
        ],
        "n_quarantined": len(dataset.quarantined),
        "notes": list(dataset.notes),
    }


def _column(values: pl.Series, column: Column) -> dict[str, Any]:
    missing = values.null_count()
    known = values.drop_nulls()
    common: dict[str, Any] = {
        "type": column.type.value,
        "role": column.role.value,
        "reason": column.reason,
        "missing": missing,
        "missing_share": _share(missing, values.len()),
    }
    if column.type is ColumnType.NUMBER and known.len():
        return common | _number(known)
    if known.len() == 0:
        return common | {"n_unique": 0}
    if column.type in (ColumnType.CATEGORY, ColumnType.TEXT):
        return common | _text(known, column.type)
    common["n_unique"] = known.n_unique()
    if column.type is ColumnType.DATETIME:
        return common | _datetime(known)
    if column.type is ColumnType.BOOLEAN:
        share = float(known.mean() or 0.0)  # type: ignore[arg-type]
        return common | {"true_share": share, "top": _top(known.cast(pl.String))}
    return common | _text(known.cast(pl.String), column.type)


def _number(known: pl.Series) -> dict[str, Any]:
    with np.errstate(over="ignore", invalid="ignore"):  # figures that overflow become None below
        return {key: _finite(value) for key, value in _figures(known).items()}


def _figures(known: pl.Series) -> dict[str, Any]:
    numbers = known.cast(pl.Float64)
    ordered = numbers.sort()
    array = ordered.to_numpy()
    mean = float(array.mean())
    std = float(array.std(ddof=1)) if array.size > 1 else 0.0
    quantiles = _sorted_quantiles(array, _QUANTILES)
    distinct = 1 + int(np.count_nonzero(array[1:] != array[:-1]))
    # The array is sorted: counts are places in it.
    inside = np.searchsorted(array, mean + 3 * std, "right") - np.searchsorted(array, mean - 3 * std, "left")
    beyond = array.size - int(inside) if std > 0 else 0
    negative = int(np.searchsorted(array, 0.0, "left"))
    return {
        "n_unique": distinct,
        "min": float(array[0]),
        "max": float(array[-1]),
        "mean": mean,
        "std": std,
        "zeros": int(np.searchsorted(array, 0.0, "right")) - negative,
        "negative": negative,
        "beyond_3_sigma": beyond,
        "quantiles": {f"{share:g}": float(value) for share, value in zip(_QUANTILES, quantiles, strict=True)},
        "histogram": _histogram(array),
        # the most frequent values mean something only where values repeat
        "top": _top(known, 5) if distinct <= max(50, 0.1 * array.size) else [],
    }


def _sorted_quantiles(
    array: np.ndarray[Any, np.dtype[np.float64]], shares: tuple[float, ...]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Linear interpolation between order statistics (Hyndman and Fan type 7), without sorting again."""
    at = np.asarray(shares) * (array.size - 1)
    below = np.floor(at).astype(np.int64)
    low, high = array[below], array[np.minimum(below + 1, array.size - 1)]
    return np.asarray(np.where(at == below, low, low + (high - low) * (at - below)))


def _histogram(array: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, list[float]]:
    """Equal-width bins between the 0.5 and 99.5 percentiles when tails would hide the middle."""
    low, high = float(array[0]), float(array[-1])
    inner_low, inner_high = (float(value) for value in _sorted_quantiles(array, (0.005, 0.995)))
    if inner_high > inner_low and (high - low) > 5 * (inner_high - inner_low):
        low, high = inner_low, inner_high
    if not math.isfinite(high - low):
        return {"edges": [], "counts": []}
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    below = np.searchsorted(array, edges[1:-1], side="left")
    counts = np.diff(np.concatenate([[0], below, [array.size]]))  # what lies beyond the edges is in the outer bins
    return {"edges": [float(edge) for edge in edges], "counts": [int(count) for count in counts]}


def _datetime(known: pl.Series) -> dict[str, Any]:
    micros = known.cast(pl.Int64).cast(pl.Float64).sort().to_numpy()
    counts, edges = np.histogram(micros, bins=_BINS)
    moments = [str(np.datetime64(int(edge), "us")) for edge in edges]
    return {
        "min": known.min().isoformat(),  # type: ignore[union-attr]
        "max": known.max().isoformat(),  # type: ignore[union-attr]
        "sorted": bool(known.is_sorted()),
        "histogram": {"edges": moments, "counts": [int(count) for count in counts]},
    }


def _text(known: pl.Series, kind: ColumnType) -> dict[str, Any]:
    """From the distinct values and their counts: texts repeat, so that each is looked at once."""
    counted = known.rename("value").value_counts(name="count")
    values, counts = counted["value"], counted["count"]
    lengths = values.str.len_chars()
    is_word = values.str.to_lowercase().is_in(texts.MISSING_WORDS)
    found: dict[str, Any] = {
        "n_unique": counted.height,
        "top": _most_frequent(counted, known.len(), _TOP),
        "length": {
            "min": int(lengths.min()),  # type: ignore[arg-type]
            "mean": float((lengths * counts).sum()) / known.len(),
            "max": int(lengths.max()),  # type: ignore[arg-type]
        },
        "words_for_missing": int(counts.filter(is_word).sum()),
    }
    if kind is ColumnType.CATEGORY:
        found["once"] = int((counts == 1).sum())
    else:
        found["words_mean"] = float(known.head(10_000).str.count_matches(r"\S+").mean() or 0.0)  # type: ignore[arg-type]
    return found


def _top(known: pl.Series, n: int = _TOP) -> list[dict[str, Any]]:
    return _most_frequent(known.rename("value").value_counts(name="count"), known.len(), n)


def _most_frequent(counted: pl.DataFrame, total: int, n: int) -> list[dict[str, Any]]:
    # Sorting all of many values for the first few costs more than finding the least count that can be among them.
    least = counted["count"].top_k(n).min() if counted.height > n else 0
    kept = counted.filter(pl.col("count") >= least).sort(["count", "value"], descending=[True, False]).head(n)
    return [
        {"value": value if isinstance(value, str) else _finite(value), "count": count, "share": _share(count, total)}
        for value, count in kept.iter_rows()
    ]


def _duplicates(dataset: Dataset) -> int:
    """Rows whose features repeat an earlier row's, as `data.units` tells rows apart."""
    hashes = row_hashes(dataset)
    return 0 if hashes is None else dataset.n_rows - hashes.n_unique()


def _correlations(dataset: Dataset) -> list[dict[str, Any]]:
    """Pairs of numbers with rank correlation of at least 0.9, strongest first."""
    names = [column.name for column in dataset.schema.features if column.type is ColumnType.NUMBER][:_MOST_CORRELATED]
    frame = dataset.frame.select(names)
    if len(names) < 2 or frame.height < 10:
        return []
    if frame.height > _SAMPLE:
        frame = frame.sample(_SAMPLE, seed=0)
    ranks = np.column_stack([_filled_ranks(frame[name]) for name in names])
    spread = ranks.std(axis=0)
    usable = np.flatnonzero(spread > 0)
    if usable.size < 2:
        return []
    matrix = np.atleast_2d(np.corrcoef(ranks[:, usable], rowvar=False))
    pairs = [
        (float(matrix[a, b]), names[usable[a]], names[usable[b]])
        for a in range(usable.size)
        for b in range(a + 1, usable.size)
        if abs(matrix[a, b]) >= 0.9
    ]
    pairs.sort(key=lambda pair: -abs(pair[0]))
    return [{"a": a, "b": b, "spearman": round(value, 4)} for value, a, b in pairs[:50]]


def _filled_ranks(values: pl.Series) -> Any:
    ranks = values.rank("average")
    return ranks.fill_null(float(ranks.mean() or 0.0)).to_numpy()  # type: ignore[arg-type]


def _share(part: float, whole: float) -> float:
    return float(part) / whole if whole else 0.0


def _finite(value: Any) -> Any:
    """JSON cannot say infinity: an overflowing figure is None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
