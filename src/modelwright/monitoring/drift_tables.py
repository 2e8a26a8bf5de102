"""Drift of a table against a reference: windows cut, judged, explained; what is missing or new said as findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Column, Finding, Severity
from modelwright.monitoring import drift, drift_joint_windows, quality
from modelwright.monitoring.drift import ColumnDrift, WindowDrift
from modelwright.monitoring.drift_calibration import Calibrated, calibrate, composition
from modelwright.monitoring.reference import LeftOut, Stored, Watched, expectations, history, seconds_of, stored
from modelwright.monitoring.windows import Piece, Width, pieces, state_of
from modelwright.registry.reference_columns import ColumnReference
from modelwright.stats.drift_tests import share_p

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

#: alarms that all clean windows of a day may raise together, where nothing else is said: one in a month
ALARMS_PER_DAY = 1.0 / 30.0
#: labels with blanks around them: the least jump in their share, and what their p-values are multiplied by
_PADDED_SHARE, _PADDED_TESTS = 0.02, 1_000.0
_ALL = Width()
#: of a column's known values that must not read as its type before it counts as changed
_TYPE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    window: Width = _ALL
    alarms_per_day: float = ALARMS_PER_DAY
    joint: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What windows are compared with; `rows` (in time order) and `seconds` only where the rows are at hand."""

    columns: Mapping[str, ColumnReference]
    watched: tuple[Watched, ...]
    left_out: tuple[LeftOut, ...] = ()
    n_rows: int = 0
    rows: pl.DataFrame | None = None
    seconds: Floats | None = None
    time: Column | None = None
    #: rows with blanks around a label, by column
    padded: Mapping[str, int] = field(default_factory=dict)


class Report(NamedTuple):
    windows: list[WindowDrift]
    findings: list[Finding]
    learned: Calibrated
    visible: drift.Visible | None
    level: float
    windows_per_day: float | None


def drift_of(reference: Reference, frame: pl.DataFrame, options: Options, learned: Calibrated | None = None) -> Report:
    """`frame` as it was read, with the reference's columns and its time column. learned: of an earlier report on
    windows of the same width."""
    frame, seconds, findings = _in_time_order(frame, reference.time)
    now = stored(frame, reference.watched)
    findings += _columns_changed(reference, frame, now)
    cut = pieces(frame.height, seconds, options.window)
    per_day = _windows_per_day(seconds, cut, options.window)
    level = drift.level_for(options.alarms_per_day, per_day)
    usual = float(np.median([piece.last - piece.first for piece in cut] or [0]))
    learned = _learned(reference, options, usual, level) if learned is None else learned
    windows = _judged(reference, learned, now, seconds, cut, options)
    windows = [_explained(window, piece, reference, now) for window, piece in zip(windows, cut, strict=True)]
    windows = drift.persistent(windows)
    tests = max(1, sum(each.name in now.frame.columns for each in reference.watched))
    visible = drift.smallest(usual, reference.n_rows, tests, learned.level, _typical(learned, usual))
    findings += _about_reference(reference, learned, usual)
    return Report(windows, findings, learned, visible, level, per_day)


# ---------------------------------------------------------------- parts


def _in_time_order(frame: pl.DataFrame, time: Column | None) -> tuple[pl.DataFrame, Floats | None, list[Finding]]:
    if time is None:
        return frame, None, []
    seconds = seconds_of(frame, time)
    there = ~np.isnan(seconds)
    findings = []
    if not there.all():
        lost = int((~there).sum())
        findings.append(
            _finding("time_missing", Severity.MEDIUM, time.name, f"{lost:,} rows have no time and are in no window.")
        )
    order = np.flatnonzero(there)[np.argsort(seconds[there], kind="stable")]
    return frame[order], seconds[order], findings


def _learned(reference: Reference, options: Options, usual: float, level: float) -> Calibrated:
    known = expectations(reference.columns)
    if reference.rows is None:
        return Calibrated(known, level=level)
    past = history(reference.rows, reference.columns, reference.seconds)
    return calibrate(known, past, options.window, usual, level)


def _judged(
    reference: Reference,
    learned: Calibrated,
    now: Stored,
    seconds: Floats | None,
    cut: Sequence[Piece],
    options: Options,
) -> list[WindowDrift]:
    roles = {each.name: each.role for each in reference.watched}
    joint = options.joint and reference.rows is not None and len(cut) <= drift_joint_windows.MOST_WINDOWS
    divided = drift.shares(predictions="prediction" in roles.values(), joint=joint)
    kinds = {known.strata.kind for known in learned.columns.values() if known.strata is not None}
    windows = []
    for first, last, start in ((piece.first, piece.last, piece.start) for piece in cut):
        part = now.frame.slice(first, last - first)
        moments = None if seconds is None else seconds[first:last]
        weights = {kind: found for kind in kinds if (found := composition(moments, kind)) is not None}
        windows.append(
            drift.judge(learned, state_of(part, reference.columns), start, weights, roles=roles, divided=divided)
        )
    if joint:
        assert reference.rows is not None
        sides = drift_joint_windows.Tables(reference.columns, reference.rows, reference.seconds, now.frame, seconds)
        windows = drift_joint_windows.judged(sides, windows, cut, learned.level * divided.joint, options.seed)
    return windows


def _explained(window: WindowDrift, piece: Piece, reference: Reference, now: Stored) -> WindowDrift:
    """Columns that are gone or of another type join the others; what is seen gets its cause."""
    if window.undecided:
        return window
    part = now.frame.slice(piece.first, piece.last - piece.first)
    columns = [_caused(column, part, reference, now, piece) if column.seen else column for column in window.features]
    columns = [_typed(column, part, now, piece) for column in columns]
    columns = [_padded(column, reference, now, piece) for column in columns]
    there = {column.name for column in columns}
    columns += [_vanished(each) for each in reference.watched if each.name not in there]
    return replace(window, features=tuple(columns))


