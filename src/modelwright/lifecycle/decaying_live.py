"""Decay of a live model: its late labels since it is in charge, the groups it was weak on, and what audits say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.clock import Clock
from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import ModelVersion
from modelwright.lifecycle.workspace import Workspace
from modelwright.monitoring.alerts import Signal
from modelwright.spec.monitoring import DecayWatch, seconds

if TYPE_CHECKING:
    import polars as pl

#: labelled rows before the window that make a reference, and at most so many of them
_LEAST_BEFORE, _MOST_BEFORE = 100, 2_000
_MOST_SEGMENTS = 5
#: in one window, however many rows it has
_ALL_ROWS = "1000000000"


@dataclass(slots=True)
class Found:
    """`judged`: whether there were labels to judge; `decay`: the whole model became worse."""

    judged: bool = False
    decay: bool = False
    signals: list[Signal] = field(default_factory=list)


def look(workspace: Workspace, champion: ModelVersion, spec: DecayWatch, since: datetime, now: datetime) -> Found:
    """Labels of the last `spec.window` against the first ones since this version is in charge."""
    from modelwright.lifecycle.decaying import Question, of_frame

    found = Found()
    rows, truth, said = _labelled(workspace, champion, since)
    before, recent = _parted(rows, now - timedelta(seconds=seconds(spec.window)))
    if recent.height:
        import polars as pl

        groups = weak_columns(workspace, champion)
        named = tuple(name for name in groups if name in rows.columns)
        question = Question(truth=truth, prediction=said, segments=named)
        frame = pl.concat([before, recent])
        told = of_frame(frame, question, notes=[], asked=None, rows_before=before.height)
        found.judged, found.decay = True, bool(told["alarm"])
        found.signals += _signals(told)
    if spec.audit_rows:
        _audited(found, workspace, champion.name)
    return found


def _labelled(workspace: Workspace, champion: ModelVersion, since: datetime) -> tuple[pl.DataFrame, str, str]:
    """In time order, features by their own names."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import joined

    rows = joined(workspace.root, champion.name, since, version=champion.version).collect()
    values = rows["prediction"].null_count() == rows.height
    truth, said = ("label_value", "value") if values else ("label", "prediction")
    rows = rows.filter(pl.col(truth).is_not_null()).sort("at", "request_id", "row")
    taken = {"at", truth, said}
    features = {name: name.removeprefix("f_") for name in rows.columns if name.startswith("f_")}
    named = [pl.col(name).alias(new) for name, new in features.items() if new not in taken]
    return rows.select("at", truth, said, *named), truth, said


def _parted(rows: pl.DataFrame, begin: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The reference and what is judged; where too little lies before the window, its own first rows are one."""
    import polars as pl

    moment = pl.lit(begin).cast(rows.schema["at"])
    before, recent = rows.filter(pl.col("at") < moment), rows.filter(pl.col("at") >= moment)
    if before.height < _LEAST_BEFORE:
        return rows.clear(), rows if recent.height else recent
    return before.head(_MOST_BEFORE), recent


def weak_columns(workspace: Workspace, champion: ModelVersion) -> tuple[str, ...]:
    """Columns of the groups that the version was found weak on when it was reviewed."""
    try:
        record = workspace.read_run(champion.run_id)
    except ModelwrightError:
        return ()
    slices = record.judgement.weak_slices if record.judgement is not None else ()
    names = dict.fromkeys(name for one in slices if one.confirmed for name in one.columns)
    return tuple(names)[:_MOST_SEGMENTS]


def _signals(told: dict[str, Any]) -> list[Signal]:
    found = []
    if told["alarm"]:
        message = f"Errors have risen since labelled row {told['alarm_at_row']} ({told['detector']})."
        found.append(Signal(about="decay", subject="model", message=message, evidence=told["estimate"]))
    for one in told["segments"]:
        if one["alarm"]:
            was, now = one["before"]["value"], one["now"]["value"]
            message = f"Where {one['column']} is {one['group']} errors have risen: {was:.4g} before, {now:.4g} now."
            subject = f"segment:{one['column']}={one['group']}"
            found.append(Signal(about="decay", subject=subject, message=message, evidence=one["now"]))
    return found


# ---------------------------------------------------------------- audits


def _audited(found: Found, workspace: Workspace, name: str) -> None:
    from modelwright.lifecycle.labelling import known_rows
    from modelwright.lifecycle.labelling_audits import audits

    results = [
        one["result"] for one in audits(workspace.root, name, known_rows(workspace.root, name)) if "result" in one
    ]
    if not results:
        return
    found.judged = True
    if results[-1]["alarm"]:
        found.decay = True
        now = results[-1]["estimate"]
        message = (
            f"Audited labels show errors of {now['value']:.4g}, {results[-1]['baseline']:.4g} in the first audits."
        )
        found.signals.append(Signal(about="decay", subject="audit", message=message, evidence=now))


def draw_due(workspace: Workspace, name: str, spec: DecayWatch, since: datetime, clock: Clock) -> dict[str, Any] | None:
    """Draw the audit that is due, one for each `spec.audit_every` since this version is in charge; None where none is
    due or nothing was asked."""
    from modelwright.lifecycle.labelling_audits import Asked, draw_audit, last_drawn

    now = clock.now()
    last = last_drawn(workspace.root, name)
    begin = since if last is None else max(since, last)
    if not spec.audit_rows or now - begin < timedelta(seconds=seconds(spec.audit_every)):
        return None
    output = workspace.root / "audits" / f"{name}-{now:%Y%m%d-%H%M%S}.csv"
    output.parent.mkdir(parents=True, exist_ok=True)
    asked = Asked(
        per_window=spec.audit_rows, window=_ALL_ROWS, output=Path(output), seed=now.toordinal(), since=begin, until=now
    )
    return draw_audit(workspace.root, name, asked, clock)
