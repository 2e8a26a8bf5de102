"""Label audits: draw predictions for people to label, keep what was drawn, and judge what came back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from modelwright.core.clock import Clock, timestamp
from modelwright.core.errors import DataError
from modelwright.lifecycle.labelling import errors_of, labels_folder, predicted
from modelwright.lifecycle.prediction_log import read

if TYPE_CHECKING:
    import polars as pl

Json = dict[str, Any]

_KEY = ["request_id", "row"]
#: the first windows that together have so many labels are what later ones are compared with
_BASELINE_ROWS = 100


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What was drawn, so that it can be judged and drawn again."""

    id: str
    model: str
    drawn_at: str
    seed: int
    window: str
    windows: tuple[Json, ...]  # each: start, end, rows, drawn, probability
    sample: tuple[tuple[str, int, int], ...]  # request_id, row, number of the window


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    per_window: int
    window: str  # rows (`500`) or time (`1d`, `6h`)
    output: Path
    seed: int
    since: datetime | None = None
    until: datetime | None = None


def draw_audit(workspace: Path, model: str, asked: Asked, clock: Clock) -> Json:
    """Draw predictions for people to label, uniformly within each window, and write the file for them."""
    import polars as pl

    from modelwright.lifecycle.scoring import write_table, writer_for
    from modelwright.lifecycle.workspace import write_atomically
    from modelwright.monitoring.audit import draw

    writer_for(asked.output)
    predicted(workspace, model)
    rows = read(workspace, model, asked.since, asked.until).filter(pl.col("route") != "shadow")
    frame = rows.sort("at", "request_id", "row").collect()
    number = _windows(frame["at"], asked.window)
    windows, picked = [], []
    for at in range(int(number.max()) + 1 if number.size else 0):
        members = np.flatnonzero(number == at)
        if members.size == 0:
            continue
        chosen, probability = draw(members.size, asked.per_window, asked.seed + at)
        picked.append(members[chosen])
        windows.append({
            "start": timestamp(frame["at"][int(members[0])]), "end": timestamp(frame["at"][int(members[-1])]),
            "rows": int(members.size), "drawn": int(chosen.size), "probability": probability,
        })  # fmt: skip
    positions = np.concatenate(picked) if picked else np.empty(0, dtype=np.int64)
    windows_of = np.repeat(np.arange(len(picked)), [part.size for part in picked])
    sample = frame[positions]
    audit = Audit(
        id=f"{clock.now():%Y%m%d-%H%M%S}-{asked.seed}", model=model, drawn_at=timestamp(clock.now()), seed=asked.seed,
        window=asked.window, windows=tuple(windows),
        sample=tuple(zip(sample["request_id"].to_list(), sample["row"].to_list(), windows_of.tolist(), strict=True)),
    )  # fmt: skip
    shown = [name for name in sample.columns if name.startswith("f_")]
    table = sample.select(*_KEY, "at", "prediction", "value", *shown).with_columns(
        pl.lit(None, dtype=pl.String).alias("label")
    )
    # the label's column stands beside the ids, and what was predicted is not shown to who labels
    write_table(table.select(*_KEY, "label", "at", *shown), asked.output)
    folder = labels_folder(workspace) / "audits"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{model}-{audit.id}.json", msgspec.json.encode(audit))
    return {
        "audit": audit.id, "model": model, "drawn": sample.height, "seed": asked.seed, "windows": windows,
        "paths": {"output": str(asked.output)},
        "next": f"fill in the column `label`, then: modelwright labels add {model} {asked.output}",
    }  # fmt: skip


def last_drawn(workspace: Path, model: str) -> datetime | None:
    """When the newest audit of a model was drawn."""
    paths = (labels_folder(workspace) / "audits").glob(f"{model}-*.json")
    found = [msgspec.json.decode(path.read_bytes(), type=Audit) for path in paths]
    return max((datetime.fromisoformat(each.drawn_at) for each in found if each.model == model), default=None)


def _windows(at: pl.Series, window: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The number of each row's window. Raises DataError (`labels.window`)."""
    units = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
    count, unit = (window, "") if window.isdigit() else (window[:-1], window[-1:])
    if not count.isdigit() or int(count) == 0 or (unit and unit not in units):
        raise DataError(
            f"--window is '{window}'.",
            code="labels.window",
            hint="write a number of rows (500) or a time (6h, 1d, 1w)",
            subject="option:window",
        )
    if not unit:
        return np.arange(at.len()) // int(count)
    seconds = at.dt.epoch("s").to_numpy()
    whole = seconds // units[unit]
    return np.asarray((whole - (whole.min() if whole.size else 0)) // int(count), dtype=np.int64)


def audits(workspace: Path, model: str, both: pl.DataFrame) -> list[Json]:
    """Every audit of a model with what its labels say so far, judged over all windows of all audits."""
    import polars as pl

    from modelwright.monitoring.audit import judge_audit

    if both["prediction"].null_count() == both.height:
        return []
    windows: list[tuple[str, np.ndarray[Any, np.dtype[np.float64]]]] = []
    told: list[Json] = []
    for path in sorted((labels_folder(workspace) / "audits").glob(f"{model}-*.json")):
        audit = msgspec.json.decode(path.read_bytes(), type=Audit)
        sample = pl.DataFrame(
            list(audit.sample), schema={"request_id": pl.String, "row": pl.Int32, "window": pl.Int64}, orient="row"
        )
        found = sample.join(both, on=_KEY, how="left").filter(pl.col("label").is_not_null())
        parts = [errors_of(found.filter(pl.col("window") == at)) for at in range(len(audit.windows))]
        windows += [(audit.id, part) for part in parts if part.size]
        told.append({"audit": audit.id, "drawn": sample.height, "labelled": found.height})
    first = next((at for at in range(1, len(windows)) if sum(w.size for _, w in windows[:at]) >= _BASELINE_ROWS), None)
    if first is not None:
        base, later = np.concatenate([part for _, part in windows[:first]]), [part for _, part in windows[first:]]
        judged = judge_audit(base, later)
        told[-1]["result"] = {
            "alarm": judged.alarm, "p_value": judged.p_value, "baseline": judged.baseline,
            "baseline_rows": judged.baseline_rows,
            "estimate": {"value": judged.value, "low": judged.low, "high": judged.high, "rows": judged.rows},
        }  # fmt: skip
    return told