def _caused(column: ColumnDrift, part: pl.DataFrame, reference: Reference, now: Stored, piece: Piece) -> ColumnDrift:
    frozen = reference.columns[column.name]
    found = quality.cause(frozen, part[column.name], column.kind)
    if found is not None:
        return replace(column, kind=found.kind, message=found.message)
    if column.kind in ("shift", "range") and quality.constant_now(frozen, part[column.name]):
        return replace(column, message="it says one thing only in this window")
    lost = now.lost.get(column.name)
    if column.kind == "missing" and lost is not None:
        gone = int(lost.slice(piece.first, piece.last - piece.first).sum())
        if gone >= 0.5 * part[column.name].null_count():
            return replace(column, kind="type", message=f"{gone:,} values do not read as {frozen.type.value}")
    return column


def _typed(column: ColumnDrift, part: pl.DataFrame, now: Stored, piece: Piece) -> ColumnDrift:
    lost = now.lost.get(column.name)
    if lost is None:
        return column
    gone = int(lost.slice(piece.first, piece.last - piece.first).sum())
    known = part.height - part[column.name].null_count() + gone
    if gone < 2 or gone < _TYPE_SHARE * known:
        return column
    said = f"{gone:,} of {known:,} values do not read as the reference's type"
    return replace(column, kind="type", p_adjusted=0.0, effect=gone / known, seen=True, huge=True, message=said)


def _padded(column: ColumnDrift, reference: Reference, now: Stored, piece: Piece) -> ColumnDrift:
    """Blanks around labels do no harm here, where storage takes them away, but say that a writer has changed."""
    around = now.padded.get(column.name)
    if around is None or column.seen or reference.rows is None:
        return column
    rows, k = piece.last - piece.first, float(around.slice(piece.first, piece.last - piece.first).sum())
    before = float(reference.padded.get(column.name, 0))
    p = min(1.0, share_p(k, rows, before, reference.n_rows) * _PADDED_TESTS)
    more = k / rows - before / reference.n_rows
    if p > drift.LEVEL or more < _PADDED_SHARE:
        return column
    said = f"{k / rows:.1%} of its labels have blanks around them, {before / reference.n_rows:.1%} in the reference"
    low = max(0.0, more - 1.645 * float(np.sqrt(k / rows * (1 - k / rows) / rows)))
    return replace(
        column,
        kind="encoding",
        p_adjusted=p,
        effect=more,
        effect_low=low,
        measure="padded",
        seen=True,
        huge=low > _TYPE_SHARE,
        message=said,
    )


def _vanished(each: Watched) -> ColumnDrift:
    return ColumnDrift(
        name=each.name,
        role=each.role,
        alarm=False,
        p_adjusted=0.0,
        effect=1.0,
        effect_low=1.0,
        measure="missing",
        kind="vanished",
        seen=True,
        huge=True,
        missing_share=1.0,
        message="the column is not there",
    )


def _windows_per_day(seconds: Floats | None, cut: Sequence[Piece], wanted: Width) -> float | None:
    if wanted.seconds is not None:
        return 86_400.0 / wanted.seconds
    if seconds is None or seconds.size < 2 or len(cut) < 2:
        return None
    days = float(seconds[-1] - seconds[0]) / 86_400.0
    return len(cut) / days if days > 0 else None


def _typical(learned: Calibrated, rows: float) -> float:
    scales = [known.dispersion["bins"].at(rows) for known in learned.columns.values() if "bins" in known.dispersion]
    return float(np.median(scales)) if scales else 1.0


# ---------------------------------------------------------------- findings


def _columns_changed(reference: Reference, frame: pl.DataFrame, now: Stored) -> list[Finding]:
    known = {*(each.name for each in reference.watched), *(each.name for each in reference.left_out)}
    time = None if reference.time is None else reference.time.name
    found = [
        _finding("vanished", Severity.HIGH, each.name, f"The column '{each.name}' is not in the current table.")
        for each in reference.watched
        if each.name not in frame.columns
    ]
    found += [
        _finding("new_column", Severity.INFO, name, f"The column '{name}' was not in the reference.")
        for name in frame.columns
        if name not in known and name != time
    ]
    for name, column in reference.columns.items():
        if name in now.frame.columns and column.known == 0 and now.frame[name].null_count() < now.frame.height:
            said = f"'{name}' was always missing in the reference and now has values."
            found.append(_finding("now_known", Severity.MEDIUM, name, said))
    return found


def _about_reference(reference: Reference, learned: Calibrated, usual: float) -> list[Finding]:
    found = []
    if 0 < reference.n_rows < 10 * usual:
        said = (
            f"The reference has {reference.n_rows:,} rows for windows of {usual:,.0f}: its own error repeats in every "
            "window, which the p-values count but which makes alarms come together."
        )
        found.append(_finding("small_reference", Severity.LOW, "", said))
    if reference.time is not None and reference.seconds is not None and learned.blocks == 0:
        said = "The reference's history is too short to learn alarm levels from: theory for independent rows stands."
        found.append(_finding("not_calibrated", Severity.LOW, "", said))
    return found


def _finding(code: str, severity: Severity, column: str, message: str) -> Finding:
    return Finding(
        code=f"drift.{code}", severity=severity, subject=f"column:{column}" if column else "reference", message=message
    )
