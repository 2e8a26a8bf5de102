"""The pictures of a run other than its curves. What the record does not hold gives no picture, never an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from modelwright.core.report import Report
from modelwright.core.run import RunRecord
from modelwright.documents import facts, pictures
from modelwright.documents.pictures.canvas import finite
from modelwright.documents.words import bounds, metric_name, number, plain, share, split_name


def key_figure(record: RunRecord) -> Markup:
    """The primary metric of the model against every baseline and the goal."""
    report = record.report
    estimate = facts.primary(record)
    if report is None or estimate is None:
        return Markup("")
    name = record.chosen_family.replace("_", " ") or "model"
    rows = [_row(f"{name} (this model)", estimate, "s1")]
    known = [(name, found[report.metric]) for name, found in sorted(report.baselines.items()) if report.metric in found]
    known.sort(key=lambda pair: pair[1].value, reverse=report.greater_is_better)
    rows += [_row(name.replace("_", " "), found, "s2") for name, found in known[:6]]
    marks = (("goal", report.goal),) if report.goal is not None else ()
    better = "more is better" if report.greater_is_better else "less is better"
    title = f"{metric_name(report.metric)} of the model and its baselines"
    axis = f"{metric_name(report.metric)}, {better}"
    return pictures.dots(pictures.Plot(title=title, rows=tuple(rows), axis=axis, marks=marks))


def leaderboard(record: RunRecord) -> Markup:
    """Every candidate that got a score, with its interval."""
    rows = [
        pictures.Row(
            label=row.name,
            dot=pictures.Dot(value=row.score, low=row.low, high=row.high),
            css="s1" if row.chosen else "muted",
            strong=row.chosen,
        )
        for row in facts.leaderboard(record)
        if row.score is not None
    ]
    axis = metric_name(record.report.metric) if record.report else "score"
    return pictures.dots(
        pictures.Plot(title="Candidates by score", rows=tuple(rows[:24]), axis=f"{axis}, cross-validated")
    )


def trials(record: RunRecord) -> Markup:
    scores = []
    for place, trial in enumerate(record.trials):
        found = finite([trial.get("score", trial.get("value"))])
        if found:
            number_ = trial.get("number", place)
            scores.append(
                (number_ if isinstance(number_, int) else place, found[0], plain(trial.get("params", ""), 100))
            )
    better = record.report.greater_is_better if record.report else True
    name = metric_name(record.report.metric) if record.report else "score"
    return pictures.trials(scores, greater_is_better=better, metric=name)


def split(record: RunRecord) -> Markup:
    """Training, validation and sealed rows as parts of the whole, with the time each spans."""
    if record.split is None:
        return Markup("")
    parts = []
    for css, name in (("s1", "train"), ("s3", "val"), ("s2", "test")):
        n = record.split.rows.get(name, 0)
        span = record.split.spans.get(name)
        note = f"{n:,} rows" + (f"\nfrom {_day(span[0])}\nto {_day(span[1])}" if span else "")
        parts.append(pictures.Part(label=split_name(name), value=n, note=note, css=css))
    return pictures.proportions(f"{record.split.kind} split", parts)


def missing(profile: Mapping[str, Any], limit: int = 12) -> Markup:
    """The columns with most missing values; nothing where the table is complete."""
    found = []
    for name, column in columns_of(profile):
        part = finite([column.get("missing_share")])
        if part and part[0] > 0:
            found.append(pictures.Part(label=name, value=part[0], note=share(part[0]), css="s2"))
    found.sort(key=lambda part: (-part.value, part.label))
    return pictures.bars("Missing values by column", found[:limit], whole=1.0)


def importances(report: Report, limit: int = 15) -> Markup:
    rows = [
        pictures.Row(
            label=each.column,
            dot=pictures.Dot(value=each.value, low=each.low, high=each.high),
            css="s1" if (each.low if each.low is not None else each.value) > 0 else "muted",
        )
        for each in sorted(report.importances, key=lambda each: (-each.value, each.column))[:limit]
    ]
    axis = f"loss of {metric_name(report.metric)} when the column is shuffled"
    return pictures.dots(pictures.Plot(title="Importance of the columns", rows=tuple(rows), axis=axis, zero=True))


def slices(report: Report, limit: int = 16) -> Markup:
    """The metric on the weakest groups, with the whole as a line."""
    weakest = sorted(report.slices, key=lambda each: (each.difference, each.condition))[:limit]
    rows = tuple(
        pictures.Row(
            label=each.condition,
            dot=pictures.Dot(value=each.estimate.value, low=each.estimate.low, high=each.estimate.high),
            css="s2" if each.difference < 0 else "s1",
            note=f"{number(each.estimate.value)} · {each.n:,} rows",
        )
        for each in weakest
    )
    try:
        everywhere = next((each.whole for each in report.slices if each.whole is not None), None)
        whole = report.primary.value if everywhere is None else everywhere
        marks: tuple[tuple[str, float], ...] = (("all rows", whole),)
    except KeyError:
        marks = ()
    axis = metric_name(facts.slice_metric(report))
    return pictures.dots(pictures.Plot(title="Groups of rows", rows=rows, axis=axis, marks=marks))


def timeline(record: RunRecord) -> Markup:
    steps = [(step.name, step.seconds, step.reused) for step in record.steps]
    if not steps:
        steps = [(name, seconds, False) for name, seconds in record.timings_s.items() if name != "total"]
    return pictures.timeline("Time of each step", steps[:30])


def columns_of(profile: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Columns of a data profile, whether given as a mapping by name or as a list."""
    found = profile.get("columns", {})
    if isinstance(found, Mapping):
        return [(str(name), dict(column)) for name, column in found.items() if isinstance(column, Mapping)]
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [(str(column.get("name", "")), dict(column)) for column in found if isinstance(column, Mapping)]
    return []


def _row(label: str, estimate: Any, css: str) -> pictures.Row:
    dot = pictures.Dot(value=estimate.value, low=estimate.low, high=estimate.high)
    note = f"{number(estimate.value)}  ({bounds(estimate)})" if bounds(estimate) else number(estimate.value)
    return pictures.Row(label=label, dot=dot, css=css, note=note, strong=css == "s1")


def _day(text: str) -> str:
    """A moment as its day, where the day says enough."""
    return text[:10] if len(text) > 10 and text[10] in "T " else text
