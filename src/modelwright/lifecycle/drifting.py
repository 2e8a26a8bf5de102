"""Find the reference and the current rows that somebody means, and answer with one JSON object."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import DataError, NotFoundError
from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.core.ports import ReadOptions

if TYPE_CHECKING:
    import polars as pl

    from modelwright.monitoring.drift_tables import Options, Reference, Report

#: prefix of a current side that is a model's prediction log
LOG = "log:"
#: so many entries of columns are listed in full; beyond, only those that a window stumbles over
_MOST_ENTRIES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    reference: str
    current: str
    time: str | None = None
    ignore: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    by: str | None = None


def drift_between(wanted: Wanted, options: Options, workspace: Path) -> dict[str, Any]:
    """Raises DataError, SpecError or NotFoundError naming the side that is wrong."""
    from modelwright.monitoring.drift_tables import drift_of
    from modelwright.monitoring.windows import segments

    frame, from_log = _current(wanted, workspace)
    time = wanted.time or ("at" if from_log else None)
    reference = _reference(wanted, frame, time, workspace)
    _check_windows(reference, options)
    found = as_result(drift_of(reference, frame, options), options)
    found["left_out"] = [{"name": each.name, "reason": each.reason} for each in reference.left_out]
    found["reference"] = {"rows": reference.n_rows, "columns": len(reference.watched)}
    if wanted.by is not None:
        found["segments"] = _segments(segments, wanted.by, reference, frame, options)
        found["alarm"] = found["alarm"] or any(each["alarm"] for each in found["segments"])
    return found


def drift_of_log(
    workspace: Path, model: str, options: Options, *, since: datetime | None = None, until: datetime | None = None
) -> dict[str, Any]:
    """A registered model's logged rows against the reference in its own bundle."""
    wanted = Wanted(reference=model, current=LOG + model, since=since, until=until)
    return drift_between(wanted, options, workspace)


def _segments(segments: Any, by: str, reference: Reference, frame: pl.DataFrame, options: Options) -> list[Any]:
    from modelwright.monitoring.drift_tables import drift_of
    from modelwright.monitoring.reference import check_column

    check_column(frame, by, "current")
    parts = segments(frame, by)
    shared = replace(options, alarms_per_day=options.alarms_per_day / max(1, len(parts)), joint=False)
    return [{"segment": name, **as_result(drift_of(reference, part, shared), shared)} for name, part in parts]


# ---------------------------------------------------------------- sides


def _current(wanted: Wanted, workspace: Path) -> tuple[pl.DataFrame, bool]:
    name = wanted.current.removeprefix(LOG)
    if wanted.current.startswith(LOG) or _is_model(wanted.current, workspace):
        return _logged(name, wanted, workspace), True
    return _table(wanted.current, "current"), False


def _is_model(name: str, workspace: Path) -> bool:
    if Path(name).exists() or "/" in name or "." in name or not (workspace / "journal.sqlite").exists():
        return False
    from modelwright.lifecycle.scoring import identity

    try:
        identity(name, workspace)
    except NotFoundError:
        return False
    return True


