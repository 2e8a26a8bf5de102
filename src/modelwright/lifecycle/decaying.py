"""From a file of truths and predictions to what is said of its decay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.errors import DataError, SpecError, did_you_mean
from modelwright.monitoring.decay import LEAST_ROWS, Decay, judge, rate, reference_rows, windows
from modelwright.monitoring.labels import Labelled, labelled, ranked, squared

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

#: part of the budget of false alarms that goes to the squared error of the probabilities, where there are any
_SCORE_SHARE = 0.25
_WINDOWS = 20
#: independent rows a reference has to be worth
_LEAST_WORTH = 50
_LEAST_WINDOW = 25

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Columns by name; `reference`: rows, share of the rows, or a file of its own."""

    truth: str
    prediction: str
    score: str | None = None
    time: str | None = None
    reference: str | None = None
    segments: tuple[str, ...] = ()
    task: str = ""
    level: float = 0.95


def of_file(source: str, question: Question, base_dir: Path) -> Json:
    """Raises DataError, SpecError, NotFoundError."""
    frame, notes = _read(source, question, base_dir)
    rows_before, asked = 0, None
    if question.reference is not None:
        asked, earlier = _reference(question, base_dir)
        if earlier is not None:
            import polars as pl

            rows_before = earlier.height
            frame = pl.concat([earlier, frame], how="vertical_relaxed")
    return of_frame(frame, question, notes=notes, asked=asked, rows_before=rows_before)


def _reference(question: Question, base_dir: Path) -> tuple[float | None, pl.DataFrame | None]:
    text = str(question.reference)
    try:
        asked = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None, _read(text, question, base_dir)[0]
    if not asked > 0 or (asked >= 1 and asked != int(asked)):
        raise SpecError(
            f"--reference is '{text}'.",
            code="decay.reference",
            hint="write a number of rows (2000), a share (0.2) or a file",
            subject="option:reference",
        )
    return asked, None


def _read(source: str, question: Question, base_dir: Path) -> tuple[pl.DataFrame, list[Json]]:
    """The named columns in time order."""
    from modelwright.lifecycle.prepare import read_source
    from modelwright.spec.model import DataSpec, FeaturesSpec, Spec

    raw = read_source(Spec(data=DataSpec(source=source), features=FeaturesSpec(target=question.truth)), base_dir)
    named = [question.truth, question.prediction, question.score, question.time, *question.segments]
    names = list(dict.fromkeys(name for name in named if name is not None))
    for name in names:
        if name not in raw.frame.columns:
            raise DataError(
                f"'{source}' has no column '{name}'.",
                code="data.missing_column",
                hint=did_you_mean(name, raw.frame.columns),
                subject=f"column:{name}",
            )
    notes = []
    if raw.quarantined:
        notes.append(_finding("decay.unreadable_rows", "medium", f"{len(raw.quarantined):,} rows could not be read"))
    frame = raw.frame.select(names)
    if question.time is not None:
        frame = _ordered(frame, question.time, notes)
    return frame, notes


def _ordered(frame: pl.DataFrame, time: str, notes: list[Json]) -> pl.DataFrame:
    key = moments(frame[time])
    missing = key.null_count()
    if missing == frame.height and frame.height:
        raise DataError(
            f"'{time}' holds no time that could be read, such as '{frame[time].drop_nulls().head(1).to_list()}'.",
            code="decay.time",
            hint="write ISO 8601 (2026-11-21T14:05:00), a number, or leave --time out to use the file's order",
            subject=f"column:{time}",
        )
    if missing:
        message = f"{missing:,} rows have no readable '{time}' and are left out"
        notes.append(_finding("decay.no_time", "medium", message, f"column:{time}"))
    if not key.drop_nulls().is_sorted():
        message = f"the rows are not in the order of '{time}'; they were sorted, rows of the same time as in the file"
        notes.append(_finding("decay.unsorted", "info", message, f"column:{time}"))
    import polars as pl

    keyed = frame.with_columns(key.alias("_moment")).filter(pl.col("_moment").is_not_null())
    return keyed.sort("_moment", maintain_order=True).drop("_moment")


