"""What the training data looked like, column by column, small enough to travel: the reference for monitoring.

Numbers: decile-like quantile bins with places for missing and out-of-range values. Others: a table of categories
with places for the rest and for missing. At most 50 kB a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.digests import canonical_json
from modelwright.core.nouns import ColumnType, Signature, SignatureField
from modelwright.registry.scorers import frame_schema

if TYPE_CHECKING:
    import polars as pl

FILE = "reference.json"
MAX_COLUMN_BYTES = 50_000
_BINS = 20
_CATEGORIES = 500
_MAX_LABEL = 60
#: a category borne by fewer rows could name a person; it is counted with the rest
_MIN_ROWS = 5
_FORMAT = 1


def reference_state(frame: pl.DataFrame, signature: Signature) -> bytes:
    """Canonical JSON of the reference; `frame` holds conformed training rows."""
    import polars as pl

    schema = frame_schema(signature)
    known = frame.select([pl.col(name).cast(kind, strict=False) for name, kind in schema.items()])
    columns = {field.name: _column(known[field.name], field) for field in signature.inputs}
    return canonical_json({"format": _FORMAT, "n_rows": frame.height, "columns": columns})


def _column(series: pl.Series, field: SignatureField) -> dict[str, Any]:
    import polars as pl

    head = {"type": field.type.value, "missing": series.null_count()}
    known = series.drop_nulls()
    if field.type is ColumnType.NUMBER:
        return head | _bins(known)
    if field.type is ColumnType.DATETIME:
        return head | _bins(known.to_physical().cast(pl.Float64))
    if field.type is ColumnType.BOOLEAN:
        return head | {"categories": {"false": int((~known).sum()), "true": int(known.sum())}, "other": 0}
    if field.type is ColumnType.TEXT:
        return head | {"length": _bins(known.str.len_chars().cast(pl.Float64))}
    return head | _table(known)


def _bins(known: pl.Series) -> dict[str, Any]:
    """Edges between quantiles, ends included, and how many rows lie in each bin [edge, next edge), last closed."""
    values = known.to_numpy()
    if values.size == 0:
        return {"edges": [], "counts": [], "below": 0, "above": 0}
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1), method="inverted_cdf"))
    # Squares beyond 1e150 leave float64; a power of two taken out rounds nothing.
    unit = 2.0**600 if max(abs(float(edges[0])), abs(float(edges[-1]))) > 1e150 else 1.0
    counts = [int(values.size)] if edges.size == 1 else np.histogram(values, bins=edges)[0].tolist()
    return {
        "edges": edges.tolist(),
        "counts": counts,
        "below": 0,
        "above": 0,
        "mean": float((values / unit).mean()) * unit,
        "std": float((values / unit).std()) * unit,
    }


def _table(known: pl.Series) -> dict[str, Any]:
    counted = known.value_counts(name="_n").sort("_n", known.name, descending=[True, False])
    table: dict[str, int] = {}
    size = 0
    for label, count in counted.iter_rows():
        size += len(label.encode()) + 24
        if count < _MIN_ROWS or len(label) > _MAX_LABEL or len(table) >= _CATEGORIES or size > MAX_COLUMN_BYTES - 2_000:
            break
        table[label] = count
    return {"categories": table, "other": known.len() - sum(table.values()), "distinct": counted.height}
