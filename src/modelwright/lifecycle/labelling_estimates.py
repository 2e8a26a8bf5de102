"""What a model's accuracy probably is on rows that have no label yet, and whether an audit agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

#: labelled rows from which a calibrator is fitted
_LEAST = 300


def estimated(both: pl.DataFrame) -> dict[str, Any] | None:
    """CBPE for two classes: calibrated on the first half of the labelled rows, said of all rows after them. None where
    the log has no probabilities, or too few labels."""
    import polars as pl

    from modelwright.monitoring.estimation import Reference, estimate

    classes = sorted(name.removeprefix("p_") for name in both.columns if name.startswith("p_"))
    if len(classes) != 2:
        return None
    positive = classes[1]
    rows = both.filter(pl.col(f"p_{positive}").is_not_null())
    has = np.flatnonzero(rows["label"].is_in(classes).fill_null(value=False).to_numpy())
    if has.size < 2 * _LEAST:
        return None
    first = has[: has.size // 2]
    score = rows[f"p_{positive}"].to_numpy().astype(np.float64)
    y = (rows["label"] == positive).fill_null(value=False).to_numpy()[first].astype(np.int64)
    found = estimate(Reference(y=y, scores=score[first]), score[int(first[-1]) + 1 :], "accuracy")
    return {
        "metric": "accuracy", "value": found.value, "low": found.low, "high": found.high, "level": found.level,
        "rows": found.rows, "method": found.method, "limit": found.limit,
    }  # fmt: skip


def disagreement(guess: dict[str, Any] | None, audits: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A finding where labels people gave contradict what was estimated without labels."""
    from modelwright.monitoring.audit import Audited, concept_drift

    result = next((one["result"] for one in reversed(audits) if "result" in one), None)
    if guess is None or result is None:
        return None
    seen = result["estimate"]
    audited = Audited(
        alarm=result["alarm"], alarm_window=None, p_value=result["p_value"], value=seen["value"], low=seen["low"],
        high=seen["high"], rows=seen["rows"], baseline=result["baseline"], baseline_rows=result["baseline_rows"],
    )  # fmt: skip
    if concept_drift(audited, 1 - guess["value"], 1 - guess["high"], 1 - guess["low"]) != "concept_drift":
        return None
    return {
        "code": "labels.concept_drift", "severity": "high", "subject": "model",
        "message": f"audited labels show an error rate of {seen['value']:.3g}, {1 - guess['value']:.3g} was expected "
        "without labels: what the truth depends on has changed (concept drift)",
    }  # fmt: skip