def _logged(name: str, wanted: Wanted, workspace: Path) -> pl.DataFrame:
    """Served rows with the columns' own names; answers as `prediction` and `probability_<class>`."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import read

    model = name.replace("@", ":", 1).partition(":")[0]
    rows = read(workspace, model, wanted.since, wanted.until).collect()
    if rows.height == 0 and not _is_model(model, workspace):
        raise NotFoundError(
            f"There are no logged predictions of '{model}', and no model has that name.",
            code="drift.no_log",
            hint="`modelwright models list` shows the models, `modelwright log status` what is logged",
            subject=f"model:{model}",
        )
    features = {each: each.removeprefix("f_") for each in rows.columns if each.startswith("f_")}
    chances = {each: f"probability_{each.removeprefix('p_')}" for each in rows.columns if each.startswith("p_")}
    answer = "prediction" if rows["prediction"].null_count() < rows.height else "value"
    return rows.select(
        pl.col("at").dt.replace_time_zone(None),
        pl.col(answer).alias("prediction"),
        *(pl.col(each).alias(new) for each, new in chances.items()),
        *(pl.col(each).alias(new) for each, new in features.items() if new not in ("at", "prediction")),
    )


def _table(source: str, which: str) -> pl.DataFrame:
    from modelwright.data.read import read_table

    with tempfile.TemporaryDirectory(prefix="modelwright-") as cache:
        try:
            return read_table(source, ReadOptions(), base_dir=Path.cwd(), cache_dir=Path(cache)).frame
        except DataError as error:
            raise DataError(
                f"The {which} table cannot be used. {error.message}",
                code=error.code,
                hint=error.hint,
                subject=error.subject,
            ) from error


def _bundle_folder(wanted: str, workspace: Path) -> Path | None:
    """The bundle that is meant, or None where a table is meant."""
    from modelwright.lifecycle.scoring import find_bundle

    path = Path(wanted)
    if path.is_dir() and not any((path / inner).is_file() for inner in ("manifest.json", "bundle/manifest.json")):
        return None
    if path.is_file() or "://" in wanted:
        return None
    if not path.exists() and ("/" in wanted or "." in wanted or "*" in wanted):
        return None
    return find_bundle(wanted, workspace)


def _reference(wanted: Wanted, frame: pl.DataFrame, time: str | None, workspace: Path) -> Reference:
    folder = _bundle_folder(wanted.reference, workspace)
    if folder is not None:
        return _of_bundle(folder, frame, time, wanted.ignore)
    return of_table(_table(wanted.reference, "reference"), frame, time=time, ignore=wanted.ignore)


def _of_bundle(folder: Path, frame: pl.DataFrame, time: str | None, ignore: Collection[str]) -> Reference:
    from modelwright.monitoring.drift_tables import Reference
    from modelwright.monitoring.reference import LeftOut, Watched, check_column
    from modelwright.registry.reading import read_verified
    from modelwright.registry.reference_state import FILE, read_reference

    verified = read_verified(folder)
    state = read_reference(verified.files[FILE])
    signature = verified.manifest.signature
    watched, left = [], []
    for each in signature.inputs:
        if each.name in ignore or each.name == time:
            left.append(LeftOut(each.name, "left out as asked" if each.name in ignore else "it is the time"))
        elif each.type is ColumnType.DATETIME:
            left.append(LeftOut(each.name, "a clock moves by itself"))
        else:
            watched.append(Watched(each.name, each.type, each.format))
    columns = {each.name: state.columns[each.name] for each in watched}
    for name, column in state.predictions.items():
        if name in frame.columns and name not in ignore:
            watched.append(Watched(name, column.type, "", "prediction"))
            columns[name] = column
    if time is not None:
        check_column(frame, time, "current")
    return Reference(
        columns=columns,
        watched=tuple(watched),
        left_out=tuple(left),
        n_rows=state.n_rows,
        time=None if time is None else _time(frame, time),
    )


def of_table(reference: pl.DataFrame, frame: pl.DataFrame, *, time: str | None, ignore: Collection[str]) -> Reference:
    """A reference from rows at hand. Raises DataError (`drift.empty`, `drift.column`)."""
    import numpy as np

    from modelwright.monitoring.drift_tables import Reference
    from modelwright.monitoring.reference import check_column, frozen, plan, seconds_of, stored

    if reference.height == 0 or reference.width == 0:
        raise DataError(
            "The reference table has no rows.",
            code="drift.empty",
            hint="check the path or the export: a reference needs rows, best ten times those of a window",
            subject="data.reference",
        )
    for name in ignore:
        if name not in reference.columns:
            check_column(frame, name, "reference nor in the current")
    if time is not None:
        check_column(frame, time, "current")
    planned = plan(reference, time=time, ignore=ignore)
    clock = planned.time or (None if time is None else _time(frame, time))
    seconds = None
    if planned.time is not None:
        seconds = seconds_of(reference, planned.time)
        there = ~np.isnan(seconds)
        order = np.flatnonzero(there)[np.argsort(seconds[there], kind="stable")]
        reference, seconds = reference[order], seconds[order]
    now = stored(reference, planned.watched)
    if planned.time is not None and planned.time.type is not ColumnType.DATETIME:
        seconds = None  # it counts, so it orders the rows and knows no hours
    return Reference(
        columns=frozen(now.frame, planned.watched),
        watched=planned.watched,
        left_out=planned.left_out,
        n_rows=reference.height,
        rows=now.frame,
        seconds=seconds,
        time=clock,
        padded={name: int(around.sum()) for name, around in now.padded.items()},
    )


def _time(frame: pl.DataFrame, name: str) -> Column:
    from modelwright.data import guesses

    found = guesses.guess(frame[name], is_target=True)
    if found.type is ColumnType.NUMBER:
        return msgspec.structs.replace(found, role=Role.TIME)
    return guesses.as_declared(frame[name], ColumnType.DATETIME, "the time")


def _check_windows(reference: Reference, options: Options) -> None:
    from modelwright.core.errors import SpecError

    if options.window.seconds is None:
        return
    if reference.time is None or reference.time.type is not ColumnType.DATETIME:
        raise SpecError(
            "A window of time needs a column of times."
            if reference.time is None
            else f"The column '{reference.time.name}' counts and tells no time, so windows are given in rows.",
            code="drift.window",
            hint="name the column with --time, or give --window as rows, such as 500",
            subject="option:window",
        )


# ---------------------------------------------------------------- answer


def as_result(report: Report, options: Options) -> dict[str, Any]:
    """Builtins, columns that alarm first."""
    entries = sum(len(window.features) for window in report.windows)
    windows = []
    for window in report.windows:
        features = sorted(window.features, key=lambda each: (not each.alarm, not each.seen, each.p_adjusted))
        if entries > _MOST_ENTRIES:
            features = [each for each in features if each.seen or each.p_adjusted < 0.05]
        windows.append(
            {
                "start": window.start,
                "rows": window.rows,
                "alarm": window.alarm,
                "undecided": window.undecided or None,
                "features": [asdict(each) for each in features],
                "joint": window.joint,
            }
        )
    learned, visible = report.learned, report.visible
    return {
        "alarm": any(window.alarm for window in report.windows),
        "alarmed": sorted({each.name for window in report.windows for each in window.features if each.alarm}),
        "windows": windows,
        "findings": [msgspec.to_builtins(each) for each in report.findings],
        "smallest_shift": None if visible is None else asdict(visible),
        "budget": {
            "alarms_per_day": options.alarms_per_day,
            "windows_per_day": report.windows_per_day,
            "level": learned.level,
        },
        "calibration": {
            "how": learned.how,
            "blocks": learned.blocks,
            "block_rows": learned.block_rows,
            "replayed_alarms": learned.replayed_alarms,
            "seasons": {name: known.strata.kind for name, known in learned.columns.items() if known.strata is not None},
        },
    }
