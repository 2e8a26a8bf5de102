"""From the prediction log to what the rules of a rollout look at: one arm per version, oldest first.

A request counts for the version that the route chose, also where another one had to answer in its place. Requests
that name a version themselves (`pinned`) say nothing about a rollout and are left out.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwright.registry.rollout_rules import ArmRows, Evidence
from modelwright.registry.rollout_state import Rollout

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]
_ROUTES = ("champion", "canary", "challenger", "bandit", "shadow", "failed", "fallback")
_SAME_SHARE = 1e-9


def gather(workspace: Path, rollout: Rollout, refused: dict[int, str] | None = None) -> Evidence:
    """Everything that the log holds of it so far. Raises AdapterError (`log.damaged`)."""
    from modelwright.lifecycle.prediction_log import joined

    since = datetime.fromisoformat(rollout.started_at)
    rows = joined(workspace, rollout.name, since, verify=False).collect()
    return from_rows(rows, rollout, refused or {})


def from_rows(rows: pl.DataFrame, rollout: Rollout, refused: dict[int, str]) -> Evidence:
    """rows: as `lifecycle.prediction_log.joined` gives them, in any order."""
    import polars as pl

    rows = rows.filter(pl.col("route").is_in(_ROUTES) & pl.col("version").is_in(rollout.versions))
    rows = _own(rows).sort("at", "request_id", "row")
    if rollout.plan.strategy == "shadow":
        rows = beside(rows, rows.filter((pl.col("version") == rollout.plan.base) & ~pl.col("missed")))
    at_step = rows.filter(pl.col("at") >= datetime.fromisoformat(rollout.step_at))
    if rollout.plan.strategy in ("canary", "ab"):
        at_step = at_step.filter(_at_share(rollout))
    whole = {version: arm(rows.filter(pl.col("version") == version)) for version in rollout.versions}
    step = {version: arm(at_step.filter(pl.col("version") == version)) for version in rollout.versions}
    return Evidence(whole=whole, step=step, refused=refused)


def arm(rows: pl.DataFrame) -> ArmRows:
    """Of one version's rows, oldest first."""
    import polars as pl

    if not rows.height:
        return ArmRows()
    requests = rows.group_by("request_id", maintain_order=True).agg(
        pl.col("missed").any(), pl.col("latency_us").first()
    )
    answered = rows.filter(~pl.col("missed"))
    latency = requests.filter(~pl.col("missed"))["latency_us"].to_numpy() / 1e3
    return ArmRows(
        failed=requests["missed"].cast(pl.Float64).to_numpy(),
        latency_ms=latency.astype(np.float64),
        score=scores(answered),
        outcomes=outcomes(answered),
    )


def scores(rows: pl.DataFrame) -> Array:
    """One number per row: the value, the last class's probability of two, or the position of the class of many."""
    import polars as pl

    probabilities = [name for name in rows.columns if name.startswith("p_") and rows[name].null_count() < rows.height]
    if len(probabilities) == 2:
        found = rows[probabilities[-1]]
    elif rows["prediction"].null_count() < rows.height:
        known = {name: place for place, name in enumerate(sorted(rows["prediction"].drop_nulls().unique()))}
        found = rows["prediction"].replace_strict(known, return_dtype=pl.Float64)
    else:
        found = rows["value"]
    return found.drop_nulls().cast(pl.Float64).to_numpy()


def outcomes(rows: pl.DataFrame) -> dict[str, Array]:
    """What late labels, and the answers of others to the same rows, say."""
    import polars as pl

    found: dict[str, Array] = {}
    if "champion_said" in rows.columns:
        both = rows.filter(pl.col("champion_said").is_not_null())
        found["disagreement"] = both["differs"].cast(pl.Float64).to_numpy()
    labelled = rows.filter(pl.col("label").is_not_null()) if "label" in rows.columns else rows.head(0)
    if not labelled.height:
        return found
    number = labelled["label_value"].drop_nulls().to_numpy()
    if labelled["prediction"].null_count() == 0:
        wrong = (labelled["prediction"] != labelled["label"]).cast(pl.Float64).to_numpy()
        found |= {"wrong": wrong, "correct": 1.0 - wrong}
    else:
        gaps = labelled.select((pl.col("value") - pl.col("label_value")).abs().alias("gap"))["gap"]
        found["absolute_error"] = gaps.drop_nulls().to_numpy()
    if number.size == labelled.height:
        found["reward"] = number.astype(np.float64)
    return found


def _own(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark what a version missed; rows by which another version stood in for it are not this version's own."""
    import polars as pl

    missed = rows.filter(pl.col("route") == "failed").select("request_id").unique()
    stood_in = (pl.col("route") == "fallback") & pl.col("request_id").is_in(missed["request_id"].implode())
    rows = rows.filter(~stood_in)
    return rows.with_columns(missed=pl.col("route").is_in(("failed", "fallback")))


def beside(rows: pl.DataFrame, champion: pl.DataFrame) -> pl.DataFrame:
    """With what the champion said to the same rows, and whether that differs (values: by more than 1 %)."""
    import polars as pl

    said = champion.select(
        "request_id", "row", pl.coalesce(pl.col("prediction"), pl.col("value").cast(pl.String)).alias("champion_said"),
        pl.col("value").alias("champion_value"),
    ).unique(["request_id", "row"], keep="first")  # fmt: skip
    both = rows.join(said, on=["request_id", "row"], how="left", maintain_order="left")
    close = (pl.col("value") - pl.col("champion_value")).abs() <= 1e-9 + 1e-2 * pl.col("champion_value").abs()
    differs = pl.when(pl.col("prediction").is_not_null()).then(pl.col("prediction") != pl.col("champion_said"))
    return both.with_columns(differs=differs.otherwise(~close).fill_null(value=False))


def _at_share(rollout: Rollout) -> pl.Expr:
    """Requests that were dealt at the present share: servers follow within a second, and the log says when."""
    import polars as pl

    shares = {version: weight for version, weight, _ in rollout.arms() if weight > 0}
    kept = pl.lit(value=False)
    for version, share in shares.items():
        dealt = (pl.col("propensity") - share).abs() <= _SAME_SHARE
        kept |= (pl.col("version") == version) & (dealt | (pl.col("route") == "fallback"))
    return kept
