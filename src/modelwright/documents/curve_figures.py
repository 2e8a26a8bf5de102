"""The curves of a report as pictures. Data that is missing or misshapen gives no picture, never an error.

The shapes are those of `modelwright.evaluation.curves`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from modelwright.core.nouns import Task
from modelwright.core.report import Report
from modelwright.documents import pictures
from modelwright.documents.pictures.canvas import finite, pairs
from modelwright.documents.words import metric_name, number, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    title: str
    #: one sentence: how to read it
    caption: str
    picture: Markup


def curves(report: Report) -> list[Figure]:
    """Every curve there is data for, in a fixed order."""
    found: list[Figure] = []
    for make in (
        _roc,
        _precision_recall,
        _roc_by_class,
        _precision_recall_by_class,
        _calibration,
        _confusion,
        _scores,
        _thresholds,
        _costs,
        _cost_by_threshold,
        _actual,
        _spread,
        _residuals,
        _errors,
        _tails,
    ):
        figure = make(report)
        if figure is not None and figure.picture:
            found.append(figure)
    return found


def _roc(report: Report) -> Figure | None:
    series = _series(report.curves.get("roc"), "false_positive_rate", "true_positive_rate")
    if not series:
        return None
    rates = _rates(report)
    at = (rates["false_alarms"], rates["recall"]) if rates else None
    caption = "How many real cases are found for each false alarm; the dashed line is guessing."
    area = finite([_pick(report.curves["roc"], "auc")])
    caption += f" Area {number(area[0])}." if area else ""
    caption += " The ring is the threshold in use." if at else ""
    return Figure(title="ROC curve", caption=caption, picture=pictures.roc(series, at=at))


def _precision_recall(report: Report) -> Figure | None:
    data = report.curves.get("precision_recall")
    series = _series(data, "recall", "precision")
    if not series:
        return None
    rate = finite([_pick(data, "base_rate")])
    rates = _rates(report)
    return Figure(
        title="Precision and recall",
        caption="How often an alarm is right, for each share of real cases found; the dashed line is guessing.",
        picture=pictures.precision_recall(
            series,
            prevalence=rate[0] if rate else None,
            at=(rates["recall"], rates["precision"]) if rates else None,
        ),
    )


def _roc_by_class(report: Report) -> Figure | None:
    series = _by_class(report.curves.get("roc_by_class"))
    if not series:
        return None
    caption = "Each class against all others: real cases found for each false alarm; the dashed line is guessing."
    return Figure(
        title="ROC curve by class", caption=caption + _left_out(report, "roc_by_class"), picture=pictures.roc(series)
    )


def _precision_recall_by_class(report: Report) -> Figure | None:
    series = _by_class(report.curves.get("precision_recall_by_class"))
    if not series:
        return None
    caption = "Each class against all others: how often naming it is right, for each share of it found."
    return Figure(
        title="Precision and recall by class",
        caption=caption + _left_out(report, "precision_recall_by_class"),
        picture=pictures.precision_recall(series),
    )


#: lines that can be told apart in one picture
_LINES = 6
#: constant answers shown beside the model's cost
_ALWAYS = 8


def _by_class(data: Any) -> dict[str, list[tuple[float, float]]]:
    """`{class: {x, y, area}}` as named lines, those of least area first: they are the ones to look at."""
    if not isinstance(data, Mapping):
        return {}
    found = []
    for name, inner in data.items():
        points = pairs(inner.get("x"), inner.get("y")) if isinstance(inner, Mapping) else []
        if points:
            area = finite([inner.get("area")])
            found.append((area[0] if area else 1.0, f"{name}  {number(area[0])}" if area else str(name), points))
    found.sort(key=lambda each: (each[0], each[1]))
    return {name: points for _, name, points in found[:_LINES]}


def _left_out(report: Report, name: str) -> str:
    n = len(report.curves[name])
    return f" The {_LINES} weakest of {n} classes are shown." if n > _LINES else " The number is the area below."


def _calibration(report: Report) -> Figure | None:
    data = report.curves.get("calibration")
    if not isinstance(data, Mapping):
        return None
    columns = [data.get(name) for name in ("predicted", "observed", "rows", "low", "high")]
    longest = max((len(column) for column in columns if isinstance(column, list | tuple)), default=0)
    columns = [column if isinstance(column, list | tuple) else [None] * longest for column in columns]
    bins = [
        pictures.Bin(predicted=p, observed=o, rows=n or 1, low=low, high=high)
        for p, o, n, low, high in zip(*columns, strict=False)
        if len(finite([p, o])) == 2
    ]
    if not bins:
        return None
    whose = "of the likeliest class " if report.task is Task.MULTICLASS else ""
    caption = f"Whether 30 % means 30 %: dots on the dashed line are honest probabilities {whose}".strip() + "."
    error, chance = finite([data.get("expected_error")]), finite([data.get("chance_error")])
    if error:
        caption += f" Off by {number(error[0])} on average"
        caption += f"; chance alone would give {number(chance[0])}." if chance else "."
    return Figure(title="Calibration", caption=caption, picture=pictures.calibration(bins))


def _confusion(report: Report) -> Figure | None:
    data = report.curves.get("confusion")
    if not isinstance(data, Mapping):
        return None
    classes = data.get("classes") or []
    counts = data.get("counts") or []
    try:
        picture = pictures.confusion([str(name) for name in classes], [[float(n) for n in row] for row in counts])
    except (TypeError, ValueError):
        return None
    caption = "What was, against what the model said. Blue is right, orange is wrong; darker is a larger share."
    return Figure(title="Confusion matrix", caption=caption, picture=picture)


def _scores(report: Report) -> Figure | None:
    data = report.curves.get("scores")
    if not isinstance(data, Mapping):
        return None
    edges, groups = finite(data.get("edges") or []), data.get("counts")
    if not isinstance(groups, Mapping):
        return None
    series = {str(k): finite(v) for k, v in groups.items() if isinstance(v, Sequence) and not isinstance(v, str)}
    series = {name: counts for name, counts in series.items() if len(counts) == len(edges) - 1}
    mark = ("threshold", report.decision_threshold) if report.decision_threshold is not None else None
    names = ("predicted probability", "rows")
    return Figure(
        title="Scores by class",
        caption="How far apart the model keeps the classes; overlap is where it errs.",
        picture=pictures.overlaid("Scores by class", edges, series, names, mark=mark) if series else Markup(""),
    )


def _thresholds(report: Report) -> Figure | None:
    data = report.curves.get("threshold")
    if not isinstance(data, Mapping):
        return None
    named = {"share": "share of alarms"}
    series = {
        named.get(name, metric_name(name)): points
        for name, values in data.items()
        if name != "threshold" and (points := pairs(data.get("threshold"), values))
    }
    mark = ("in use", report.decision_threshold) if report.decision_threshold is not None else None
    return Figure(
        title="Choice of the threshold",
        caption="What each decision threshold would give.",
        picture=pictures.lines(
            "Metrics by decision threshold", series, ("decision threshold", ""), mark=mark, y_range=(0, 1)
        ),
    )


def _costs(report: Report) -> Figure | None:
    """What a row costs by evaluation.cost: this model, and each answer given always."""
    data = report.curves.get("cost")
    always = data.get("always") if isinstance(data, Mapping) else None
    value = finite([_pick(data, "value")])
    if not value or not isinstance(always, Mapping):
        return None
    others = [(str(name), found[0]) for name, cost in always.items() if (found := finite([cost]))]
    others.sort(key=lambda pair: (pair[1], pair[0]))
    rows = [pictures.Row(label="this model", dot=pictures.Dot(value=value[0]), note=number(value[0]), strong=True)]
    rows += [
        pictures.Row(label=f"always '{name}'", dot=pictures.Dot(value=cost), css="s2", note=number(cost))
        for name, cost in others[:_ALWAYS]
    ]
    saved = finite([_pick(data, "saved")])
    caption = "Mean cost of a row by evaluation.cost; less is better."
    if saved:
        caption += f" The model saves {number(saved[0])} a row." if saved[0] > 0 else " The model does not pay."
    plot = pictures.Plot(title="Cost", rows=tuple(rows), axis="mean cost of a row")
    return Figure(title="What answers cost", caption=caption, picture=pictures.dots(plot))


def _cost_by_threshold(report: Report) -> Figure | None:
    data = report.curves.get("cost")
    points = pairs(data.get("threshold"), data.get("cost")) if isinstance(data, Mapping) else []
    if not points:
        return None
    mark = ("in use", report.decision_threshold) if report.decision_threshold is not None else None
    return Figure(
        title="Cost by threshold",
        caption="Mean cost of a row for each decision threshold; the lowest point is the cheapest.",
        picture=pictures.lines(
            "Mean cost by decision threshold", {"": points}, ("decision threshold", "mean cost of a row"), mark=mark
        ),
    )


def _actual(report: Report) -> Figure | None:
    data = report.curves.get("predicted_vs_actual")
    if not isinstance(data, Mapping):
        return None
    points = pairs(data.get("actual"), data.get("predicted"))
    return Figure(
        title="Predicted and actual",
        caption="Each dot is a row; on the dashed line prediction and truth agree.",
        picture=pictures.predicted_vs_actual(points),
    )


def _spread(report: Report) -> Figure | None:
    data = report.curves.get("residuals")
    if not isinstance(data, Mapping):
        return None
    points = pairs(data.get("predicted"), data.get("residual"))
    return Figure(
        title="Residuals by prediction",
        caption="A bend or a fan here is something the model has missed.",
        picture=pictures.residuals(points),
    )


def _residuals(report: Report) -> Figure | None:
    data = report.curves.get("residuals")
    if not isinstance(data, Mapping):
        return None
    edges, counts = finite(data.get("edges") or []), finite(data.get("counts") or [])
    picture = pictures.overlaid("Residuals", edges, {"": counts}, ("actual − predicted", "rows"), mark=("", 0.0))
    mean = finite([data.get("mean")])
    caption = "What is left over after the prediction; a narrow hill around zero is what one hopes for."
    caption += f" Mean {number(mean[0])}." if mean else ""
    return Figure(title="Residuals", caption=caption, picture=picture)


def _errors(report: Report) -> Figure | None:
    data = report.curves.get("error_quantiles")
    points = pairs(data.get("share"), data.get("absolute_error")) if isinstance(data, Mapping) else []
    return Figure(
        title="Size of the errors",
        caption="The share of rows whose error is at most this large.",
        picture=pictures.lines(
            "Absolute error by share of rows",
            {"": points},
            ("share of rows", "absolute error"),
            y_range=(0, max(y for _, y in points) * 1.05 or 1.0),
        )
        if points
        else Markup(""),
    )


def _tails(report: Report) -> Figure | None:
    """How much of each sum the worst hundredth of the rows makes up."""
    data = report.curves.get("tails")
    named = {"squared_error": "squared error", "target": "variance of the target", "relative_error": "relative error"}
    told = {name: finite([_pick(data, key)]) for key, name in named.items()}
    found = [(name, values[0]) for name, values in told.items() if values]
    if not any(value > 0 for _, value in found):
        return None
    parts = [pictures.Part(label=name, value=value, note=share(value)) for name, value in found]
    caption = "What the 1 % of rows that are farthest off make up. Above a third, a score made of it tells of few rows."
    near = finite([_pick(data, "near_zero")])
    if near and near[0] > 0:
        caption += f" The target is close to zero in {share(near[0])} of rows, where relative errors explode."
    picture = pictures.bars("Share of the worst hundredth", parts, whole=1.0)
    return Figure(title="What few rows decide", caption=caption, picture=picture)


def _series(data: Any, x: str, y: str) -> dict[str, list[tuple[float, float]]]:
    """One curve, or one per class; the single curve of a binary model has no name."""
    if not isinstance(data, Mapping):
        return {}
    single = pairs(data.get(x), data.get(y))
    if single:
        return {"": single}
    found = {}
    for name, inner in data.items():
        points = pairs(inner.get(x), inner.get(y)) if isinstance(inner, Mapping) else []
        if points:
            found[str(name)] = points
    return dict(list(found.items())[:6])


def _rates(report: Report) -> dict[str, float]:
    """Where the decision threshold in use stands on both curves, from the confusion counts of a binary model."""
    data = report.curves.get("confusion")
    counts = data.get("counts") if isinstance(data, Mapping) else None
    rows = counts if isinstance(counts, Sequence) and not isinstance(counts, str) else ()
    cells = [cell for row in rows for cell in finite(row)]
    if report.task is not Task.BINARY or len(cells) != 4:
        return {}
    right_no, false_yes, false_no, right_yes = cells
    yes, no, said = right_yes + false_no, right_no + false_yes, right_yes + false_yes
    if not (yes and no and said):
        return {}
    return {"recall": right_yes / yes, "false_alarms": false_yes / no, "precision": right_yes / said}


def _pick(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None
