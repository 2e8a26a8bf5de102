"""What the prediction log says at this moment: drift, labels, decay; by the functions behind the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwright.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

NAME = "loop"
_WINDOW, _ALARMS_PER_DAY = "100", 1.0
_KEPT = 5


def drift_now(space: Workspace) -> dict[str, Any]:
    """`modelwright drift loop:1 log:loop:1 --window 100`, without the columns that are silent."""
    from modelwright.lifecycle.drifting import drift_of_log
    from modelwright.monitoring.drift_tables import Options
    from modelwright.monitoring.windows import width

    options = Options(window=width(_WINDOW), alarms_per_day=_ALARMS_PER_DAY)
    found = drift_of_log(space.root, NAME, options)
    windows = [{**window, "features": window["features"][:_KEPT]} for window in found["windows"]]
    return {"alarm": found["alarm"], "alarmed": found["alarmed"], "windows": windows, "budget": found["budget"],
            "rows": sum(window["rows"] for window in windows), "reference": found["reference"]}  # fmt: skip


def strongest(found: dict[str, Any]) -> str:
    """The smallest adjusted p-value of any column in any window, with its name."""
    every = [each for window in found["windows"] for each in window["features"]]
    if not every:
        return "of none"
    least = min(every, key=lambda each: each["p_adjusted"])
    return f"{least['p_adjusted']:.2g} ({least['name']})"


def _joined(space: Workspace) -> pl.DataFrame:
    """Labelled rows of the first version, oldest first."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import joined

    rows = joined(space.root, NAME, version=1, verify=False).filter(pl.col("label").is_not_null())
    return rows.select("at", "prediction", "label").sort("at").collect()


def labelled_now(space: Workspace) -> int:
    return _joined(space).height


def decay_now(space: Workspace) -> dict[str, Any]:
    """`modelwright decay` on the labelled rows of the log, oldest first."""
    from modelwright.lifecycle.decaying import Question, of_frame

    found = of_frame(_joined(space), Question(truth="label", prediction="prediction"), notes=[], asked=None)
    kept = ("alarm", "alarm_at_row", "change_at_row", "detector", "metric", "estimate", "baseline", "labelled_rows")
    return {name: found[name] for name in kept} | {"windows": found["windows"]}
