"""What is known of a model's late labels: how many, how late, what they say, and what audits say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modelwright.core.clock import Clock
from modelwright.lifecycle.labelling import errors_of, known_rows, labels_folder, predicted
from modelwright.lifecycle.labelling_audits import audits
from modelwright.lifecycle.labelling_estimates import disagreement, estimated

Json = dict[str, Any]


def status(workspace: Path, model: str, clock: Clock) -> Json:
    """How many labels there are, how long they take, and the metric on what is known."""
    import polars as pl

    from modelwright.monitoring.delays import (
        arrival_weights,
        completeness,
        delay_curve,
        reversed_curve,
        weighted_rate,
    )

    predicted(workspace, model)
    both = known_rows(workspace, model)
    now = clock.now()
    ages = (pl.Series([now]).cast(both["at"].dtype)[0] - both["at"]).dt.total_microseconds().to_numpy() / 1e6
    taken = (both["arrived_at"] - both["at"]).dt.total_microseconds().cast(pl.Float64).to_numpy()
    delays = taken.astype(np.float64) / 1e6
    curve, late = delay_curve(delays, np.maximum(ages, 0.0)), reversed_curve(delays, ages)
    complete = completeness(delays, curve)
    has = np.isfinite(delays)
    errors = errors_of(both.filter(pl.Series(has)))
    kind = "error_rate" if both["prediction"].null_count() < both.height else "mean_absolute_error"
    result: Json = {
        "model": model, "predictions": both.height, "labelled": int(has.sum()),
        "unknown": _waiting(workspace, model),
        "complete": complete, "said": None if complete is None else f"complete to {complete:.0%}",
        "expected_share": curve.final if curve.shares.size else None,
        "delay_s": {f"{share:.0%}": curve.age_of(share) for share in (0.25, 0.5, 0.75, 0.9, 0.99)},
        "delay_s_of_labels": {f"{share:.0%}": late.age_of(share) for share in (0.5, 0.9, 0.99)},
        "metric": kind, "estimate": None, "weighted": None,
    }  # fmt: skip
    if errors.size and kind == "error_rate":
        groups = np.unique(both["prediction"].fill_null("").to_numpy(), return_inverse=True)[1]
        weights = arrival_weights(delays, np.maximum(ages, 0.0), groups)[has]
        result["estimate"] = _rate(weighted_rate(errors, np.ones(errors.size)))
        result["weighted"] = _rate(weighted_rate(errors, weights))
    elif errors.size:
        from modelwright.stats.intervals import mean

        low, high = mean(errors)
        result["estimate"] = {"value": float(errors.mean()), "low": low, "high": high, "rows": errors.size}
    result["audits"] = audits(workspace, model, both)
    result["expected_without_labels"] = estimated(both) if kind == "error_rate" else None
    concept = disagreement(result["expected_without_labels"], result["audits"])
    result["findings"] = [] if concept is None else [concept]
    return result


def _rate(found: Any) -> Json:
    return {"value": found.value, "low": found.low, "high": found.high, "rows": found.n, "worth": found.worth}


def _waiting(workspace: Path, model: str) -> int:
    path = labels_folder(workspace) / "unknown" / f"{model}.jsonl"
    return sum(1 for line in path.read_text().splitlines() if line) if path.is_file() else 0