def moments(series: pl.Series) -> pl.Series:
    """Something that sorts by time: numbers as they are, texts as times; null where neither."""
    import polars as pl

    if series.dtype.is_temporal() or series.dtype.is_numeric():
        return series.fill_nan(None) if series.dtype.is_float() else series
    text = series.cast(pl.String).str.strip_chars()
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() <= text.null_count():
        return numbers.fill_nan(None)
    best = numbers
    for form in (None, "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"):
        parsed = _parsed(text, form)
        if parsed.null_count() < best.null_count():
            best = parsed
    return best


def _parsed(text: pl.Series, form: str | None) -> pl.Series:
    import polars as pl

    try:
        found = text.str.to_datetime(form, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series([None] * text.len(), dtype=pl.Int64)
    return found.dt.epoch("us")


def of_frame(
    frame: pl.DataFrame, question: Question, *, notes: list[Json], asked: float | None, rows_before: int = 0
) -> Json:
    """`frame` is in time order; its first `rows_before` rows are a reference from elsewhere and not counted."""
    scores = frame[question.score] if question.score else None
    known = labelled(frame[question.truth], frame[question.prediction], scores, question.task)
    n = known.errors.size
    reference = int(np.searchsorted(known.positions, rows_before)) if rows_before else reference_rows(n, asked)
    if rows_before and reference == 0:
        raise DataError(
            "The reference file has no row with both a truth and a prediction.",
            code="decay.no_rows",
            hint="give a file whose labels are known",
            subject="option:reference",
        )
    if reference >= n and n >= LEAST_ROWS and asked is not None:
        message = f"the reference takes all {n:,} labelled rows: nothing is left to watch"
        notes.append(_finding("decay.nothing_to_watch", "medium", message))
    values = known.errors if known.kind == "classes" else ranked(known.errors, reference)
    found, detector = _judged(known, values, reference, question.level)
    findings = [*notes, *_findings(known, found, frame.height)]
    since = found.change_at if found.change_at is not None else (reference + n) // 2
    segments, small = _segments(frame, known, values, question, since, reference)
    findings += [_of_segment(one) for one in segments if one["worse"] or one["alarm"]]
    if small:
        findings.append(_finding("decay.small_segments", "info", f"{small} groups have too few rows to be judged"))
    return _answer(known, found, detector, question, rows_before, frame.height, findings, segments, values)


def _judged(known: Labelled, values: NDArray[np.float64], reference: int, level: float) -> tuple[Decay, str]:
    """The decay of the errors, and of the probabilities' squared errors where these say so sooner."""
    quadratic = squared(known)
    binary = known.kind == "classes"
    found = judge(values, reference, binary=binary, level=level)
    if quadratic is None:
        return found, found.detector
    other = judge(quadratic, reference, binary=False, share=_SCORE_SHARE, level=level)
    if other.alarm_at is None or (found.alarm_at is not None and found.alarm_at <= other.alarm_at):
        return found, found.detector
    import dataclasses

    current_from = max(other.change_at or 0, known.errors.size - 2_000)
    return dataclasses.replace(
        found,
        alarm_at=other.alarm_at,
        change_at=other.change_at,
        current=rate(values[current_from:], level=level),
        current_from=current_from,
    ), f"{other.detector}_of_squared_error"


def _segments(
    frame: pl.DataFrame,
    known: Labelled,
    values: NDArray[np.float64],
    question: Question,
    since: int,
    reference: int,
) -> tuple[list[Json], int]:
    if not question.segments:
        return [], 0
    from modelwright.monitoring.segments import compare

    columns = {name: frame[name][known.positions] for name in question.segments}
    found, small = compare(values, columns, since, reference, binary=known.kind == "classes")
    told = []
    for one in found:
        row = None if one.alarm_at is None else int(known.positions[one.alarm_at])
        told.append({
            "column": one.column, "group": one.group, "rows": one.rows, "before": one.before, "now": one.now,
            "p_adjusted": one.p_adjusted, "worse": one.worse, "alarm": row is not None, "alarm_at_row": row,
        })  # fmt: skip
    return told, small


# ---------------------------------------------------------------- telling


def _answer(
    known: Labelled,
    found: Decay,
    detector: str,
    question: Question,
    rows_before: int,
    rows: int,
    findings: list[Json],
    segments: list[Json],
    values: NDArray[np.float64],
) -> Json:
    def row(at: int | None) -> int | None:
        return None if at is None else int(known.positions[at]) - rows_before

    from modelwright.monitoring.measuring import measured

    before = measured(known, slice(0, found.reference), question.level)
    now = measured(known, slice(found.current_from, None), question.level)
    metric = "error_rate" if known.kind == "classes" else "mean_absolute_error"
    size = max(_LEAST_WINDOW, -(-values.size // _WINDOWS))
    shown = known.errors if known.kind == "classes" else values
    return {
        "alarm": found.alarm_at is not None,
        "alarm_at_row": row(found.alarm_at),
        "change_at_row": row(found.change_at),
        "detector": detector,
        "metric": metric,
        "estimate": {"metric": metric, **now[metric], "from_row": row(found.current_from)},
        "baseline": {"metric": metric, **before[metric], "rows": found.reference},
        "metrics": {"baseline": before, "current": now},
        "improved": found.improved_at is not None,
        "improved_at_row": row(found.improved_from),
        "task": "classification" if known.kind == "classes" else "regression",
        "rows": rows - rows_before,
        "labelled_rows": int(known.errors.size),
        "detectors": {
            "cusum": {
                "alarm_at_row": row(found.cusum_alarm_at), "evidence_nats": found.evidence, "needed_nats": found.needed
            },
            "e_process": {"alarm_at_row": row(found.e_alarm_at), "log_e_value": found.log_e},
            "false_alarms": "at most 1 % of streams of 10,000 stable labels",
            "variance_inflation": found.inflation,
            "smallest_rise_in_1000_rows": found.smallest_rise,
        },
        "windows": [_window(one, known, rows_before) for one in windows(shown, size, found.inflation, question.level)],
        "segments": segments,
        "findings": findings,
    }  # fmt: skip


def _window(one: Json, known: Labelled, rows_before: int) -> Json:
    first, last = one["start"], one["start"] + one["rows"]
    told = {**one, "start": int(known.positions[first]) - rows_before,
            "end": int(known.positions[last - 1]) - rows_before}  # fmt: skip
    if known.kind == "numbers":
        told["mean_absolute_error"] = float(known.errors[first:last].mean())
        told["median_absolute_error"] = float(np.median(known.errors[first:last]))
    return told


def _finding(code: str, severity: str, message: str, subject: str = "data", **evidence: Any) -> Json:
    return {"code": code, "severity": severity, "subject": subject, "message": message, **evidence}


def _findings(known: Labelled, found: Decay, rows: int) -> list[Json]:
    told = [_finding(code, "low" if code != "decay.constant_truth" else "medium", text) for code, text in known.notes]
    n = known.errors.size
    if n < rows:
        told.append(_finding("decay.unlabelled", "info", f"{rows - n:,} of {rows:,} rows lack a truth or a prediction"))
    if n < LEAST_ROWS:
        message = f"{n:,} labelled rows are too few to say whether the model decays; {LEAST_ROWS} are the least"
        told.append(_finding("decay.too_few", "medium", message, undecided=True))
    worth = found.baseline.worth
    if worth < _LEAST_WORTH and n >= LEAST_ROWS:
        message = (
            f"the reference of {found.reference:,} rows is worth about {worth:.0f} independent ones: too few to judge "
            f"by, whether an alarm is given or not; take a longer reference, {_LEAST_WORTH} is the least"
        )
        told.append(_finding("decay.short_reference", "medium", message, undecided=True))
    if found.inflation > 1.5:
        message = f"errors depend on their neighbours: {found.inflation:.1f} rows tell as much as one independent row"
        told.append(_finding("decay.dependent", "info", message))
    if found.alarm_at is not None:
        what = "error rate" if known.kind == "classes" else "errors (as ranks among the reference's)"
        message = (
            f"the model became worse: {what} {found.baseline.value:.4g} before, {found.current.value:.4g} now "
            f"({found.current.low:.4g} to {found.current.high:.4g})"
        )
        told.append(_finding("decay.worse", "high", message, "model"))
    if found.improved_at is not None:
        told.append(_finding("decay.improved", "info", "the model became better than its reference", "model"))
    return told


def _of_segment(one: Json) -> Json:
    message = (
        f"{one['column']} = {one['group']} became worse: {one['before']['value']:.4g} before, "
        f"{one['now']['value']:.4g} now ({one['now']['low']:.4g} to {one['now']['high']:.4g})"
    )
    return _finding("decay.segment", "medium", message, f"segment:{one['column']}={one['group']}")
