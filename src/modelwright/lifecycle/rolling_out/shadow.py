"""What a shadow answered beside the champion, to the same rows: agreement, where they differ, latency and cost."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.registry.rollout_state import Rollout
from modelwright.stats.intervals import wilson

if TYPE_CHECKING:
    import polars as pl

_SEGMENTS, _BINS, _LEAST_ROWS, _MOST_VALUES = 10, 4, 30, 30
_SAID = ("prediction", "prediction_shadow")


def compared(workspace: Path, rollout: Rollout) -> dict[str, Any]:
    """Over everything from its start to its end. Raises AdapterError (`log.damaged`)."""
    from modelwright.lifecycle.prediction_log import joined

    since = datetime.fromisoformat(rollout.started_at)
    until = datetime.fromisoformat(rollout.ended_at) if rollout.ended_at else None
    rows = joined(workspace, rollout.name, since, until, verify=False).collect()
    return of_rows(rows, rollout.plan.base, rollout.plan.to[0])


def of_rows(rows: pl.DataFrame, base: int, shadow: int) -> dict[str, Any]:
    import polars as pl

    theirs = rows.filter((pl.col("version") == base) & pl.col("route").is_in(("champion", "canary")))
    mine = rows.filter((pl.col("version") == shadow) & (pl.col("route") == "shadow"))
    failed = rows.filter((pl.col("version") == shadow) & (pl.col("route") == "failed")).height
    keys = ["request_id", "row"]
    said = [name for name in mine.columns if name in ("prediction", "value", "latency_us") or name.startswith("p_")]
    both = theirs.join(mine.select(*keys, *said), on=keys, how="inner", suffix="_shadow")
    both = both.with_columns(same=_same(), difference=_gap(both))
    report: dict[str, Any] = {
        "champion": base,
        "shadow": shadow,
        "rows": both.height,
        "failed": failed,
        "unanswered": theirs.join(mine.select(keys), on=keys, how="anti").height,
    }
    if not both.height:
        return report
    agreed = int(both["same"].sum())
    low, high = wilson(agreed, both.height)
    return report | {
        "agreement": {"value": agreed / both.height, "low": low, "high": high},
        "difference": _spread(both["difference"]),
        "latency_ms": {"champion": _latency(theirs), "shadow": _latency(mine)},
        "cost": {"model_time_ratio": _ratio(mine["latency_us"].mean(), theirs["latency_us"].mean())},
        "segments": _segments(both),
        "labelled": _labelled(both),
    }


def _same() -> pl.Expr:
    import polars as pl

    close = (pl.col("value") - pl.col("value_shadow")).abs() <= 1e-9 + 1e-2 * pl.col("value").abs()
    by_class = pl.col("prediction") == pl.col("prediction_shadow")
    return pl.when(pl.col("prediction").is_not_null()).then(by_class).otherwise(close).fill_null(value=False)


def _gap(both: pl.DataFrame) -> pl.Expr:
    """Largest difference of a probability, or the difference of the values."""
    import polars as pl

    shares = [name for name in both.columns if name.startswith("p_") and f"{name}_shadow" in both.columns]
    shares = [name for name in shares if both[name].null_count() < both.height]
    if shares:
        return pl.max_horizontal((pl.col(f"{name}_shadow") - pl.col(name)).abs() for name in shares)
    return (pl.col("value_shadow") - pl.col("value")).abs()


def _spread(values: pl.Series) -> dict[str, float | None]:
    known = values.drop_nulls()
    if not known.len():
        return {"mean": None, "p95": None, "max": None}
    return {"mean": known.mean(), "p95": known.quantile(0.95), "max": known.max()}  # type: ignore[dict-item]


def _latency(rows: pl.DataFrame) -> dict[str, float | None]:
    known = rows["latency_us"].drop_nulls()
    return {f"p{q}": known.quantile(q / 100) / 1e3 if known.len() else None for q in (50, 95, 99)}  # type: ignore[operator]


def _ratio(mine: Any, theirs: Any) -> float | None:
    return float(mine) / float(theirs) if mine and theirs else None


def _segments(both: pl.DataFrame) -> list[dict[str, Any]]:
    """Groups of rows by one column, with the lowest agreement first; numbers in quarters."""
    import polars as pl

    found: list[dict[str, Any]] = []
    for name in both.columns:
        if not name.startswith("f_") or name.endswith("_shadow"):
            continue
        column = both[name]
        if column.dtype.is_float() and column.n_unique() > _BINS:
            column = _quarters(column)
        elif column.n_unique() > _MOST_VALUES:
            continue
        groups = both.with_columns(group=column.cast(pl.String)).group_by("group").agg(
            pl.len().alias("rows"), pl.col("same").mean().alias("agreement"), pl.col("difference").mean()
        )  # fmt: skip
        groups = groups.filter(pl.col("rows") >= _LEAST_ROWS)
        found += [{"column": name.removeprefix("f_"), **row} for row in groups.to_dicts()]
    return sorted(found, key=lambda one: (one["agreement"], -one["rows"], one["column"], str(one["group"])))[:_SEGMENTS]


def _quarters(column: pl.Series) -> pl.Series:
    """Each number as the quarter of the values that it lies in, in words."""
    import numpy as np
    import polars as pl

    values = column.to_numpy().astype(np.float64)
    edges = np.unique(np.nanquantile(values, np.arange(1, _BINS) / _BINS))
    ends = ["", *(f"{edge:.4g}" for edge in edges), ""]
    names = [f"above {low}" if not high else f"up to {high}" if not low else f"{low} to {high}"
             for low, high in pairwise(ends)]  # fmt: skip
    places = np.searchsorted(edges, values)
    return pl.Series(column.name, [None if np.isnan(v) else names[p] for v, p in zip(values, places, strict=True)])


def _labelled(both: pl.DataFrame) -> dict[str, Any]:
    """Where labels have come: how often each was right, or how far off."""
    import polars as pl

    if "label" not in both.columns:
        return {"rows": 0}
    known = both.filter(pl.col("label").is_not_null())
    if not known.height:
        return {"rows": 0}
    if known["prediction"].null_count() == 0:
        right = [float((known[name] == known["label"]).cast(pl.Float64).mean() or 0.0) for name in _SAID]  # type: ignore[arg-type]
        return {"rows": known.height, "correct": dict(zip(("champion", "shadow"), right, strict=True))}
    off = {
        "champion": (known["value"] - known["label_value"]).abs().mean(),
        "shadow": (known["value_shadow"] - known["label_value"]).abs().mean(),
    }
    return {"rows": known.height, "absolute_error": off}
